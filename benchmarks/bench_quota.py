"""What a quota's decision takes, beside a million intervals of the meter.

    python benchmarks/bench_quota.py [--intervals N] [--times N] [--postgresql URL]

One person of a thousand has quotas per day, month, type of GPU, cost and at once, and is in a project of
fifty that has some, too. Printed are the number of questions of a decision as each start makes it, its
median and its 95th percentile; and those of reading one row by its primary key in the same run, in turns: the
least that a question to this database can take. CPU time is that of the thread that asks: where it is far
less than the whole on SQLite, the machine was busy with something else. Databases are those of
`bench_meter.py`. Ends with 1 when the goal is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bench_meter import databases
from sqlalchemy import event, insert

from nbkeep.meter.values import Held
from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock
from nbkeep.model.verdict import Allow
from nbkeep.quotas import change
from nbkeep.quotas.book import read
from nbkeep.quotas.rules import may_begin
from nbkeep.store.database import Store
from nbkeep.store.meter_tables import MeterDayRow, MeterIntervalRow
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.tables import SessionRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Callable

USERS, MEMBERS, DAYS = 1000, 50, 365
GOAL_MS = 5.0
_CHUNK = 10_000
_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
_HOUR_US = 3_600_000_000
_RESOURCES = ("flavor:small", "gpu:a100")


@dataclass(frozen=True)
class Took:
    """How long something takes: the whole, and of a processor."""

    median_ms: float
    p95_ms: float
    cpu_ms: float

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.median_ms:.2f} ms (95 %: {self.p95_ms:.2f} ms, CPU: {self.cpu_ms:.2f} ms)"

    @classmethod
    def of(cls, found: list[tuple[float, float]]) -> Took:
        """Make it of what single ones took."""
        whole = sorted(one for one, _ in found)
        return cls(
            statistics.median(whole),
            whole[int(len(whole) * 0.95)],
            statistics.median(cpu for _, cpu in found),
        )


def main() -> int:
    """Measure on each database that there is; return 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--intervals", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--postgresql", default="", help="URL of an empty database")
    options = parser.parse_args()
    is_met = True
    for name, url in databases(options.postgresql):
        store = Store(url)
        store.migrate()
        fill(store, options.intervals)
        asked, decision, floor = measure(store, options.times)
        store.close()
        print(
            f"{name}, {options.intervals:,} intervals: a decision asks {asked} questions in "
            f"{decision.words} (goal: under {GOAL_MS:.0f} ms), a row by its key takes {floor.words}: "
            f"{decision.median_ms / floor.median_ms:.0f} times that; the machine's load was "
            f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors",
            flush=True,
        )
        is_met &= decision.median_ms < GOAL_MS
    return 0 if is_met else 1


