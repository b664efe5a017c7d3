"""Ten thousand people, page by page."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, insert

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


def test_everybody_is_on_one_page_and_a_page_reads_no_more_than_it_shows(
    store: Store, clock: ManualClock
) -> None:
    fill(store, clock, 10_000)
    seen: list[str] = []
    cursor: str | None = None
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    with store.read() as tx:
        while True:
            asked.clear()
            page = records.list_users(tx, OPERATOR, limit=500, cursor=cursor)
            questions = [one for one in asked if one.startswith("SELECT")]
            assert len(questions) == 1
            assert "LIMIT" in questions[0]
            seen += [row.name for row in page.rows]
            cursor = page.next
            if cursor is None:
                break
        assert len(records.list_users(tx, OPERATOR, text="09999").rows) == 1
    assert seen == sorted(seen)
    assert len(set(seen)) == 10_000
