"""A database that is locked, and the whole life of a session on each engine."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import select

from nbkeep.doors.worker import Worker
from nbkeep.model.errors import Unavailable
from nbkeep.store import database
from nbkeep.store.tables import JournalRow, SessionRow
from office_parts import OfficeForTests


def test_a_locked_database_refuses_the_start_clearly_and_leaves_nothing_behind(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = office.user()
    office.store.close()
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.2)
    office.store = database.Store(office.settings.store_url)
    other = sqlite3.connect(office.settings.data_dir / "nbkeep.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        office.requested(jane)
    assert caught.value.code == "database-locked"
    other.execute("ROLLBACK")
    other.close()
    with office.store.read() as tx:
        assert tx.scalars(select(SessionRow)).all() == []
    assert office.hub.calls == []
    assert office.requested(jane)


def test_a_session_lives_and_ends_on_each_engine(any_office: OfficeForTests) -> None:
    office = any_office
    worker = Worker(office, boot_id="boot-1")
    worker.round()
    session_id = office.ready(office.user())
    worker.round()
    office.clock.set(office.clock.now() + timedelta(hours=9))
    worker.round()
    assert office.row(session_id).state == "ready"
    office.clock.advance(1795)
    office.beat(session_id)
    worker.round()
    assert office.row(session_id).state == "ready"
    office.clock.advance(30)
    office.beat(session_id)
    worker.round()
    office.backend.saves("jane", session_id, office.clock.now())
    office.backend.running.pop(session_id)
    office.clock.advance(30)
    worker.round()
    row = office.row(session_id)
    assert (row.state, row.stop_reason) == ("suspended", "idle")
    with office.store.read() as tx:
        kinds = list(tx.scalars(select(JournalRow.type).order_by(JournalRow.seq)))
    assert kinds == [
        "state.key-added", "session.requested", "session.started", "session.ready", "platform.clock-jumped",
        "session.stop-requested", "session.ended", "session.suspended",
    ]  # fmt: skip