def fill(store: Store, count: int) -> None:
    """Write people, a project, ended intervals with the sums of their days, and what runs."""
    users = [f"usr_{number:06}" for number in range(USERS)]
    with store.write() as tx:
        rows: list[dict[str, Any]] = [
            {"id": one, "name": f"u{number}", "email": f"u{number}@x.eu", "role": "notebook.user",
             "status": "active", "uid_index": number + 1, "max_sessions": 9, "home_size_bytes": 1,
             "tour_done": True, "sessions_valid_from": _NOW, "created_at": _NOW}
            for number, one in enumerate(users)
        ]  # fmt: skip
        tx.execute(insert(UserRow), rows)
        tx.execute(
            insert(SessionRow),
            [
                {"id": f"ses_{number:06}", "user_id": one, "name": "work", "profile_name": "p",
                 "profile": {"flavor": "small", "gpu_type": "a100", "gpu_count": 1}, "state": "ready",
                 "progress": [], "requested_at": _NOW, "ready_at": _NOW - timedelta(hours=1), "run": 1,
                 "is_busy": False, "extended_s": 0, "frozen_s": 0.0, "spent_micros": 0,
                 "discard_state": False, "state_pending": False}
                for number, one in enumerate(users)
            ],
        )  # fmt: skip
        tx.add(ProjectRow(id="prj_1", name="nlp", description="", created_at=_NOW))
        tx.flush()
        tx.execute(
            insert(ProjectMemberRow),
            [
                {"project_id": "prj_1", "user_id": one, "is_lead": False, "since": _NOW}
                for one in users[:MEMBERS]
            ],
        )
        for subject, limits in (
            (change.find_subject(tx, user="u7"), ["gpu-a100=90h/month", "gpu-a100=20h/day", "sessions=5"]),
            (change.find_subject(tx, everyone=True), ["hours=500h/month", "cost=500/month", "gpu=4"]),
            (change.find_subject(tx, project="nlp"), ["gpu=90000h/month", "cost=90000/month"]),
        ):
            change.set_quotas(tx, ManualClock(_NOW), OPERATOR, subject, limits)
    for begin in range(0, count, _CHUNK):
        with store.write() as tx:
            ids = range(begin, min(count, begin + _CHUNK))
            tx.execute(insert(MeterIntervalRow), [_interval(one) for one in ids])
    for day in reversed(range(DAYS)):  # in the order in which they come about
        with store.write() as tx:
            tx.execute(
                insert(MeterDayRow),
                [
                    {"day": f"{_NOW - timedelta(days=day):%Y-%m-%d}", "user_id": user, "profile_name": "p",
                     "resource": resource, "amount": 1, "lasted_us": _HOUR_US, "cost": 10_000_000}
                    for user in users
                    for resource in _RESOURCES
                ],
            )  # fmt: skip


def _interval(number: int) -> dict[str, Any]:
    """Return one of the ended intervals; the first 2,000 are those that run."""
    user = number // 2 % USERS
    is_open = number < 2 * USERS
    began_at = _NOW - timedelta(hours=1 if is_open else 24 + number % (24 * DAYS))
    return {
        "id": f"int_{number:09}", "session_id": f"ses_{user:06}", "user_id": f"usr_{user:06}",
        "profile_name": "p", "resource": _RESOURCES[number % 2], "amount": 1, "cpu_millis": 1000,
        "memory_bytes": 1, "list_price": 10_000_000, "began_at": began_at, "lasted_us": _HOUR_US,
        "boot": "boot", "mono_us": 0, "ended_at": None if is_open else began_at + timedelta(hours=1),
    }  # fmt: skip


def measure(store: Store, times: int) -> tuple[int, Took, Took]:
    """Return the questions of a decision, what it takes, and the floor; taken in turns, on one load."""
    held = (Held("flavor:small", 1, 10_000_000), Held("gpu:a100", 1))

    def decide() -> None:
        with store.read() as tx:
            book = read(tx, _NOW, ["usr_000007"], has_rates=False)
            verdict = may_begin(book.standings("usr_000007"), held, book.cost_of(held), "EUR")
        assert isinstance(verdict, Allow), verdict

    def floor() -> None:
        with store.read() as tx:
            tx.get_one(UserRow, "usr_000007")

    asked: list[str] = []

    def note(*told: Any) -> None:
        asked.append(told[2])

    event.listen(store.engine, "before_cursor_execute", note)
    decide()
    event.remove(store.engine, "before_cursor_execute", note)
    questions = sum(one.startswith("SELECT") for one in asked)
    took: tuple[list[tuple[float, float]], ...] = ([], [])
    for _ in range(times):
        for place, act in enumerate((decide, floor)):
            took[place].append(_ms(act))
    return questions, Took.of(took[0]), Took.of(took[1])


def _ms(act: Callable[[], None]) -> tuple[float, float]:
    begin, begin_cpu = time.perf_counter(), time.thread_time()
    act()
    return (time.perf_counter() - begin) * 1000, (time.thread_time() - begin_cpu) * 1000


if __name__ == "__main__":
    sys.exit(main())
