"""`nbkeep mail`, and invitations that go by mail: as admins use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mail_parts import set_up_away

if TYPE_CHECKING:
    from pathlib import Path

    from cli_parts import Nbkeep

    from office_parts import OfficeForTests


def test_an_invitation_is_sent_where_mail_is_set_up_and_printed_otherwise(
    nbkeep: Nbkeep, served: OfficeForTests, tmp_path: Path
) -> None:
    assert "/portal/join/" in nbkeep("user", "invite", "--email", "ann@acme.com").out
    refused = nbkeep("user", "reset-link", "ann", "--mail")
    assert (refused.code, "Mail is not set up" in refused.err) == (1, True)
    set_up_away(served, tmp_path)
    said = nbkeep("user", "invite", "--email", "kim@acme.com")
    assert said.code == 0
    assert "/portal/join/" not in said.out + said.err
    assert "kim gets a link by mail at kim@acme.com" in said.out + said.err
    assert "/portal/join/" in nbkeep("user", "invite", "--email", "lee@acme.com", "--print-link").out
    served.clock.advance(1)
    again = nbkeep("user", "reset-link", "ann", "--mail")
    assert "ann gets a link by mail" in again.out + again.err
    listed = nbkeep("mail", "list", "--json").json
    assert [(one["to"], one["state"], one["kind"]) for one in listed] == [
        ("ann", "waiting", "link"),
        ("kim", "waiting", "link"),
    ]


def test_what_waits_is_listed_tried_again_and_discarded(
    nbkeep: Nbkeep, served: OfficeForTests, tmp_path: Path
) -> None:
    assert "not set up" in nbkeep("mail", "status").out + nbkeep("mail", "status").err
    set_up_away(served, tmp_path)
    nbkeep("user", "invite", "--email", "kim@acme.com")
    (one,) = nbkeep("mail", "list", "--json").json
    assert "kim" in nbkeep("mail", "list").out
    assert nbkeep("mail", "retry", one["id"]).code == 0
    assert "127.0.0.1:9" in nbkeep("mail", "status").out
    assert nbkeep("mail", "discard", one["id"], "--yes").code == 0
    assert nbkeep("mail", "list", "--json").json == []
    missing = nbkeep("mail", "retry", one["id"])
    assert (missing.code, "There is no mail" in missing.err) == (1, True)
    bad = nbkeep("mail", "list", "--state", "lost")
    assert (bad.code, "There is no state" in bad.err) == (1, True)


def test_a_test_says_why_it_failed(nbkeep: Nbkeep, served: OfficeForTests, tmp_path: Path) -> None:
    assert "Mail is not set up" in nbkeep("mail", "test", "--to", "jane@acme.com").err
    set_up_away(served, tmp_path)
    said = nbkeep("mail", "test", "--to", "jane@acme.com")
    assert (said.code, "it refused the connection" in said.err) == (1, True)
    assert "cannot be sent to" in nbkeep("mail", "test", "--to", "jane\nBcc: x@y.z").err
    assert "Nobody gets reports" in nbkeep("mail", "report").err


def test_people_choose_their_notices(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    del served
    refused = nbkeep("mail", "notices", "off")  # the operator is no person
    assert (refused.code, "is no person" in refused.err) == (1, True)
    assert nbkeep("mail", "notices", "sometimes").code == 2
