"""Ended intervals go after a time; what reports say stays."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import func, select

from meter_parts import beat, meter_of
from nbkeep.doors.worker import sweep
from nbkeep.meter import beat as beats
from nbkeep.meter import report
from nbkeep.model.actor import OPERATOR, SYSTEM
from nbkeep.model.days import Span
from nbkeep.model.errors import Refused
from nbkeep.model.session import StopReason
from nbkeep.sessions.end import end_session
from nbkeep.store.meter_tables import MeterIntervalRow
from office_parts import OfficeForTests

DAY_S = 86400


def lives(office: OfficeForTests, count: int) -> Span:
    """Let sessions live and end, one a day, and one go on; return the days of all."""
    jane, meter, first = office.user(max_sessions=50), meter_of(), office.clock.now().date()
    for _ in range(count):
        session_id = office.ready(jane)
        office.clock.advance(3600)
        beat(office, meter)
        office.backend.die(session_id, "user")
        end_session(office, SYSTEM, session_id, StopReason.USER)
        office.clock.advance(DAY_S - 3600)
        beat(office, meter)
    office.ready(jane)
    office.clock.advance(3600)
    beat(office, meter)
    return Span(first, office.clock.now().date())


def told(office: OfficeForTests, span: Span) -> list[dict[str, object]]:
    with office.store.read() as tx:
        return report.usage(tx, OPERATOR, span, daily=True)


def left(office: OfficeForTests) -> tuple[int, int]:
    """Return how many intervals there are, and how many of them go on."""
    row = MeterIntervalRow
    with office.store.read() as tx:
        count = tx.scalar(select(func.count()).select_from(row)) or 0
        return count, tx.scalar(select(func.count()).where(row.ended_at.is_(None))) or 0


def test_reports_say_the_same_before_and_after_old_intervals_are_removed(
    any_office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = any_office
    span = lives(office, 6)
    before = told(office, span)
    assert left(office) == (7, 1)
    settings = dataclasses.replace(office.settings, intervals_retention_s=3 * DAY_S)
    monkeypatch.setattr(office, "settings", settings)
    monkeypatch.setattr(beats, "_FORGET_AT_ONCE", 2)
    assert sweep.forget_old_intervals(office) == 3  # in two steps and one that finds none
    assert sweep.forget_old_intervals(office) == 0
    assert left(office) == (4, 1)
    assert told(office, span) == before


def test_with_zero_they_are_kept_for_ever_and_what_goes_on_is_never_removed(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives(office, 2)
    for kept_s, count in ((0, 3), (1, 1)):
        monkeypatch.setattr(
            office, "settings", dataclasses.replace(office.settings, intervals_retention_s=kept_s)
        )
        sweep.forget_old_intervals(office)
        assert left(office) == (count, 1)


def test_one_round_removes_no_more_than_it_may(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives(office, 5)
    settings = dataclasses.replace(office.settings, intervals_retention_s=1)
    monkeypatch.setattr(office, "settings", settings)
    monkeypatch.setattr(beats, "_FORGET_AT_ONCE", 1)
    monkeypatch.setattr(sweep, "_STEPS", 3)
    assert [sweep.forget_old_intervals(office) for _ in range(3)] == [3, 2, 0]


def test_a_time_below_zero_is_refused(office: OfficeForTests) -> None:
    with pytest.raises(Refused, match="intervals_retention_s"):
        dataclasses.replace(office.settings, intervals_retention_s=-1)
