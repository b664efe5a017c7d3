"""Ten thousand people page in under 100 ms."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import insert

from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock
from nbkeep.people import records
from nbkeep.store.database import Store
from nbkeep.store.tables import UserRow


def fill(store: Store, clock: ManualClock, count: int) -> None:
    now = clock.now()
    rows: list[dict[str, Any]] = [
        {"id": f"usr_{n}", "name": f"user-{n:05}", "email": f"u{n}@acme.com", "role": "notebook.user", "status": "active",
         "uid_index": n, "max_sessions": 3, "home_size_bytes": 1, "tour_done": False, "sessions_valid_from": now,
         "created_at": now}
        for n in range(count)
    ]  # fmt: skip
    with store.write() as tx:
        tx.execute(insert(UserRow), rows)


def test_every_page_takes_less_than_100_ms(store: Store, clock: ManualClock) -> None:
    fill(store, clock, 10_000)
    seen: list[str] = []
    times_s: list[float] = []
    cursor: str | None = None
    with store.read() as tx:
        records.list_users(tx, OPERATOR, limit=1)
        while True:
            begun = time.perf_counter()
            page = records.list_users(tx, OPERATOR, limit=500, cursor=cursor)
            times_s.append(time.perf_counter() - begun)
            seen += [row.name for row in page.rows]
            cursor = page.next
            if cursor is None:
                break
        begun = time.perf_counter()
        assert len(records.list_users(tx, OPERATOR, text="09999").rows) == 1
        times_s.append(time.perf_counter() - begun)
    assert seen == sorted(seen)
    assert len(seen) == 10_000
    # The median, because other work on the machine may stretch any single one.
    assert sorted(times_s)[len(times_s) // 2] < 0.1
