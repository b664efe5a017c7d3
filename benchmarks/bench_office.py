"""How fast the office decides and lists, on SQLite with every commit on disk.

    uv run python benchmarks/bench_office.py [--users N] [--sessions N]

Goals: 200 admissions decided a second; a page of 50 out of 10,000 people and 100,000 sessions under 100 ms.
Prints one line for each figure and ends with 1 when a goal is missed. The floor beside the admissions is a
bare commit of one small row on the same disk: what no office that answers for its records can beat.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from nbkeep.app import Office
from nbkeep.backends.interface import Capacity
from nbkeep.model.actor import ROLE_SCOPES, Actor, Role
from nbkeep.model.clock import SystemClock
from nbkeep.model.ids import new_id
from nbkeep.people.records import list_users
from nbkeep.profiles.profiles import find_profile
from nbkeep.profiles.seeds import plant
from nbkeep.sessions.listing import Filter, list_sessions
from nbkeep.sessions.records import snapshot
from nbkeep.sessions.start import request_session
from nbkeep.sessions.view import session_line
from nbkeep.settings import Settings
from nbkeep.store.database import Store
from nbkeep.store.tables import MarkRow, SessionRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Callable

ADMISSIONS = 400
ADMISSIONS_GOAL_PER_S = 200
PAGE_GOAL_MS = 100
_CHUNK = 5000


@dataclass(frozen=True)
class LargeNode:
    """A node with room for everybody; only its capacity is asked for."""

    def capacity(self) -> Capacity:
        """Return more than all sessions need."""
        return Capacity(cpu_millis=10**9, memory_bytes=1 << 60)


def main() -> int:
    """Make a database of the given size, measure, print; return 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--sessions", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nbk", dir="/tmp") as folder:
        office = make_office(Path(folder), given.users, given.sessions)
        try:
            return report(office, given.users, given.sessions)
        finally:
            office.close()


def report(office: Office, users: int, sessions: int) -> int:
    """Measure and print every figure; return 1 when one misses its goal."""
    print(
        f"{users:,} people, {sessions:,} sessions, SQLite {office.store.engine.dialect.server_version_info}"
    )
    rate = admissions_per_s(office)
    floor = commits_per_s(office)
    print(f"admissions  {rate:7.0f} /s   goal {ADMISSIONS_GOAL_PER_S} /s   bare commits {floor:.0f} /s")
    missed = rate < ADMISSIONS_GOAL_PER_S
    for name, read in pages(office).items():
        slowest = max(timed_ms(read) for _ in range(15))
        middle = statistics.median(timed_ms(read) for _ in range(15))
        print(f"{name:28} {middle:6.1f} ms (slowest {slowest:.1f})   goal {PAGE_GOAL_MS} ms")
        missed |= slowest > PAGE_GOAL_MS
    return int(missed)


def admissions_per_s(office: Office) -> float:
    """Return how many sessions of as many people are admitted a second, one after another."""
    with office.store.read() as tx:
        people = tx.query(UserRow).order_by(UserRow.name).limit(ADMISSIONS).all()
    actors = [Actor(one.id, one.name, ROLE_SCOPES[Role.USER]) for one in people]
    begun = time.perf_counter()
    for actor in actors:
        request_session(office, actor, "notebook-cpu-small")
    return len(actors) / (time.perf_counter() - begun)


def commits_per_s(office: Office) -> float:
    """Return how many transactions of one small row reach the disk a second."""
    begun = time.perf_counter()
    for number in range(ADMISSIONS):
        with office.store.write() as tx:
            tx.add(MarkRow(name=f"bench-{number}", value={}, at=office.clock.now()))
    return ADMISSIONS / (time.perf_counter() - begun)


