"""Mail goes out at least once, in the normal case once, and never silently not at all."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from mail_parts import Mailing, html_of, text_of
from nbkeep.doors.worker.mailer import Mailer
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.outbox import manage, rules
from nbkeep.outbox.notices import add_notice, list_notices, withdraw
from nbkeep.store.database import Store
from nbkeep.store.outbox_tables import MailRow, MailServerRow
from nbkeep.store.tables import JournalRow, UserRow

GATHERED_S = rules.GATHERED.total_seconds()


def tell(
    mailing: Mailing, actor: Actor, text: str = "Your quota is nearly used.", kind: str = "quota"
) -> None:
    with mailing.office.store.write() as tx:
        add_notice(tx, mailing.office.clock, actor.id, kind, text)


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


def test_a_server_that_is_away_for_an_hour_loses_nothing(mailing: Mailing) -> None:
    jane, alice = mailing.user(), mailing.user("alice", Role.ADMIN)
    begun = mailing.office.clock.now()
    for number in range(120):
        if number < 5:
            tell(mailing, jane, f"Event {number}.")
        mailing.later(GATHERED_S / 6)
    mailing.later(600)
    status = mailing.status()
    assert (status.state, status.waiting) == ("failing", 1)
    assert "refused the connection" in status.last_error
    assert status.failing_since is not None
    assert status.failing_since - begun < timedelta(minutes=10)
    with mailing.office.store.read() as tx:
        (told,) = list_notices(tx, alice)
        assert "No mail could be sent for an hour" in told.text
        server = tx.get_one(MailServerRow, 1)
        assert 12 <= server.failures <= 40
    assert mailing.row().attempts == 0
    with mailing.box.serving() as box:
        mailing.later(300)
        assert len(box.taken) == 1
        assert "Event 4." in text_of(box.messages[0])
    assert mailing.status().state == "working"
    with mailing.office.store.read() as tx:
        assert not list_notices(tx, alice)


def test_a_temporary_refusal_waits_and_the_others_go(mailing: Mailing) -> None:
    tell(mailing, mailing.user())
    tell(mailing, mailing.user("joe"))
    with mailing.box.serving() as box:
        box.rcpt_answer["jane@acme.com"] = "451 greylisted, come back"
        mailing.later(GATHERED_S)
        assert [to for to, _ in box.taken] == ["joe@acme.com"]
        waiting = next(one for one in mailing.rows() if one.state == "waiting")
        assert waiting.attempts == 1
        assert "does not take the recipient (451 greylisted, come back)" in waiting.last_error
        mailing.later(30)
        assert next(one for one in mailing.rows() if one.state == "waiting").attempts == 1
        box.rcpt_answer.clear()
        mailing.later(60)
        assert [to for to, _ in box.taken] == ["joe@acme.com", "jane@acme.com"]


def test_a_refusal_for_good_is_told_to_admins_and_can_be_tried_again_or_discarded(mailing: Mailing) -> None:
    alice = mailing.user("alice", Role.ADMIN)
    tell(mailing, mailing.user())
    with mailing.box.serving() as box:
        box.rcpt_answer["jane@acme.com"] = "550 no such mailbox"
        mailing.later(GATHERED_S)
        given_up = mailing.row()
        assert (given_up.state, given_up.attempts) == ("given-up", 1)
        assert "550 no such mailbox" in given_up.last_error
        mailing.later(86400)
        assert mailing.row().attempts == 1
        with mailing.office.store.read() as tx:
            (notice,) = list_notices(tx, alice)
            assert "1 message could not be delivered" in notice.text
            types = [one.type for one in tx.scalars(select(JournalRow))]
            assert "mail.given-up" in types
        with mailing.office.store.write() as tx:
            manage.retry(tx, mailing.office.clock, alice, given_up.id)
        with mailing.office.store.read() as tx:
            assert not list_notices(tx, alice)
        mailing.round()
        assert mailing.row().state == "given-up"
        box.rcpt_answer.clear()
        with mailing.office.store.write() as tx:
            manage.retry(tx, mailing.office.clock, alice, given_up.id)
        mailing.round()
        assert mailing.row().state == "sent"
        with mailing.office.store.write() as tx:
            with pytest.raises(Refused, match="was sent"):
                manage.retry(tx, mailing.office.clock, alice, given_up.id)
            manage.discard(tx, mailing.office.clock, alice, given_up.id)
            with pytest.raises(Refused, match="There is no mail"):
                manage.discard(tx, mailing.office.clock, alice, given_up.id)
    assert not mailing.rows()


def test_after_three_days_it_is_given_up(mailing: Mailing) -> None:
    tell(mailing, mailing.user())
    with mailing.box.serving() as box:
        box.data_answer = "452 no room"
        mailing.later(GATHERED_S)
        for _ in range(80):
            mailing.later(3600)
        found = mailing.row()
        assert found.state == "given-up"
        assert "452 no room" in found.last_error
        assert 60 <= found.attempts <= 85
        assert box.seen == found.attempts


def test_a_connection_cut_in_the_middle_is_tried_again_with_the_same_id(mailing: Mailing) -> None:
    tell(mailing, mailing.user())
    tell(mailing, mailing.user("joe"))
    with mailing.box.serving() as box:
        box.cuts = 1
        mailing.later(GATHERED_S)
        assert len(box.taken) == 1  # the other one has gone by a new connection
        waiting = next(one for one in mailing.rows() if one.state == "waiting")
        assert "closed the connection in the middle" in waiting.last_error
        mailing.later(60)
        assert len(box.taken) == 2
        assert {one["Message-ID"] for one in box.messages} == {
            f"<{one.id}@acme.com>" for one in mailing.rows()
        }


def test_a_certificate_that_does_not_verify_is_refused_and_said(mailing: Mailing) -> None:
    tell(mailing, mailing.user())
    mailing.box.names = ("elsewhere.test",)
    with mailing.box.serving() as box:
        mailing.later(GATHERED_S)
        assert not box.taken
        assert not box.sign_ins  # neither the password
        assert "its certificate is not trusted" in mailing.status().last_error
    mailing.box.names = ("127.0.0.1",)
    mailing.set(mail_ca_file="")
    with mailing.box.serving() as box:
        mailing.later(300)
        assert not box.taken
        assert "its certificate is not trusted" in mailing.status().last_error


def test_a_server_that_offers_no_tls_gets_nothing(mailing: Mailing) -> None:
    """Somebody in between can take STARTTLS out of what the server says."""
    tell(mailing, mailing.user())
    mailing.box.offers_tls = False
    with mailing.box.serving() as box:
        mailing.later(GATHERED_S)
        assert (box.taken, box.sign_ins) == ([], [])
        assert "does not offer STARTTLS; nothing was sent" in mailing.status().last_error


def test_a_wrong_password_is_said_without_it_and_loses_nothing(mailing: Mailing) -> None:
    tell(mailing, mailing.user())
    mailing.box.password = "another"
    with mailing.box.serving() as box:
        mailing.later(GATHERED_S)
        error = mailing.status().last_error
        assert "does not take the name and password (535)" in error
        assert "horse" not in error
        assert mailing.row().state == "waiting"
        box.password = "correct horse, with blanks"
        mailing.later(300)
        assert len(box.taken) == 1


def test_a_password_that_cannot_be_read_is_said(mailing: Mailing) -> None:
    tell(mailing, mailing.user())
    Path(str(mailing.office.settings.mail_password_at)).chmod(0o644)
    with mailing.box.serving() as box:
        mailing.later(GATHERED_S)
        assert "others than its owner may read it" in mailing.status().last_error
        assert not box.sign_ins


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from types import SimpleNamespace
from nbkeep.doors.worker.mailer import Mailer
from nbkeep.model.clock import ManualClock
from nbkeep.settings import Settings
from nbkeep.store.database import Store
settings = Settings(data_dir=Path({folder!r}), public_url="http://localhost:8000", mail_server={server!r},
    mail_from="nbkeep@acme.com", mail_ca_file={ca!r}, mail_user="nbkeep", mail_password={password!r})
clock = ManualClock(); clock.advance({at})
print("here", flush=True); sys.stdin.readline()
mailer = Mailer(SimpleNamespace(settings=settings, store=Store(settings.store_url), clock=clock))
mailer.round(); mailer.wait(60)
print("it lived")
"""


