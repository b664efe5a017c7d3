"""What metering takes: the beat of many sessions, and the report of a month.

    python benchmarks/bench_meter.py [--sessions N] [--beats N] [--intervals N] [--postgresql URL]

10,000 sessions are counted every 10 seconds in one transaction. Printed is how long that takes, which part of
one processor it takes in the office (a database server's own comes on top), and how long another writer
waits. The report is of one month with `--intervals` ended ones, 10 million as the goal, which people's days
sum up. SQLite commits to the disk; PostgreSQL is started here where one is installed, or is the (empty) one
of `--postgresql`. Ends with 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, literal, select

from nbkeep.meter.beat import Meter
from nbkeep.meter.report import usage
from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock
from nbkeep.model.days import month_span
from nbkeep.store.database import Store
from nbkeep.store.meter_tables import MeterDayRow, MeterIntervalRow
from nbkeep.store.tables import MarkRow, SessionRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

USERS = 1000
BEAT_S = 10.0
CPU_GOAL = 0.05
WAIT_GOAL_MS = 1000
REPORT_GOAL_S = 2.0
_CHUNK = 10_000
_BASE = 200_000  # intervals that are made one by one; the database copies them
_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Figures:
    """What was measured on one database."""

    beat_ms: float
    slowest_ms: float
    cpu_share: float
    waited_ms: float
    report_s: float


def main() -> int:
    """Measure on each database that there is; return 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--beats", type=int, default=10)
    parser.add_argument("--intervals", type=int, default=1_000_000)
    parser.add_argument("--postgresql", default="", help="URL of an empty database")
    given = parser.parse_args()
    is_met = True
    for name, url in databases(given.postgresql):
        store = Store(url)
        store.migrate()
        tell(f"{name}: filling it")
        sessions = fill(store, given.sessions, given.intervals)
        tell(f"{name}: measuring")
        figures = measure(store, sessions, given.beats)
        store.close()
        print(
            f"{name}: {given.sessions:,} sessions: a beat takes {figures.beat_ms:.0f} ms "
            f"(slowest {figures.slowest_ms:.0f} ms), {figures.cpu_share:.2%} of one processor "
            f"(goal: {CPU_GOAL:.0%}); another writer waits {figures.waited_ms:.0f} ms at most "
            f"(goal: {WAIT_GOAL_MS} ms); a month of {given.intervals:,} ended intervals in "
            f"{figures.report_s:.2f} s (goal: {REPORT_GOAL_S} s)",
            flush=True,
        )
        is_met &= figures.cpu_share <= CPU_GOAL and figures.waited_ms <= WAIT_GOAL_MS
        is_met &= figures.report_s <= REPORT_GOAL_S
    return 0 if is_met else 1


def databases(url: str) -> Iterator[tuple[str, str]]:
    """Give the name and the URL of each database; it is gone when the next is asked for."""
    with tempfile.TemporaryDirectory(prefix="nbkbench", dir="/tmp") as folder:
        yield "SQLite", f"sqlite:///{folder}/nbkeep.db"
    if url:
        yield "PostgreSQL", url
        return
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        print("PostgreSQL: none installed")
        return
    with postgresql(found[-1]) as started:
        yield "PostgreSQL", started


@contextmanager
def postgresql(bin_: Path) -> Generator[str]:
    """Start a server that answers on a socket alone, with its usual durability."""
    data = Path(tempfile.mkdtemp(prefix="nbkbench", dir="/tmp"))
    prefix: list[str] = []
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(data, "postgres", "postgres")
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(*command: str) -> None:
        subprocess.run([*prefix, *command], check=True, stdout=subprocess.DEVNULL, cwd=data, timeout=60)

    try:
        run(str(bin_ / "initdb"), "-D", str(data / "db"), "-U", "postgres", "-A", "trust")
        run(str(bin_ / "pg_ctl"), "-D", str(data / "db"), "-w", "-l", str(data / "log"),
            "-o", f"-c listen_addresses= -k {data}", "start")  # fmt: skip
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={data}"
        finally:
            run(str(bin_ / "pg_ctl"), "-D", str(data / "db"), "-m", "fast", "stop")
    finally:
        shutil.rmtree(data, ignore_errors=True)