def pages(office: Office) -> dict[str, Callable[[], object]]:
    """Return what is listed, as the REST API lists it."""
    admin = Actor("usr_admin", "boss", ROLE_SCOPES[Role.ADMIN])
    with office.store.read() as tx:
        first = tx.query(UserRow).order_by(UserRow.name).first()
    assert first is not None
    jane = Actor(first.id, first.name, ROLE_SCOPES[Role.USER])
    deep = deep_cursor(office, admin)

    def sessions(actor: Actor, wanted: Filter | None = None, cursor: str | None = None) -> object:
        with office.store.read() as tx:
            page = list_sessions(tx, actor, wanted, limit=50, cursor=cursor)
        return json.dumps(
            [session_line(office.clock, office.settings, row, name) for row, name in page.items]
        )

    def people(cursor: str | None = None) -> object:
        with office.store.read() as tx:
            return [one.name for one in list_users(tx, admin, limit=50, cursor=cursor).rows]

    return {
        "sessions, first page": lambda: sessions(admin),
        "sessions, page 1,000": lambda: sessions(admin, cursor=deep),
        "sessions, live ones": lambda: sessions(admin, Filter(state="live")),
        "sessions, of one person": lambda: sessions(admin, Filter(user=first.name)),
        "sessions, one's own": lambda: sessions(jane),
        "sessions, of one profile": lambda: sessions(admin, Filter(profile="nb-gpu-h100")),
        "sessions, failed ones": lambda: sessions(admin, Filter(state="failed")),
        "people, first page": people,
        "people, page 100": lambda: people("user-05000"),
    }


def deep_cursor(office: Office, admin: Actor) -> str | None:
    """Return the cursor in the middle of the list of sessions."""
    cursor = None
    for _ in range(100):
        with office.store.read() as tx:
            cursor = list_sessions(tx, admin, limit=500, cursor=cursor).next
        if cursor is None:
            break
    return cursor


def timed_ms(read: Callable[[], object]) -> float:
    """Return how long one call takes."""
    begun = time.perf_counter()
    read()
    return (time.perf_counter() - begun) * 1000


def make_office(folder: Path, users: int, sessions: int) -> Office:
    """Return an office whose database is full of people and of sessions that are over."""
    image = folder / "images/base/current"
    image.mkdir(parents=True)
    (image / "image.json").write_text('{"name": "base"}')
    settings = Settings(data_dir=folder, cpu_overcommit=1000)
    store, clock = Store(settings.store_url), SystemClock()
    store.migrate()
    now = clock.now()
    with store.write() as tx:
        plant(tx, clock)
        found = find_profile(tx, "notebook-cpu-small")
        assert found is not None
        kept = snapshot(*found, "EUR")
        ids = [new_id("usr", now) for _ in range(users)]
        people: list[dict[str, Any]] = [
            {
                "id": user_id, "name": f"user-{number:05}", "email": f"user-{number:05}@acme.com",
                "role": "notebook.user", "status": "active", "uid_index": number + 1, "max_sessions": 3,
                "home_size_bytes": 10 << 30, "tour_done": False, "failed_logins": 0,
                "sessions_valid_from": now, "created_at": now,
            }
            for number, user_id in enumerate(ids)
        ]  # fmt: skip
        tx.execute(insert(UserRow), people)
        for begin in range(0, sessions, _CHUNK):
            rows: list[dict[str, Any]] = [
                {
                    "id": new_id("ses", now - timedelta(minutes=number)), "user_id": ids[number % users],
                    "name": "notebook-cpu-small", "profile_name": "notebook-cpu-small", "profile": kept,
                    "state": "stopped", "progress": [], "requested_at": now - timedelta(minutes=number),
                    "is_busy": False, "extended_s": 0, "stop_reason": "user",
                }
                for number in range(begin, min(begin + _CHUNK, sessions))
            ]  # fmt: skip
            tx.execute(insert(SessionRow), rows)
    return Office(settings, store, clock, LargeNode(), _no_hub())  # pyright: ignore[reportArgumentType]


def _no_hub() -> Any:
    return None  # admissions are decided before the hub is asked


if __name__ == "__main__":
    sys.exit(main())
