"""What sessions hold is counted to the second, whatever falls over meanwhile; and nothing twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DatabaseError

from meter_parts import beat, days, meter_of, seconds
from nbkeep.model.actor import SYSTEM
from nbkeep.model.clock import ManualClock
from nbkeep.model.session import StopReason
from nbkeep.sessions.end import end_session
from nbkeep.sessions.freeze import freeze_session, thaw_session
from nbkeep.sessions.resume import request_resume
from nbkeep.sessions.stop import stop_session
from nbkeep.store.meter_tables import MeterIntervalRow

if TYPE_CHECKING:
    from nbkeep.meter.beat import Meter
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests


@dataclass
class OfficeElsewhere:
    """An office on another host that was given the same database."""

    office: OfficeForTests
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.clock.reboot()

    def beat(self, meter: Meter) -> bool:
        return meter.beat(self.office.store, self.clock, set())


FLAVOR = "flavor:notebook-cpu-small"
GB = 10**9


def run_for(office: OfficeForTests, session_id: str, passed_s: int, every_s: int = 10) -> None:
    """Let a session run under a meter that beats every so many seconds."""
    meter = meter_of()
    for _ in range(passed_s // every_s):
        office.clock.advance(every_s)
        beat(office, meter)
        office.beat(session_id)
    office.clock.advance(passed_s % every_s)


def stop(office: OfficeForTests, jane: Actor, session_id: str, kept_bytes: int = 0) -> None:
    """Stop a session, and let its processes end at once."""
    if kept_bytes:
        office.backend.saves(jane.name, session_id, office.clock.now(), kept_bytes)
    stop_session(office, jane, session_id)
    office.backend.die(session_id, "user")
    end_session(office, SYSTEM, session_id, StopReason.USER)


def test_a_session_is_counted_from_ready_to_its_end(any_office: OfficeForTests) -> None:
    jane = any_office.user()
    session_id = any_office.ready(jane)
    run_for(any_office, session_id, 127)
    stop(any_office, jane, session_id)
    any_office.clock.advance(100)
    beat(any_office, meter_of())
    assert seconds(any_office, FLAVOR) == 127


def test_a_suspended_session_costs_storage_only_until_it_is_resumed(any_office: OfficeForTests) -> None:
    jane, meter = any_office.user(), meter_of()
    session_id = any_office.ready(jane)
    run_for(any_office, session_id, 60)
    stop(any_office, jane, session_id, 3 * GB)
    for _ in range(6):
        any_office.clock.advance(600)  # the office was busy, or away: storage needs no sign of life
        beat(any_office, meter)
    request_resume(any_office, jane, session_id)
    assert seconds(any_office, FLAVOR) == 60
    assert seconds(any_office, "storage:suspended") == 3600
    with any_office.store.read() as tx:
        query = select(MeterIntervalRow.amount).where(MeterIntervalRow.resource == "storage:suspended")
        assert tx.scalar(query) == 3000


def test_frozen_time_is_counted_apart(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    run_for(office, session_id, 3000, every_s=100)
    office.change(session_id, freeze_asked_at=office.clock.now())
    freeze_session(office, SYSTEM, session_id, is_saved=True)
    meter = meter_of()
    for _ in range(5):
        office.clock.advance(10)
        beat(office, meter)
    thaw_session(office, jane, session_id)
    run_for(office, session_id, 25)
    stop(office, jane, session_id)
    assert seconds(office, "frozen:") == 50
    assert seconds(office, FLAVOR) == 3025


def test_what_ran_while_the_office_was_away_is_counted_once(any_office: OfficeForTests) -> None:
    jane = any_office.user()
    session_id = any_office.ready(jane)
    run_for(any_office, session_id, 20)
    any_office.clock.advance(7200)
    for _ in range(3):
        beat(any_office, meter_of())  # restarted again and again: at the same moment there is nothing new
    assert seconds(any_office, FLAVOR, session_id) == 7220


def test_what_died_while_the_office_was_away_is_counted_to_its_last_sign_of_life(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    run_for(office, session_id, 20)
    office.clock.advance(7200)
    office.backend.die(session_id, "server-died")
    beat(office, meter_of())
    end_session(office, SYSTEM, session_id, StopReason.SERVER_DIED)
    assert seconds(office, FLAVOR) == 20


def test_a_node_that_does_not_answer_is_no_sign_of_an_end(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    meter = meter_of()
    beat(office, meter)
    office.clock.advance(300)
    beat(office, meter, is_node_away=True)
    assert seconds(office, FLAVOR, session_id) == 0
    beat(office, meter)
    assert seconds(office, FLAVOR, session_id) == 300


@pytest.mark.parametrize("by_s", [-86400, 86400, 400 * 86400])
def test_a_jump_of_the_wall_clock_adds_and_takes_nothing(office: OfficeForTests, by_s: int) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    run_for(office, session_id, 100)
    office.clock.set(office.clock.now() + timedelta(seconds=by_s))
    run_for(office, session_id, 100)
    stop(office, jane, session_id)
    assert seconds(office, FLAVOR) == 200
    # Either part is counted to the day that the clock named, but for the beat in which it jumped.
    assert sorted(days(office).values()) == [90, 110]


def test_a_reboot_ends_what_ran_and_counts_no_time_between(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    run_for(office, session_id, 40)
    office.clock.advance(3)
    office.clock.reboot()
    office.clock.advance(500)
    office.backend.running.clear()
    beat(office, meter_of())
    office.clock.advance(10)
    beat(office, meter_of())
    end_session(office, SYSTEM, session_id, StopReason.HOST_RESTARTED)
    assert seconds(office, FLAVOR) == 40


def test_an_end_that_is_known_before_the_first_beat_after_a_reboot(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    run_for(office, session_id, 40)
    office.clock.reboot()
    office.clock.advance(55)  # so that the clock is a little ahead of where it was before
    office.change(session_id, stop_reason="user")
    end_session(office, SYSTEM, session_id, StopReason.HOST_RESTARTED)
    assert seconds(office, FLAVOR) == 40


def test_a_death_is_not_paid_for_until_it_is_noticed(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    run_for(office, session_id, 40)
    office.backend.die(session_id, "server-died")
    office.clock.advance(9)
    end_session(office, SYSTEM, session_id, StopReason.SERVER_DIED)
    assert seconds(office, FLAVOR) == 40


def test_a_kept_state_goes_on_being_counted_after_a_reboot(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    stop(office, jane, session_id, GB)
    run_for_storage = meter_of()
    office.clock.advance(50)
    beat(office, run_for_storage)
    office.clock.reboot()
    office.clock.set(office.clock.now() + timedelta(hours=5))  # the host was off: nothing is measured
    meter = meter_of()
    beat(office, meter)
    office.clock.advance(70)
    beat(office, meter)
    assert seconds(office, "storage:suspended") == 120


def test_two_offices_on_one_host_count_nothing_twice(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    one, other = meter_of(), meter_of()
    for _ in range(10):
        office.clock.advance(7)
        assert beat(office, one)
        office.clock.advance(3)
        assert beat(office, other)
        assert beat(office, other)
    assert seconds(office, FLAVOR, session_id) == 100


def test_an_office_on_another_host_is_refused_until_the_first_is_silent(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    here, there = meter_of("here"), meter_of("there")
    elsewhere = OfficeElsewhere(office)
    assert beat(office, here)
    for _ in range(10):
        office.clock.advance(10)
        elsewhere.clock.advance(10)
        assert beat(office, here)
        assert not elsewhere.beat(there)
    assert seconds(office, FLAVOR, session_id) == 100
    elsewhere.clock.advance(31)
    assert elsewhere.beat(there)
    assert not beat(office, here)


def test_midnight_and_the_leap_day_part_an_interval(office: OfficeForTests) -> None:
    office.clock.set(datetime(2028, 2, 28, 23, 0, tzinfo=UTC))
    jane = office.user()
    session_id = office.ready(jane)
    run_for(office, session_id, 26 * 3600, every_s=3600)
    stop(office, jane, session_id)
    assert days(office) == {"2028-02-28": 3600, "2028-02-29": 86400, "2028-03-01": 3600}


def test_the_database_itself_refuses_to_change_what_has_ended(any_office: OfficeForTests) -> None:
    jane = any_office.user()
    session_id = any_office.ready(jane)
    run_for(any_office, session_id, 10)
    stop(any_office, jane, session_id)
    with pytest.raises(DatabaseError, match="never changes"), any_office.store.write() as tx:
        tx.execute(update(MeterIntervalRow).values(lasted_us=1))


def test_sessions_from_before_the_meter_are_counted_from_its_first_beat(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    with office.store.write() as tx:
        tx.query(MeterIntervalRow).delete()
    run_for(office, session_id, 50)
    assert seconds(office, FLAVOR) == 40
