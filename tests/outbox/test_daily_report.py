"""The report of a day by mail: once, to the right people, with the right figures."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from mail_parts import Mailing, html_of, text_of
from meter_parts import beat, meter_of
from nbkeep.doors.worker.mailer import Mailer
from nbkeep.meter import daily
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.store.tables import UserRow


def worked(mailing: Mailing, actor: Actor, hours: float) -> None:
    """Let somebody have a session for a while, which then is stopped."""
    session_id = mailing.office.ready(actor)
    meter = meter_of()
    beat(mailing.office, meter)
    mailing.office.clock.advance(hours * 3600)
    mailing.office.beat(session_id)
    beat(mailing.office, meter)
    mailing.office.backend.running.pop(session_id, None)


def csv_of(message: EmailMessage) -> list[list[str]]:
    (part,) = message.iter_attachments()
    assert part.get_filename() == "nbkeep-2026-01-01.csv"
    return list(csv.reader(io.StringIO(part.get_content())))


def reporting(mailing: Mailing) -> None:
    mailing.set(mail_report_to=("admins",), mail_report_hour=6)
    mailing.office.clock.set(datetime(2026, 1, 1, 9, tzinfo=UTC))


def test_admins_get_the_figures_of_the_day_that_ended(mailing: Mailing) -> None:
    reporting(mailing)
    mailing.user("alice", Role.ADMIN)
    worked(mailing, mailing.user(), 2)
    mailing.office.clock.set(datetime(2026, 1, 2, 5, 59, tzinfo=UTC))
    with mailing.box.serving() as box:
        mailing.round()
        assert not box.taken
        mailing.later(60)
        (message,) = box.messages
    assert message["To"] == "alice@acme.com"
    assert message["Subject"] == "[nbkeep] 2026-01-01: 0.20 EUR, 1 person"
    text = text_of(message)
    assert "On 2026-01-01 (UTC) 1 person used 0.20 EUR. The month so far: 0.20 EUR." in text
    (line,) = [one for one in text.splitlines() if one.startswith("jane  ")][:1]
    assert line.split() == ["jane", "2.00", "0.00", "0.00", "0", "0.20", "0.20"]
    assert "notebook-cpu-small" in text
    assert "Biggest changes" in text
    assert "jane</td>" in html_of(message)
    rows = csv_of(message)
    assert rows[0] == ["day", "user", "resource", "quantity", "unit", "cost", "currency"]
    assert ["2026-01-01", "jane", "flavor:notebook-cpu-small", "2.0", "hours", "0.20", "EUR"] in rows


def test_it_comes_exactly_once_a_day_also_over_restarts_and_by_two_offices(any_mailing: Mailing) -> None:
    mailing = any_mailing
    reporting(mailing)
    mailing.user("alice", Role.ADMIN)
    with mailing.box.serving() as box:
        for hour in range(72):
            mailing.office.clock.set(datetime(2026, 1, 2, tzinfo=UTC) + timedelta(hours=hour))
            for number in range(2):
                office = Mailer(mailing.office, office_id=f"ofc_{hour}_{number}")
                daily.put_when_due(mailing.office)
                office.round()
                office.wait(60)
    days = [str(one["Subject"]).split()[1].rstrip(":") for one in box.messages]
    assert days == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_days_on_which_the_office_was_off_are_made_up_for(mailing: Mailing) -> None:
    reporting(mailing)
    mailing.user("alice", Role.ADMIN)
    with mailing.box.serving() as box:
        mailing.office.clock.set(datetime(2026, 1, 2, 7, tzinfo=UTC))
        mailing.round()
        mailing.office.clock.set(datetime(2026, 1, 5, 7, tzinfo=UTC))
        mailing.round(2)
        assert len(box.taken) == 4
        mailing.office.clock.set(datetime(2026, 2, 5, 7, tzinfo=UTC))
        mailing.round(2)
        assert len(box.taken) == 11  # a week of them


def test_a_clock_that_went_ahead_ends_no_reports_and_none_comes_twice(mailing: Mailing) -> None:
    """A host that boots with a clock a year ahead, until somebody sets it."""
    reporting(mailing)
    mailing.user("alice", Role.ADMIN)
    clock = mailing.office.clock
    with mailing.box.serving() as box:
        for moment in (
            datetime(2026, 1, 2, 7, tzinfo=UTC),
            datetime(2027, 1, 2, 7, tzinfo=UTC),  # ahead: seven days
            datetime(2026, 1, 3, 7, tzinfo=UTC),
            datetime(2026, 1, 3, 9, tzinfo=UTC),
            datetime(2026, 1, 1, 7, tzinfo=UTC),  # behind
            datetime(2026, 1, 3, 10, tzinfo=UTC),
            datetime(2026, 1, 5, 7, tzinfo=UTC),
        ):
            clock.set(moment)
            mailing.round(2)
    days = [str(one["Subject"]).split()[1].rstrip(":") for one in box.messages]
    assert len(days) == len(set(days))
    assert {"2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"} <= set(days)


def test_it_is_off_unless_somebody_is_named(mailing: Mailing) -> None:
    mailing.user("alice", Role.ADMIN)
    mailing.office.clock.set(datetime(2026, 1, 2, 7, tzinfo=UTC))
    mailing.round()
    assert not mailing.rows()
    with mailing.office.store.write() as tx, pytest.raises(Refused, match="Nobody gets reports"):
        daily.ask(tx, mailing.office, OPERATOR, "")


def test_only_who_may_see_what_others_used_gets_it(mailing: Mailing) -> None:
    """A name in the settings is no right: an ordinary user who stands there gets nothing."""
    mailing.set(mail_report_to=("jane", "vera", "admins", "finance@acme.com"))
    mailing.user()
    mailing.user("vera", Role.AUDITOR)
    alice = mailing.user("alice", Role.ADMIN)
    mailing.office.clock.set(datetime(2026, 1, 2, 7, tzinfo=UTC))
    mailing.round()
    with mailing.office.store.write() as tx:
        tx.get_one(UserRow, alice.id).role = Role.USER.value  # meanwhile, before it is sent
    with mailing.box.serving() as box:
        mailing.later(300)
    assert sorted(to for to, _ in box.taken) == ["finance@acme.com", "vera@acme.com"]


def test_an_admin_has_it_sent_again(mailing: Mailing) -> None:
    reporting(mailing)
    alice = mailing.user("alice", Role.ADMIN)
    mailing.office.clock.set(datetime(2026, 1, 3, 7, tzinfo=UTC))
    with mailing.box.serving() as box:
        mailing.round()
        with mailing.office.store.write() as tx:
            assert daily.ask(tx, mailing.office, alice, "2026-01-01") == ["alice"]
        mailing.round()
        assert len(box.taken) == 2
    for wrong in ("2026-01-03", "yesterday", "0001-01-01", "=1+1"):
        with mailing.office.store.write() as tx, pytest.raises(Refused, match="is no"):
            daily.ask(tx, mailing.office, alice, wrong)
    jane = mailing.user()
    with mailing.office.store.write() as tx, pytest.raises(Refused, match="admin:mail"):
        daily.ask(tx, mailing.office, jane, "")


def test_names_are_no_formulas_and_no_html(mailing: Mailing) -> None:
    reporting(mailing)
    mailing.user("alice", Role.ADMIN)
    jane = mailing.user()
    worked(mailing, jane, 1)
    with mailing.office.store.write() as tx:  # no door takes such a name
        tx.get_one(UserRow, jane.id).name = "=cmd<b>"
    mailing.office.clock.set(datetime(2026, 1, 2, 7, tzinfo=UTC))
    with mailing.box.serving() as box:
        mailing.round()
        (message,) = box.messages
    assert "<b>" not in html_of(message)
    assert all(row[1] in {"user", "'=cmd<b>"} for row in csv_of(message))
