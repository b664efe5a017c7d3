"""How long the dashboard and a look for alarms take, and how well alarms find what is wrong.

    python benchmarks/bench_dashboard.py [--sessions N] [--intervals N] [--calls N] [--postgresql URL]

The dashboard is of one month with `--intervals` ended ones, 10 million as the goal, `--calls` calls of
models, a connection for each hundredth of them, and `--sessions` that run: all that its page shows, without
the page's own few milliseconds. A look is all kinds of alarms, one after the other. Databases are those of
`bench_meter.py`. Then seeded histories: how many of 100 days that are 5, 15 or 50 times the usual raise an
alarm, and how many of 10,000 ordinary days do, by how much people's days differ. Ends with 1 when a goal is
missed.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bench_meter import USERS, databases, fill, insert_all, tell

from nbkeep.anomalies.raise_alarms import Watch
from nbkeep.anomalies.rules import compare, judge
from nbkeep.anomalies.values import KINDS, USUAL
from nbkeep.dashboard.gather import gather
from nbkeep.dashboard.values import as_json
from nbkeep.meter.beat import Meter
from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock
from nbkeep.model.days import month_span
from nbkeep.store.alarm_tables import StorageDayRow
from nbkeep.store.database import Store
from nbkeep.store.model_tables import ModelCallRow
from nbkeep.store.network_tables import ConnectionRow

if TYPE_CHECKING:
    from collections.abc import Iterator

DASHBOARD_GOAL_S = 2.0
LOOK_GOAL_S = 10.0
_MONTH = month_span("2026-11")
_NOW = _MONTH.begin + timedelta(days=20, hours=12)
_DAYS = 20
_TIMES = 3
_ORDINARY = 10_000


@dataclass(frozen=True)
class Figures:
    """What was measured on one database, in seconds."""

    dashboard_s: float
    look_s: float


def main() -> int:
    """Measure on each database that there is; return 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--intervals", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--postgresql", default="", help="URL of an empty database")
    given = parser.parse_args()
    is_met = True
    for name, url in databases(given.postgresql):
        store = Store(url)
        store.migrate()
        tell(f"{name}: filling it")
        sessions = sorted(fill(store, given.sessions, given.intervals))
        fill_more(store, sessions, given.calls)
        tell(f"{name}: measuring")
        figures = measure(store, set(sessions))
        store.close()
        print(
            f"{name}: {given.intervals:,} ended intervals, {given.calls:,} calls, "
            f"{given.sessions:,} sessions:\n"
            f"  the dashboard takes {figures.dashboard_s:.2f} s (goal: {DASHBOARD_GOAL_S} s), "
            f"a look for alarms {figures.look_s:.2f} s (goal: {LOOK_GOAL_S} s)",
            flush=True,
        )
        is_met &= figures.dashboard_s <= DASHBOARD_GOAL_S and figures.look_s <= LOOK_GOAL_S
    for spread in (0.3, 0.6, 0.9):
        print(f"days that differ by e^{spread}: {quality(spread)}")
    return 0 if is_met else 1


def fill_more(store: Store, sessions: list[str], calls: int) -> None:
    """Add calls of models, connections and storage of the month."""
    people = [f"usr_{number:020}" for number in range(USERS)]

    def owner(number: int) -> dict[str, str]:
        place = number % len(sessions)
        return {"session_id": sessions[place], "user_id": people[place % USERS]}

    insert_all(store, ModelCallRow, (
        {"id": f"call{number}", "at": (at := _MONTH.begin + timedelta(days=number * _DAYS / calls)),
         "day": f"{at:%Y-%m-%d}", "provider": "openai", "operation": "chat", "model": f"model-{number % 7}",
         "streamed": False, "status": 200, "measure": "reported", "tokens_in": 900, "tokens_out": 100,
         "tokens_cached": 0, "cost": 1000, "reason": "", "duration_s": 1.0, **owner(number)}
        for number in range(calls)
    ))  # fmt: skip
    insert_all(store, ConnectionRow, (
        {"id": f"con{number}", "at": _MONTH.begin + timedelta(days=number * 2000 / calls),
         "host": "example.org", "port": 443, "protocol": "connect",
         "allowed": True, "would_block": False, "bytes_out": 5 << 20, **owner(number)}
        for number in range(calls // 100)
    ))  # fmt: skip
    insert_all(store, StorageDayRow, _storage(people))


def _storage(people: list[str]) -> Iterator[dict[str, object]]:
    for day in range(1, _DAYS + 1):
        for one in people:
            yield {"day": f"2026-11-{day:02}", "user_id": one, "home_bytes": day << 30, "kept_bytes": 1 << 30}


def measure(store: Store, sessions: set[str]) -> Figures:
    """Open an interval for each session, then ask for the dashboard and look for alarms."""
    clock = ManualClock(_NOW)
    meter = Meter(machine="here")
    for _ in range(len(sessions) // 500 + 2):  # it mends some hundreds with each beat
        meter.beat(store, clock, sessions)
        clock.advance(10)
    took: list[float] = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        with store.read() as tx:
            as_json(gather(tx, clock, OPERATOR, "", "EUR"))
        took.append(time.perf_counter() - began)
    watch = Watch("EUR")
    began = time.perf_counter()
    for kind in KINDS:
        watch.look(store, clock, kind)
    return Figures(statistics.median(took), time.perf_counter() - began)


def quality(spread: float) -> str:
    """Return how many wrong days are found, and how many ordinary ones are taken for it."""
    chance = random.Random(5)  # noqa: S311  no secret is made of it
    rule = replace(USUAL["spend"], least=0)

    def amount() -> int:
        return round(10**9 * math.exp(chance.gauss(0, spread)))

    def alarms(today: int) -> bool:
        return judge(rule, today, compare([amount() for _ in range(20)], [], rule), "EUR") is not None

    found = {times: sum(alarms(times * 10**9) for _ in range(100)) for times in (5, 15, 50)}
    false = sum(alarms(amount()) for _ in range(_ORDINARY))
    words = ", ".join(
        f"{count} of 100 days {times} times the usual are found" for times, count in found.items()
    )
    return f"{words}; {false} of {_ORDINARY:,} ordinary days raise an alarm"


if __name__ == "__main__":
    sys.exit(main())
