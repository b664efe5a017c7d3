"""Random lives of sessions, with crashes, reboots and jumps of the clock, against a model of a few lines.

The model knows what really ran. The meter may know less of what has died, by what ran since the last beat; it
never knows more, and of all else it knows exactly as much.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select

from meter_parts import beat, meter_of
from nbkeep.backends.interface import Capacity, Status
from nbkeep.meter.homes import set_size
from nbkeep.meter.values import HOME
from nbkeep.model.actor import SYSTEM
from nbkeep.model.session import StopReason
from nbkeep.sessions.end import end_session
from nbkeep.sessions.freeze import freeze_session, thaw_session
from nbkeep.sessions.kept import finish_state
from nbkeep.sessions.launch import launch
from nbkeep.sessions.marks import mark_ready
from nbkeep.sessions.resume import request_resume
from nbkeep.sessions.stop import stop_session
from nbkeep.store.meter_tables import MeterDayRow, MeterIntervalRow
from nbkeep.store.storage_tables import MeterHomeRow
from nbkeep.store.tables import SessionRow
from office_parts import make_office

BEAT_S = 10.0
RUNNING, FROZEN, KEPT = "flavor", "frozen", "storage"
NUMBER = st.integers(0, 9)


class Lives(RuleBasedStateMachine):
    """Up to four sessions of one person."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="nbk", dir="/tmp")
        self.office = make_office(Path(self.folder.name))
        self.office.backend.has = Capacity(cpu_millis=800_000, memory_bytes=64 << 40)
        self.jane = self.office.user(max_sessions=100)
        self.meter = meter_of()
        self.states: dict[str, str] = {}
        self.truth: dict[tuple[str, str], float] = defaultdict(float)
        self.unknown: dict[tuple[str, str], float] = defaultdict(float)  # may be missing: it died of it
        self.unseen_s = 0.0
        self.ended: dict[str, tuple[int, str]] = {}
        self.home_mb, self.home_truth, self.home_unknown = 0, 0.0, 0.0  # MB, and MB x seconds

    def teardown(self) -> None:
        self.office.close()
        self.folder.cleanup()

    # --- time

    def live(self, passed_s: float, *, but: str | None = None) -> None:
        """Let time pass, in which all but one go on with what they do."""
        for session_id, state in self.states.items():
            if session_id != but:
                self.truth[session_id, state] += passed_s
        self.home_truth += self.home_mb * passed_s
        self.office.clock.advance(passed_s)
        self.unseen_s += passed_s

    def look(self) -> None:
        assert beat(self.office, self.meter)
        self.unseen_s = 0.0

    @rule(quarters=st.integers(1, 40))
    def passes(self, quarters: int) -> None:
        if self.unseen_s + quarters / 4 > BEAT_S:
            self.look()
        self.live(quarters / 4)

    @rule(times=st.integers(1, 3))
    def beats(self, times: int) -> None:
        for _ in range(times):
            self.look()

    @rule()
    def is_restarted(self) -> None:
        self.meter = meter_of()
        self.look()

    @rule()
    def is_started_twice(self) -> None:
        beat(self.office, meter_of())
        self.look()

    @rule(quarters=st.integers(1, 80) | st.integers(1, 400_000), victim=NUMBER, part=st.integers(0, 4))
    def is_away(self, quarters: int, victim: int, part: int) -> None:
        """The office is away, and perhaps somebody dies meanwhile; the node tells when it is back."""
        dies = self.pick(victim, {RUNNING, FROZEN}) if part < 4 else None
        self.live(quarters * part / 16)
        if dies is not None:
            self.unknown[dies, self.states[dies]] += self.unseen_s
            self.office.backend.die(dies, "server-died")
        self.live(quarters * (4 - part) / 16, but=dies)
        self.meter = meter_of()
        self.look()
        if dies is not None:
            self.over(dies, StopReason.SERVER_DIED)

    @rule(quarters=st.integers(1, 4000))
    def node_is_away(self, quarters: int) -> None:
        self.look()
        self.live(quarters / 4)
        assert beat(self.office, self.meter, is_node_away=True)
        self.look()

    @rule(by_s=st.integers(-400 * 86400, 400 * 86400))
    def clock_jumps(self, by_s: int) -> None:
        self.office.clock.set(self.office.clock.now() + timedelta(seconds=by_s))

    @rule(off_s=st.integers(0, 100_000))
    def host_reboots(self, off_s: int) -> None:
        """All processes die; what is on the disk stays, and is not counted while nobody can."""
        for session_id, state in list(self.states.items()):
            self.unknown[session_id, state] += self.unseen_s
        self.home_unknown += self.home_mb * self.unseen_s
        self.office.clock.reboot()
        self.office.clock.set(self.office.clock.now() + timedelta(seconds=off_s))
        self.office.backend.running.clear()
        self.office.backend.frozen.clear()
        self.meter = meter_of()
        self.look()
        for session_id, state in list(self.states.items()):
            if state != KEPT:
                self.over(session_id, StopReason.HOST_RESTARTED)

    @rule(size_mb=st.sampled_from([0, 1, 7, 1000, 123_456, 50_000_000]))
    def home_is_measured(self, size_mb: int) -> None:
        self.look()
        self.passes(7)
        with self.office.store.write() as tx:
            assert set_size(tx, self.office.clock, self.jane.id, size_mb * 10**6)
        self.home_mb = size_mb

    # --- sessions

    def pick(self, number: int, states: set[str]) -> str | None:
        found = sorted(one for one, state in self.states.items() if state in states)
        return found[number % len(found)] if found else None

    def over(self, session_id: str, reason: StopReason) -> None:
        end_session(self.office, SYSTEM, session_id, reason)
        self.settle(session_id)

    def settle(self, session_id: str) -> None:
        state = self.office.row(session_id).state
        del self.states[session_id]
        if state == "suspended":
            self.states[session_id] = KEPT

    @precondition(lambda self: len(self.states) < 4)
    @rule()
    def starts(self) -> None:
        self.states[self.office.ready(self.jane)] = RUNNING

    @rule(number=NUMBER, keeps=st.integers(0, 3))
    def stops(self, number: int, keeps: int) -> None:
        session_id = self.pick(number, {RUNNING, FROZEN})
        if session_id is None:
            return
        if keeps:
            self.office.backend.saves("jane", session_id, self.office.clock.now(), keeps * 10**8)
        stop_session(self.office, self.jane, session_id)
        self.states[session_id] = RUNNING  # it saves
        self.passes(7)
        self.office.backend.die(session_id, "user")
        self.over(session_id, StopReason.USER)

    @rule(number=NUMBER)
    def dies(self, number: int) -> None:
        session_id = self.pick(number, {RUNNING, FROZEN})
        if session_id is not None:
            self.office.backend.die(session_id, "out-of-memory")
            self.unknown[session_id, self.states[session_id]] += self.unseen_s
            self.over(session_id, StopReason.OUT_OF_MEMORY)

    @rule(number=NUMBER)
    def freezes(self, number: int) -> None:
        session_id = self.pick(number, {RUNNING})
        if session_id is not None:
            long_ago = self.office.clock.now() - timedelta(days=1)
            self.office.change(session_id, freeze_asked_at=long_ago, last_work_at=long_ago,
                               ready_at=long_ago, ends_at=None)  # fmt: skip
            freeze_session(self.office, SYSTEM, session_id, is_saved=True)
            self.states[session_id] = FROZEN

    @rule(number=NUMBER)
    def thaws(self, number: int) -> None:
        session_id = self.pick(number, {FROZEN})
        if session_id is not None:
            thaw_session(self.office, self.jane, session_id)
            self.states[session_id] = RUNNING

    @rule(number=NUMBER)
    def resumes(self, number: int) -> None:
        session_id = self.pick(number, {KEPT})
        if session_id is None:
            return
        request_resume(self.office, self.jane, session_id)
        del self.states[session_id]
        self.passes(5)
        name = self.office.row(session_id).name
        launch(self.office, user="jane", server_name=name, session_id=session_id, profile=None, env={})
        self.office.backend.running[session_id] = Status(alive=True)
        with self.office.store.write() as tx:
            mark_ready(tx, self.office.clock, self.jane, tx.get_one(SessionRow, session_id))
        self.states[session_id] = RUNNING

    @rule(number=NUMBER)
    def is_discarded(self, number: int) -> None:
        session_id = self.pick(number, {KEPT})
        if session_id is not None:
            stop_session(self.office, self.jane, session_id, discard=True)
            finish_state(self.office, self.jane, session_id)
            del self.states[session_id]

    # --- what must hold

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        with self.office.store.read() as tx:
            rows = list(tx.scalars(select(MeterIntervalRow)))
            days = list(tx.scalars(select(MeterDayRow)))
        counted: dict[tuple[str, str], float] = defaultdict(float)
        for row in rows:
            kind = row.resource.partition(":")[0]
            counted[row.session_id, kind] += row.lasted_us / 1_000_000
        for key in self.truth.keys() | counted.keys():
            lives = self.states.get(key[0]) == key[1]
            least = self.truth[key] - self.unknown[key] - (self.unseen_s if lives else 0)
            assert least <= counted[key] <= self.truth[key], (key, self.truth[key], counted[key])
        for row in rows:
            if row.id in self.ended or row.ended_at is not None:
                is_now = (row.lasted_us, str(row.ended_at))
                assert self.ended.setdefault(row.id, is_now) == is_now
        assert sum(day.lasted_us for day in days if day.resource != HOME) == sum(
            row.lasted_us for row in rows if row.ended_at is not None
        )

    @invariant()
    def no_second_of_the_home_is_lost_or_doubled(self) -> None:
        with self.office.store.read() as tx:
            homes = list(tx.scalars(select(MeterHomeRow)))
            days = list(tx.scalars(select(MeterDayRow).where(MeterDayRow.resource == HOME)))
        counted = sum(row.amount * row.lasted_us for row in [*homes, *days]) / 1e6
        least = self.home_truth - self.home_unknown - self.home_mb * self.unseen_s
        rounding = 0.01  # MB x seconds: half of a GB x microsecond, each time that it is settled
        assert least - rounding <= counted <= self.home_truth + rounding


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
