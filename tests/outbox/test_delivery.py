"""Mail goes out at least once, in the normal case once, and never silently not at all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from mail_parts import GATHERED_S, Mailing, html_of, tell, text_of
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.outbox import manage, rules
from nbkeep.outbox.notices import add_notice, list_notices, withdraw
from nbkeep.store.outbox_tables import MailRow
from nbkeep.store.tables import JournalRow, UserRow


def test_a_notice_comes_by_mail_with_its_words_and_a_way_to_turn_it_off(mailing: Mailing) -> None:
    jane = mailing.user()
    with mailing.box.serving() as box:
        tell(mailing, jane, "Session <main>: your GPU & time are over.")
        mailing.later(GATHERED_S)
        (message,) = box.messages
    assert message["To"] == "jane@acme.com"
    assert message["From"] == "nbkeep <nbkeep@acme.com>"
    assert message["Subject"] == "[nbkeep] Session <main>: your GPU & time are over."
    assert message["Auto-Submitted"] == "auto-generated"
    assert "your GPU & time are over." in text_of(message)
    assert "/portal/account#mail" in text_of(message)
    assert "Session &lt;main&gt;: your GPU &amp; time" in html_of(message)
    assert "<img" not in html_of(message)
    assert box.sign_ins == [True]
    assert mailing.row().state == "sent"
    mailing.later(3600)
    assert len(box.taken) == 1


def test_what_happens_within_minutes_is_one_message(mailing: Mailing) -> None:
    jane = mailing.user()
    with mailing.box.serving() as box:
        for number in range(10):
            tell(mailing, jane, f"Event {number}.")
            mailing.later(10)
        mailing.later(GATHERED_S)
        (message,) = box.messages
        assert message["Subject"] == "[nbkeep] 10 notices"
        assert all(f"Event {number}." in text_of(message) for number in range(10))
        tell(mailing, jane, "One more.")
        mailing.later(GATHERED_S)
        assert len(box.messages) == 2


def test_what_was_seen_in_the_portal_meanwhile_is_not_sent(mailing: Mailing) -> None:
    jane = mailing.user()
    tell(mailing, jane, "Somebody waits.", kind="grt_1")
    tell(mailing, jane, "Read this.")
    with mailing.office.store.write() as tx:
        withdraw(tx, mailing.office.clock, "grt_1")
    with mailing.box.serving() as box:
        mailing.later(GATHERED_S)
        assert "Somebody waits" not in text_of(box.messages[0])
        assert "Read this" in text_of(box.messages[0])
        tell(mailing, jane, "Gone again.", kind="grt_2")
        with mailing.office.store.write() as tx:
            withdraw(tx, mailing.office.clock, "grt_2")
        mailing.later(GATHERED_S)
        assert len(box.taken) == 1
    assert [one.state for one in mailing.rows()] == ["sent", "unneeded"]


def test_people_choose_what_comes(mailing: Mailing) -> None:
    jane = mailing.user()

    def choose(choice: str) -> None:
        with mailing.office.store.write() as tx:
            manage.choose(tx, mailing.office.clock, jane, choice)

    def routine() -> None:
        with mailing.office.store.write() as tx:
            add_notice(tx, mailing.office.clock, jane.id, "session-ended", "Stopped: idle.", routine=True)

    routine()
    assert not mailing.rows()  # important ones alone, if nothing is said
    choose("all")
    routine()
    assert len(mailing.rows()) == 1
    choose("off")
    tell(mailing, jane)
    assert len(mailing.row().about["notices"]) == 1
    choose("")
    tell(mailing, jane)
    assert len(mailing.row().about["notices"]) == 2
    with pytest.raises(Refused, match="none of the choices"):
        choose("<b>")


def test_without_mail_nothing_is_put_in(mailing: Mailing) -> None:
    jane = mailing.user()
    mailing.set(mail_server="")
    tell(mailing, jane)
    assert not mailing.rows()
    with mailing.office.store.read() as tx:
        assert len(list_notices(tx, jane)) == 1


def test_who_has_no_address_is_sent_nothing(mailing: Mailing) -> None:
    tell(mailing, mailing.user("admin", Role.ADMIN, "admin@localhost"))
    assert not mailing.rows()


def test_a_flood_of_notices_becomes_few_messages_and_loses_none(mailing: Mailing) -> None:
    """A loop that notifies for ever must not fill a mailbox; what is over comes as one the next day."""
    jane = mailing.user()
    with mailing.box.serving() as box:
        for number in range(200):
            tell(mailing, jane, f"Event {number}.")
            mailing.later(GATHERED_S)
        assert len(box.taken) == rules.MOST_A_DAY
        mailing.later(86400 - 200 * GATHERED_S + GATHERED_S)
        assert len(box.taken) == rules.MOST_A_DAY + 1
        last = text_of(box.messages[-1])
        assert f"Event {rules.MOST_A_DAY}." in last
        more = 200 - rules.MOST_A_DAY - rules.MOST_NOTICES
        assert f"And {more} more" in last


def test_an_address_with_a_header_in_it_reaches_nobody(mailing: Mailing) -> None:
    jane = mailing.user()
    tell(mailing, jane)
    with mailing.office.store.write() as tx:  # the doors would never take it
        tx.get_one(UserRow, jane.id).email = "jane@acme.com\r\nBcc: eve@evil.test"
    with mailing.box.serving() as box:
        mailing.later(GATHERED_S)
        assert (box.taken, box.seen) == ([], 0)
    assert (mailing.row().state, mailing.row().last_error) == (
        "given-up",
        "Not sent: the address cannot be sent to",
    )


def test_words_with_line_breaks_make_no_headers(mailing: Mailing) -> None:
    tell(mailing, mailing.user(), "Hello\r\nBcc: eve@evil.test\r\n\r\n<script>x</script>")
    with mailing.box.serving() as box:
        mailing.later(GATHERED_S)
        (message,) = box.messages
    assert message["Bcc"] is None
    assert message["Subject"].startswith("[nbkeep] Hello Bcc: eve@evil.test")
    assert "<script" not in html_of(message)


def test_who_is_disabled_gets_nothing_more(mailing: Mailing) -> None:
    jane = mailing.user()
    tell(mailing, jane)
    with mailing.office.store.write() as tx:
        tx.get_one(UserRow, jane.id).status = "disabled"
    with mailing.box.serving() as box:
        mailing.later(GATHERED_S)
        assert not box.taken
    assert mailing.row().state == "unneeded"


def test_one_message_that_cannot_be_made_keeps_no_other_back(mailing: Mailing) -> None:
    tell(mailing, mailing.user())
    tell(mailing, mailing.user("joe"))
    with mailing.office.store.write() as tx:
        row = tx.scalars(select(MailRow).order_by(MailRow.id)).first()
        assert row is not None
        row.about = {"nonsense": 1}
    with mailing.box.serving() as box:
        mailing.later(GATHERED_S)
        assert len(box.taken) == 1
    assert "cannot be made" in next(one for one in mailing.rows() if one.state == "waiting").last_error


def test_a_clock_that_was_put_back_keeps_nothing_waiting(mailing: Mailing) -> None:
    now = mailing.office.clock.now()
    mailing.office.clock.set(now + timedelta(days=400))
    tell(mailing, mailing.user())
    mailing.office.clock.set(now)
    with mailing.box.serving() as box:
        mailing.round()
        assert len(box.taken) == 1


def test_old_ones_are_forgotten(mailing: Mailing) -> None:
    tell(mailing, mailing.user())
    with mailing.box.serving():
        mailing.later(GATHERED_S)
        assert mailing.row().state == "sent"
        mailing.later(6 * 86400)
        assert len(mailing.rows()) == 1
        mailing.later(2 * 86400)
    assert not mailing.rows()


def test_a_test_says_what_went_wrong_and_is_on_record(mailing: Mailing) -> None:
    with pytest.raises(Unavailable, match="refused the connection"):
        manage.send_trial(mailing.office, OPERATOR, "jane@acme.com")
    with mailing.box.serving() as box:
        manage.send_trial(mailing.office, OPERATOR, "jane@acme.com")
        assert box.messages[0]["Subject"] == "[nbkeep] Mail works"
        box.rcpt_answer["jane@acme.com"] = "550 no such mailbox"
        with pytest.raises(Unavailable, match="550 no such mailbox"):
            manage.send_trial(mailing.office, OPERATOR, "jane@acme.com")
    with pytest.raises(Refused, match="cannot be sent to"):
        manage.send_trial(mailing.office, OPERATOR, "jane@acme.com\nBcc: eve@evil.test")
    with mailing.office.store.read() as tx:
        assert [one.type for one in tx.scalars(select(JournalRow))].count("mail.tested") == 3


def test_others_may_not_look(mailing: Mailing) -> None:
    jane = mailing.user()
    with mailing.office.store.write() as tx:
        for act in (
            lambda: manage.list_mail(tx, jane),
            lambda: manage.status(tx, mailing.office.settings, jane),
            lambda: manage.retry(tx, mailing.office.clock, jane, "mai_x"),
            lambda: manage.discard(tx, mailing.office.clock, jane, "mai_x"),
            lambda: manage.send_trial(mailing.office, jane, "x@acme.com"),
        ):
            with pytest.raises(Refused, match="admin:mail"):
                act()