def fill(store: Store, sessions: int, intervals: int) -> set[str]:
    """Make people, running sessions, ended intervals of a month and their days; return the sessions."""
    people = [f"usr_{number:020}" for number in range(USERS)]
    running = [f"ses_{number:020}" for number in range(sessions)]
    profile = {
        "name": "notebook-cpu-small", "flavor": "small", "cpu_millis": 2000, "memory_bytes": 8 << 30,
        "gpu_type": "", "gpu_count": 0, "price_per_hour_micros": 100_000,
    }  # fmt: skip
    insert_all(store, UserRow, (
        {"id": one, "name": f"user{number}", "email": f"user{number}@acme.com", "role": "notebook.user",
         "status": "active", "uid_index": number, "max_sessions": 3, "home_size_bytes": 0, "tour_done": False,
         "sessions_valid_from": _NOW, "created_at": _NOW}
        for number, one in enumerate(people)
    ))  # fmt: skip
    insert_all(store, SessionRow, (
        {"id": one, "user_id": people[number % USERS], "name": f"s{number}", "profile_name": profile["name"],
         "profile": profile, "state": "ready", "progress": [], "requested_at": _NOW, "ready_at": _NOW,
         "is_busy": False, "extended_s": 0}
        for number, one in enumerate(running)
    ))  # fmt: skip
    month = datetime(2026, 11, 1, tzinfo=UTC)
    base = min(intervals, _BASE)
    insert_all(store, MeterIntervalRow, (
        {"id": f"int_{number:020}", "session_id": running[number % sessions],
         "user_id": people[number % sessions % USERS], "profile_name": profile["name"],
         "resource": "flavor:small", "amount": 1, "cpu_millis": 2000, "memory_bytes": 8 << 30,
         "list_price": 10_000_000, "began_at": month + timedelta(seconds=number * 20 * 86400 / base),
         "lasted_us": _HOUR_US // 100, "boot": "earlier", "mono_us": 0, "ended_at": _NOW}
        for number in range(base)
    ))  # fmt: skip
    multiply(store, base, intervals)
    each = intervals // (USERS * 20)
    insert_all(store, MeterDayRow, (
        {"day": f"2026-11-{day:02}", "user_id": one, "profile_name": profile["name"], "resource": resource,
         "amount": 1, "lasted_us": each * _HOUR_US // 100, "cost": each * 100_000}
        for day in range(1, 21) for one in people for resource in ("flavor:small", "frozen:small", "gpu:a100")
    ))  # fmt: skip
    return set(running)


def multiply(store: Store, base: int, intervals: int) -> None:
    """Copy the first intervals under other names until there are so many: the database does it by itself."""
    table = MeterIntervalRow.__table__
    others = [one for one in table.columns if one.name != "id"]
    for begin in range(base, intervals, base):
        copied = select(literal(f"{begin // base:03}_") + func.substr(table.c.id, 5), *others).where(
            table.c.id >= "int_", table.c.id < f"int_{min(base, intervals - begin):020}"
        )
        with store.write() as tx:
            tx.execute(insert(MeterIntervalRow).from_select(["id", *(one.name for one in others)], copied))
        tell(f"{begin + base:,} of {intervals:,} intervals")


def tell(text: str) -> None:
    """Say how far it is, for whoever waits."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def insert_all(store: Store, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    """Insert rows in transactions of some thousands."""
    chunk: list[dict[str, Any]] = []
    count = 0
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            _insert(store, table, chunk)
            count, chunk = count + len(chunk), []
            if count % (20 * _CHUNK) == 0:
                tell(f"{count:,} rows of {table.__tablename__}")
    if chunk:
        _insert(store, table, chunk)


def _insert(store: Store, table: Any, chunk: list[dict[str, Any]]) -> None:
    with store.write() as tx:
        tx.execute(insert(table), chunk)


def measure(store: Store, sessions: set[str], beats: int) -> Figures:
    """Open an interval for each session, then beat, with another writer beside; then ask for the month."""
    clock = ManualClock(_NOW)
    meter = Meter(machine="here")
    for _ in range(len(sessions) // 500 + 1):  # it mends some hundreds with each beat
        meter.beat(store, clock, sessions)
        clock.advance(BEAT_S)
    waits: list[float] = []
    is_over = threading.Event()
    writer = threading.Thread(target=write_beside, args=(store, waits, is_over))
    writer.start()
    took: list[float] = []
    cpu_s = 0.0
    for _ in range(beats):
        clock.advance(BEAT_S)
        began, began_cpu = time.perf_counter(), time.thread_time()
        meter.beat(store, clock, sessions)
        took.append(time.perf_counter() - began)
        cpu_s += time.thread_time() - began_cpu
        time.sleep(0.05)  # the writer beside gets its turn between two beats, as in an office
    is_over.set()
    writer.join()
    began = time.perf_counter()
    with store.read() as tx:
        items = usage(tx, OPERATOR, month_span("2026-11"))
    report_s = time.perf_counter() - began
    print(json.dumps({"lines of the report": len(items)}), file=sys.stderr)
    return Figures(
        statistics.median(took) * 1000, max(took) * 1000, cpu_s / beats / BEAT_S, max(waits) * 1000, report_s
    )


def write_beside(store: Store, waits: list[float], is_over: threading.Event) -> None:
    """Write one row again and again, as a heartbeat of a session does, and note how long each took."""
    number = 0
    while not is_over.is_set():
        began = time.perf_counter()
        with store.write() as tx:
            tx.merge(MarkRow(name="bench", value={"number": number}, at=_NOW))
        waits.append(time.perf_counter() - began)
        number += 1
        is_over.wait(0.02)


if __name__ == "__main__":
    sys.exit(main())
