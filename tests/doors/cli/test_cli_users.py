"""Inviting people and changing what they may do, from the command line to the database and back."""

from __future__ import annotations

from cli_parts import Nbkeep

from office_parts import OfficeForTests


def test_an_invitation_prints_the_link_alone_on_standard_output(nbkeep: Nbkeep):
    """So that it can be piped; who, and until when, stands on standard error."""
    done = nbkeep("user", "invite", "--email", "jane@acme.com")
    assert done.code == 0
    assert done.out.startswith("http://localhost:8000/portal/join/")
    assert done.out.count("\n") == 1
    assert "jane is invited" in done.err


def test_what_was_chosen_for_somebody_is_shown_afterwards(nbkeep: Nbkeep):
    nbkeep("user", "invite", "--email", "omar@acme.com", "--name", "o-m", "--role", "auditor",
           "--max-sessions", "0", "--home-size", "5GiB")  # fmt: skip
    found = nbkeep("user", "show", "o-m", "--json").json
    assert (found["role"], found["max_sessions"], found["home_size_bytes"]) == (
        "notebook.auditor",
        0,
        5 << 30,
    )
    table = nbkeep("user", "list").out.splitlines()
    assert table[0].split() == ["NAME", "ROLE", "STATUS", "SESSIONS", "E-MAIL", "SEEN"]
    assert table[1].split()[:5] == ["o-m", "auditor", "invited", "0", "omar@acme.com"]


def test_roles_limits_and_access_change_and_the_journal_knows_why(nbkeep: Nbkeep, served: OfficeForTests):
    served.user("jane")
    assert nbkeep("user", "role", "jane", "reviewer", "--reason", "helps out").code == 0
    assert nbkeep("user", "set", "jane", "--max-sessions", "7", "--json").json["max_sessions"] == 7
    assert nbkeep("user", "disable", "jane", "--reason", "left", "--yes").code == 0
    assert nbkeep("user", "list", "--status", "disabled", "--json").json[0]["name"] == "jane"
    assert nbkeep("user", "enable", "jane").code == 0
    found = nbkeep("audit", "search", "helps out", "--json").json
    assert found[0]["data"]["reason"] == "helps out"


def test_a_refusal_is_the_offices_own_sentence_and_code_1(nbkeep: Nbkeep):
    refused = nbkeep("user", "show", "nobody")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.splitlines() == [
        "Error: There is no user 'nobody'.",
        "       See `nbkeep user list`.",
    ]


def test_nothing_to_change_is_wrong_usage_and_code_2(nbkeep: Nbkeep, served: OfficeForTests):
    served.user("jane")
    refused = nbkeep("user", "set", "jane")
    assert refused.code == 2
    assert "--max-sessions" in refused.err


def test_without_a_terminal_a_destructive_verb_needs_yes(nbkeep: Nbkeep, served: OfficeForTests):
    served.user("jane")
    refused = nbkeep("user", "disable", "jane")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert nbkeep("user", "show", "jane", "--json").json["status"] == "active"


def test_names_that_would_leave_their_place_in_the_address_find_nothing(nbkeep: Nbkeep):
    """A name becomes one part of a path, whatever it holds."""
    for name in ("../profiles", "..", "a/b", "a?b=c", "", "%2e%2e", "x" * 5000):
        refused = nbkeep("user", "show", name)
        assert (refused.code, refused.out) == (1, ""), name
        assert "Error:" in refused.err


def test_what_others_wrote_cannot_steer_the_terminal(nbkeep: Nbkeep, served: OfficeForTests):
    """Escape sequences in names, reasons or file names are shown, not sent."""
    served.user("jane")
    nbkeep("user", "disable", "jane", "--yes", "--reason", "\x1b]0;owned\x07\x1b[2J")
    shown = nbkeep("audit", "tail")
    assert "\x1b" not in shown.out
    assert "\\x1b]0;owned" in shown.out
