"""`nbkeep grant`: asked for by a person, decided by the operator; and the ask-list of a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from cli_parts import be

from grants_parts import PROFILE

if TYPE_CHECKING:
    import pytest
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests


def test_a_grant_from_its_request_to_its_end(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = nbkeep("profile", "set", PROFILE, "--egress-asklist", "huggingface.co,*.pypi.org")
    assert "huggingface.co, *.pypi.org" in made.out
    assert "One may ask for huggingface.co and *.pypi.org" in made.out
    edited = nbkeep("profile", "set", PROFILE, "--egress-asklist", "-*.pypi.org", "--json")
    assert edited.json["egress_asklist"] == ["huggingface.co"]
    jane = served.user()
    session = served.ready(jane)
    why = nbkeep("network", "explain", "huggingface.co", "--session", session)
    assert f"nbkeep grant request huggingface.co:443 --session {session}" in why.out
    asking = ("grant", "request", "huggingface.co", "--reason", "Weights", "--for", "2h")
    nobody = nbkeep(*asking, "--session", session)
    assert (nobody.code, "the operator is none" in nobody.err) == (1, True)
    with monkeypatch.context() as hers:
        be(served, jane, hers)
        request = nbkeep(*asking, "--session", session, "--json").json["id"]
        assert nbkeep(*asking, "--profile", PROFILE, "--json").json["id"] == request
        assert "Give either --session ID or --profile NAME" in nbkeep(*asking).err
        assert nbkeep("grant", "approve", request).code == 1
        refused = nbkeep("grant", "request", "other.example", "--reason", "x", "--session", session)
        assert "not on the profile's ask-list" in refused.err
        assert "You may ask for: huggingface.co:80,443" in refused.err
    listed = nbkeep("grant", "list", "--state", "requested").out
    assert request in listed
    assert "Weights" in listed
    longer = nbkeep("grant", "approve", request, "--for", "3h")
    assert "longer than the 2h that were asked for" in longer.err
    approved = nbkeep("grant", "approve", request, "--for", "1h")
    assert "granted" in approved.out
    why = nbkeep("network", "explain", "huggingface.co", "--session", session)
    assert f"grant {request} of jane until 2026-01-01 01:00 UTC" in why.out
    assert nbkeep("grant", "revoke", request, "--reason", "Enough").code == 0
    shown = nbkeep("grant", "show", request).out
    assert "revoked" in shown
    assert "Enough" in shown
    with monkeypatch.context() as hers:
        be(served, jane, hers)
        served.clock.advance(1)
        again = nbkeep(*asking, "--session", session, "--json").json["id"]
        assert "is withdrawn" in nbkeep("grant", "withdraw", again).err
        served.clock.advance(1)
        third = nbkeep(*asking, "--session", session, "--json").json["id"]
    assert "is denied" in nbkeep("grant", "deny", third, "--reason", "No").err
    assert [one["state"] for one in nbkeep("grant", "list", "--json").json] == [
        "denied",
        "withdrawn",
        "revoked",
    ]
    assert nbkeep("grant", "list", "--state", "moon").code == 1


def test_an_approval_of_a_flavor_is_asked_for_and_shown(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flavor of the profile has its name, as the seeds give it."""
    assert "not needed" in nbkeep("flavor", "show", PROFILE).out
    marked = nbkeep("flavor", "set", PROFILE, "--needs-approval")
    assert "needed before a session of it starts" in marked.out
    assert "needed" in nbkeep("flavor", "list").out
    assert "needed before a start" in nbkeep("profile", "show", PROFILE).out
    jane = served.user()
    asking = (
        "grant",
        "request",
        "--flavor",
        PROFILE,
        "--profile",
        PROFILE,
        "--reason",
        "Last run",
        "--for",
        "2h",
    )
    with monkeypatch.context() as hers:
        be(served, jane, hers)
        refused = nbkeep("session", "start", "--profile", PROFILE, "--no-wait")
        assert refused.code == 1
        assert f"need an approval (flavor {PROFILE}), and there is none" in refused.err
        assert f"nbkeep grant request --flavor {PROFILE} --profile {PROFILE}" in refused.err
        request = nbkeep(*asking, "--json").json["id"]
        both = nbkeep(
            "grant", "request", "a.example", "--flavor", PROFILE, "--profile", PROFILE, "--reason", "x"
        )
        neither = nbkeep("grant", "request", "--profile", PROFILE, "--reason", "x")
        assert [one.code for one in (both, neither)] == [1, 1]
        assert "Give either a host or --flavor FLAVOR" in both.err
        assert "waits for an answer" in nbkeep("session", "start", "--profile", PROFILE, "--no-wait").err
    assert nbkeep("grant", "approve", request, "--for", "1h").code == 0
    session = served.ready(jane)
    assert "2026-01-01 01:00" in nbkeep("session", "show", session).out
    with monkeypatch.context() as hers:
        be(served, jane, hers)
        approval = nbkeep("profile", "show", PROFILE, "--json").json["approval"]
        assert (approval["state"], approval["until"]) == ("granted", "2026-01-01T01:00:00+00:00")
    document = yaml.safe_load(nbkeep("export").out)
    entry = next(one for one in document["flavors"] if one["name"] == PROFILE)
    assert entry["needs_approval"] is True
    assert "not needed" in nbkeep("flavor", "set", PROFILE, "--no-approval").out


def test_an_ask_list_round_trips_as_a_file(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    del served
    assert nbkeep("profile", "set", PROFILE, "--egress-asklist", "a.example:80,443").code == 0
    document = yaml.safe_load(nbkeep("export").out)
    entry = next(one for one in document["profiles"] if one["name"] == PROFILE)
    assert entry["egress_asklist"] == ["a.example:80,443"]
    assert (document["settings"]["grants_max_s"], document["settings"]["grants_self_approval"]) == (
        28800,
        False,
    )
