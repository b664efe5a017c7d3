"""The disk is full and no record can be written: nothing is admitted, and what runs goes on."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select, text

from nbkeep.audit.verify import verify_journal
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Unavailable
from nbkeep.store.tables import JournalRow, SessionRow
from office_parts import OfficeForTests, office

__all__ = ["office"]


def test_no_session_is_admitted_without_its_record_and_running_ones_stay(office: OfficeForTests) -> None:
    """SQLite is allowed no page more, as on a full disk: each write that needs one fails with SQLITE_FULL."""
    jane = office.user("jane")
    running = office.ready(jane)
    with office.store.read() as tx:
        before = list(tx.scalars(select(JournalRow.seq)))
        pages = tx.execute(text("PRAGMA page_count")).scalar_one()
    limit = {"pages": pages}

    def narrow(connection: Any, *_others: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit['pages']}")

    event.listen(office.store.engine, "checkout", narrow)
    with pytest.raises(Unavailable, match="disk full"):
        for number in range(200):  # until what is free in the file is used up
            office.requested(office.user(f"u{number}"))
    with office.store.read() as tx:
        admitted = set(tx.scalars(select(SessionRow.id)))
        recorded = set(
            tx.scalars(select(JournalRow.session_id).where(JournalRow.type == "session.requested"))
        )
        assert admitted == recorded
    assert running in admitted
    assert office.row(running).state == "ready"
    assert running in office.backend.running
    assert verify_journal(office.store, OPERATOR).ok
    limit["pages"] = 1 << 30
    assert office.row(office.requested(office.user("omar"))).state == "requested"
    report = verify_journal(office.store, OPERATOR)
    assert report.ok
    assert report.seq > len(before)
