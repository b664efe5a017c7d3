"""`nbkeep policy`, and `nbkeep profile --downloads`: what officers type, and what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli_parts import be

from guard_parts import PROFILE
from nbkeep.model.actor import Role
from project_parts import make

if TYPE_CHECKING:
    import pytest
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests


def test_policies_from_their_setting_to_their_removal(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    make(served, "orion")
    lines = (
        "set --class pii --gate export --gate share --secret deny --personal review",
        "set --gate all --unread deny",
        f"set --profile {PROFILE} --gate export --secret allow --nothing allow --unread review",
        "set --project orion --gate publish --secret allow",
        "list",
        "explain --gate export --class pii --found secret,personal",
        f"explain --gate export --profile {PROFILE} --project orion",
        "unset --class pii --gate share --found secret",
        "unset --class pii",
        "unset --class pii",
    )
    said = [nbkeep("policy", *line.split()) for line in lines]
    assert [one.code for one in said] == [0] * len(said), [one.err for one in said]
    assert (
        "Rules of projects only tighten. The default is stricter, and holds: publish of secret."
        in said[3].err
    )
    rows = [line.split() for line in said[4].out.splitlines()]
    assert ["class:pii", "share", "deny", "review", "-", "-", "operator,"] in [row[:7] for row in rows]
    assert ["everywhere", "publish", "-", "-", "deny", "-"] in [row[:6] for row in rows]
    assert ["everywhere", "save"] not in [row[:2] for row in rows]
    assert ["(default)", "export", "review", "review", "review", "allow"] in [row[:6] for row in rows]
    assert "Export is denied: secrets (rule of the class pii); also found: personal data." in said[5].err
    explained = [line.split()[:2] for line in said[6].out.splitlines()[1:]]
    assert explained == [
        ["secret", "allow"],
        ["personal", "review"],
        ["unread", "deny"],
        ["nothing", "allow"],
    ]
    assert [one.err.strip() for one in said[7:]] == [
        "Unset: 1 decision.",
        "Unset: 3 decisions.",
        "Nothing was set there.",
    ]
    found = nbkeep("policy", "list", "--json").json
    assert {one["scope"] for one in found["items"]} == {"everywhere", f"profile:{PROFILE}", "project:orion"}
    assert found["defaults"]["save"]["secret"] == "allow"
    told = nbkeep("policy", "explain", "--gate", "share", "--found", "unread", "--json").json
    assert (told["decision"], told["because"][0]["scope"]) == ("deny", "everywhere")


def test_what_cannot_be_is_refused_with_the_next_step(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    del served
    for line, said in (
        ("set --gate export", "Say what to change"),
        ("set --secret deny", "--gate"),
        ("set --gate export --secret maybe", "For export and secret set allow or redact or review or deny."),
        (
            "set --gate mail --secret deny",
            "Gates: save, download, export, share, publish, upload, push; or all.",
        ),
        ("set --gate save --secret review", "For save and secret set allow or deny."),
        ("set --class pii --profile x --gate export --secret deny", "Name one of them at a time"),
        ("set --profile nowhere --gate export --secret deny", "There is no profile 'nowhere'."),
        ("unset --project nowhere", "There is no project 'nowhere'."),
        ("unset --class pii --found viruses", "What can be found: secret, personal, unread, nothing."),
        ("explain --gate export --found viruses", "What can be found"),
        ("explain --gate export --class cosmic", "There is no classification 'cosmic'."),
    ):
        done = nbkeep("policy", *line.split())
        assert (done.code != 0, said in " ".join(done.err.split())) == (True, True), (line, done.err)
    done = nbkeep("policy", "unset", "--profile", "")
    assert (done.code, "There is no profile ''" in done.err) == (1, True), "never everything by an empty name"
    done = nbkeep("policy", "unset")
    assert done.code != 0, "all rules for everything are unset after a question only"
    assert nbkeep("policy", "unset", "--yes").code == 0


def test_an_auditor_reads_and_a_user_does_not(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    aud, jane = served.user("aud", Role.AUDITOR), served.user("jane")
    be(served, aud, monkeypatch)
    assert nbkeep("policy", "list").code == 0
    done = nbkeep("policy", "set", "--gate", "export", "--secret", "allow")
    assert (done.code, "admin:releases" in done.err) == (1, True)
    be(served, jane, monkeypatch)
    assert [nbkeep("policy", *line.split()).code for line in ("list", "explain --gate export")] == [1, 1]


def test_a_profile_says_what_is_downloaded(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    del served
    made = nbkeep("profile", "create", "teaching", "--flavor", "notebook-cpu-small", "--downloads", "deny")
    assert (made.code, "Nothing is downloaded" in made.out) == (0, True)
    changed = nbkeep("profile", "set", "teaching", "--downloads", "review", "--json").json
    assert changed["downloads"] == "review"
    assert "Files may be downloaded" in nbkeep("profile", "show", PROFILE).out
    wrong = nbkeep("profile", "set", "teaching", "--downloads", "redact")
    assert (wrong.code, "It is one of allow, review, deny." in wrong.err) == (1, True)
