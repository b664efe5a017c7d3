"""What goes wrong on the way: servers that are away, refuse or cut, offices that are killed, full disks."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from mail_parts import GATHERED_S, Mailing, tell, text_of
from nbkeep.doors.worker.mailer import Mailer
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.outbox import manage, rules
from nbkeep.outbox.notices import list_notices
from nbkeep.store.database import Store
from nbkeep.store.outbox_tables import MailServerRow
from nbkeep.store.tables import JournalRow, UserRow


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


@pytest.mark.parametrize(
    ("mood", "answer"),
    [
        ("refuses the sender", "553 sender not allowed"),
        ("refuses the sender", "421 try later"),
        ("shuts down", "421 shutting down"),
    ],
)
def test_a_server_that_signs_us_in_and_takes_nothing_is_away(
    mailing: Mailing, mood: str, answer: str
) -> None:
    """It is left alone ever longer, admins are told after an hour, and the page says since when it is so."""
    jane, alice = mailing.user(), mailing.user("alice", Role.ADMIN)
    tell(mailing, jane)
    with mailing.box.serving() as box:
        if mood == "refuses the sender":
            box.refuses_the_sender = answer
        else:
            box.rcpt_answer["jane@acme.com"] = answer
        mailing.later(GATHERED_S)
        begun = mailing.office.clock.now()
        for _ in range(130):
            mailing.later(30)
        status = mailing.status()
        assert (status.state, status.waiting, status.failing_since) == ("failing", 1, begun)
        assert answer in status.last_error
        assert all(box.sign_ins)
        assert 12 <= len(box.sign_ins) <= 30  # and not one at each round
        with mailing.office.store.read() as tx:
            (told,) = list_notices(tx, alice)
        assert "No mail could be sent for an hour" in told.text
        box.refuses_the_sender = ""
        box.rcpt_answer.clear()
        mailing.later(300)
        assert len(box.taken) == 1
    assert mailing.status().state == "working"
    with mailing.office.store.read() as tx:
        assert not list_notices(tx, alice)


def test_a_message_that_is_not_needed_any_more_says_nothing_about_the_server(mailing: Mailing) -> None:
    jane = mailing.user()
    tell(mailing, jane)
    mailing.later(GATHERED_S)
    assert mailing.status().state == "failing"
    with mailing.office.store.write() as tx:
        tx.get_one(UserRow, jane.id).status = "disabled"
    with mailing.box.serving():
        mailing.later(300)
    assert mailing.row().state == "unneeded"
    assert mailing.status().state == "failing"


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


@pytest.mark.parametrize("writes", [0, 1])
def test_a_full_disk_sends_nothing_twice_and_loses_nothing(mailing: Mailing, writes: int) -> None:
    """Before the claim nothing is sent; after it, what was sent is remembered and noted once there is room."""
    tell(mailing, mailing.user())
    store = mailing.office.store
    mailing.round()  # so that it forgets nothing while the disk is full: only sending is tried
    mailing.office.clock.advance(GATHERED_S)
    with mailing.box.serving() as box:
        mailing.office.store = FullDisk(store, writes)  # pyright: ignore[reportAttributeAccessIssue]
        mailing.round(3)
        assert len(box.taken) == writes
        assert mailing.row().state == "waiting"
        mailing.office.store = store
        mailing.round()
        mailing.later(rules.CLAIMED.total_seconds())
        assert len(box.taken) == 1
    assert mailing.row().state == "sent"
