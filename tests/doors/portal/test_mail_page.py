"""The page Mail, invitations from the page People, and which notices come by mail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mail_parts import set_up_away
from nbkeep.model.actor import Role
from nbkeep.outbox.notices import add_notice
from nbkeep.store.outbox_tables import MailRow, MailServerRow
from portal_parts import HOSTILE

if TYPE_CHECKING:
    from pathlib import Path

    from portal_parts import Person, Portal


def rows(portal: Portal) -> list[MailRow]:
    with portal.office.store.read() as tx:
        return list(tx.query(MailRow))


def alice(portal: Portal) -> Person:
    return portal.person("alice", Role.ADMIN)


def test_without_mail_the_page_says_so_and_links_are_shown(portal: Portal) -> None:
    admin = alice(portal)
    assert "Mail is not set up" in admin.get("/admin/mail")
    assert 'href="/portal/admin/mail"' in admin.get("/")
    assert "mail is not set up" in admin.get("/admin/users")
    answer = admin.post("/admin/users", email="kim@acme.com")
    assert "/portal/join/" in answer.text
    assert 'id="mail"' not in admin.get("/account")


def test_an_invitation_goes_by_mail_and_is_shown_to_nobody(portal: Portal, tmp_path: Path) -> None:
    set_up_away(portal.office, tmp_path)
    admin = alice(portal)
    assert "Invite by mail" in admin.get("/admin/users")
    answer = admin.post("/admin/users", email="kim@acme.com")
    assert "A link goes to kim@acme.com by mail" in answer.text
    assert "/portal/join/" not in answer.text
    assert "/portal/join/" in admin.post("/admin/users", email="lee@acme.com", show_link="yes").text
    answer = admin.post("/admin/users/kim/reset-link", by_mail="yes")
    assert "A link goes to kim@acme.com by mail" in answer.text
    assert [one.kind for one in rows(portal)] == ["link", "link"]
    page = admin.get("/admin/mail")
    assert "A link to set a password" in page
    assert "/portal/join/" not in page


def test_what_failed_is_shown_with_its_reason_as_text(portal: Portal, tmp_path: Path) -> None:
    set_up_away(portal.office, tmp_path)
    admin = alice(portal)
    admin.post("/admin/users", email="kim@acme.com")
    (row,) = rows(portal)
    with portal.office.store.write() as tx:
        found = tx.get_one(MailRow, row.id)
        found.state, found.last_error, found.attempts = "given-up", f"550 {HOSTILE}"[:400], 3
        found.ended_at = portal.office.clock.now()
        server = tx.get_one(MailServerRow, 1)
        server.failures, server.last_error = 4, f"The mail server says {HOSTILE}"[:400]
        server.failing_since = server.next_try_at = portal.office.clock.now()
    page = admin.get("/admin/mail")
    assert "1 message was given up" in page
    assert "3 tries" in page
    assert "Everything waits, nothing is lost" in page
    assert "<img src=x" not in page
    assert admin.post(f"/admin/mail/{row.id}/retry").status_code == 303
    assert rows(portal)[0].state == "waiting"
    assert admin.post(f"/admin/mail/{row.id}/discard").status_code == 303
    assert rows(portal) == []
    assert admin.post(f"/admin/mail/{row.id}/discard").status_code == 404


def test_a_test_from_the_page_says_why_it_failed(portal: Portal, tmp_path: Path) -> None:
    set_up_away(portal.office, tmp_path)
    admin = alice(portal)
    answer = admin.post("/admin/mail/test", to="jane@acme.com")
    assert answer.status_code == 503
    assert "it refused the connection" in answer.text
    answer = admin.post("/admin/mail/test", to="jane@acme.com\r\nBcc: x@y.z")
    assert answer.status_code == 400
    assert "cannot be sent to" in answer.text
    assert admin.post("/admin/mail/report").status_code == 409


def test_people_choose_on_their_account(portal: Portal, tmp_path: Path) -> None:
    set_up_away(portal.office, tmp_path)
    jane = portal.person()
    page = jane.get("/account")
    assert "As usual here: important ones" in page
    assert jane.post("/account/mail", notices="off").status_code == 303
    assert re.search(r'<option value="off" selected', jane.get("/account"))
    with portal.office.store.write() as tx:
        add_notice(tx, portal.office.clock, jane.actor.id, "quota", "Nearly used.")
    assert rows(portal) == []
    assert jane.post("/account/mail", notices="<b>").status_code == 400


def test_others_see_no_mail(portal: Portal, tmp_path: Path) -> None:
    set_up_away(portal.office, tmp_path)
    for person in (portal.person(), portal.person("vera", Role.AUDITOR)):
        assert person.client.get("/portal/admin/mail").status_code == 403
        assert person.post("/admin/mail/test", to="x@acme.com").status_code == 403
        assert person.post("/admin/mail/mai_x/discard").status_code == 403
        assert 'href="/portal/admin/mail"' not in person.get("/account")
        assert person.post("/admin/users/jane/reset-link", by_mail="yes").status_code == 403
