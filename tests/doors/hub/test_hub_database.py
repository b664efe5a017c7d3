"""The hub's database: no commit waits for the disk, and a moment later all of it is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from nbkeep.doors.hub import database


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = create_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    event.listen(found, "connect", database.prepare)
    yield found
    found.dispose()


def test_it_keeps_a_log_that_is_written_ahead(engine: Engine) -> None:
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 1  # NORMAL


def test_what_was_added_is_written_through_once(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        written.append(os.readlink(f"/proc/self/fd/{fd}"))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    through = database.WriteThrough(tmp_path / "hub.db")
    through.write()
    assert written == [], "there is nothing yet"
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    through.write()
    through.write()
    assert written == [str(tmp_path / "hub.db-wal")]
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    through.write()
    assert len(written) == 2