def test_an_office_killed_between_sending_and_noting_sends_it_again_with_the_same_id(
    mailing: Mailing,
) -> None:
    tell(mailing, mailing.user())
    settings = mailing.office.settings
    code = KILLED.format(tests=str(Path(__file__).parents[1]), folder=str(mailing.folder),
                         server=settings.mail_server, ca=settings.mail_ca_file,
                         password=settings.mail_password, at=GATHERED_S)  # fmt: skip
    with mailing.box.serving() as box:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        box.kills = process.pid
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(60) == -9
        process.stdin.close()
        process.stdout.close()
        box.kills = 0
        assert len(box.taken) == 1
        assert mailing.row().state == "waiting"
        mailing.later(GATHERED_S + 60)
        assert len(box.taken) == 1  # the claim of the killed one is respected for a while
        mailing.later(rules.CLAIMED.total_seconds())
        assert len(box.taken) == 2
        assert len({one["Message-ID"] for one in box.messages}) == 1
        assert len({one["Date"] for one in box.messages}) == 1
    assert mailing.row().state == "sent"


def test_two_offices_at_once_send_each_message_once(any_mailing: Mailing) -> None:
    mailing = any_mailing
    for number in range(20):
        tell(mailing, mailing.user(f"user{number}"))
    mailing.office.clock.advance(GATHERED_S)

    def run(mailer: Mailer) -> None:
        mailer.round()
        mailer.wait(60)

    with mailing.box.serving() as box:
        mailers = [Mailer(mailing.office, office_id=f"ofc_{number}") for number in range(4)]
        threads = [threading.Thread(target=run, args=(one,)) for one in mailers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(to for to, _ in box.taken) == sorted(f"user{number}@acme.com" for number in range(20))


class FullDisk:
    """A database that can be read, and for a while not be written."""

    def __init__(self, store: Store, after: int) -> None:
        self._store, self.writes_left = store, after

    def __getattr__(self, name: str) -> object:
        if name == "write":
            self.writes_left -= 1
            if self.writes_left < 0:
                raise Unavailable("database-not-writable", "The database cannot be written (disk full).")
        return getattr(self._store, name)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_full_disk_sends_nothing_twice_and_loses_nothing(mailing: Mailing, writes: int) -> None:
    """Before the claim nothing is sent; after it, what was sent is remembered and noted once there is room."""
    tell(mailing, mailing.user())
    store = mailing.office.store
    mailing.round()  # so that it forgets nothing while the disk is full: only sending is tried
    mailing.office.clock.advance(GATHERED_S)
    with mailing.box.serving() as box:
        mailing.office.store = FullDisk(store, writes)  # pyright: ignore[reportAttributeAccessIssue]
        mailing.round(3)
        assert len(box.taken) == (1 if writes == 2 else 0)
        assert mailing.row().state == "waiting"
        mailing.office.store = store
        mailing.round()
        mailing.later(rules.CLAIMED.total_seconds())
        assert len(box.taken) == 1
    assert mailing.row().state == "sent"


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
