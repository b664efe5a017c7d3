"""Transactions and migrations, on both engines."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from nbkeep.audit import events, journal
from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.store import migrate
from nbkeep.store.database import Store
from nbkeep.store.tables import JournalRow, MarkRow, ProfileRow, SessionRow, Table


def mark(store: Store, clock: ManualClock, name: str, value: int) -> None:
    with store.write() as tx:
        tx.merge(MarkRow(name=name, value={"n": value}, at=clock.now()))


def test_migrations_make_exactly_the_tables_that_the_code_uses(store: Store) -> None:
    with store.read() as tx:
        context = MigrationContext.configure(tx.connection(), opts={"compare_type": False})
        assert compare_metadata(context, Table.metadata) == []


def test_migrating_twice_and_from_many_threads_at_once_is_safe(empty_url: str) -> None:
    stores = [Store(empty_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Store.migrate, stores))
    for store in stores:
        store.migrate()
        store.close()


def test_a_new_file_that_somebody_writes_to_is_waited_for(tmp_path: Path) -> None:
    """SQLite refuses at once to change the journal of a file that has a writer, whatever timeout it has."""
    file = tmp_path / "nbkeep.db"
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    store = Store.at(file)
    with ThreadPoolExecutor(1) as pool:
        migrated = pool.submit(store.migrate)
        with pytest.raises(TimeoutError):
            migrated.result(timeout=0.5)
        writer.execute("COMMIT")
        migrated.result(timeout=10)
    writer.close()
    store.close()


def test_profiles_and_sessions_of_the_first_release_are_taken_along(empty_url: str) -> None:
    """Profiles keep state from now on; a session from before has kept none, and still ends."""
    store = Store(empty_url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with store.write() as tx:
        config.attributes["connection"] = tx.connection()
        command.upgrade(config, "0001")
        moment = "2026-11-01 12:00:00+00:00"
        for statement in (
            "INSERT INTO flavors VALUES ('f', 1000, 1000, '', 0, 0, :at)",
            """INSERT INTO profiles (name, display_name, description, image, flavor, idle_stop_s, max_session_s,
               max_extension_s, network, classification, record_code, roles, enabled, updated_at)
               VALUES ('p', 'P', '', 'base', 'f', 60, 60, 0, 'none', 'public', false, '[]', true, :at)""",
            """INSERT INTO users (id, name, email, role, status, uid_index, max_sessions, home_size_bytes,
               tour_done, sessions_valid_from, created_at)
               VALUES ('usr', 'jane', 'j@x.org', 'notebook.user', 'active', 1, 3, 1, false, :at, :at)""",
            """INSERT INTO sessions (id, user_id, name, profile_name, profile, state, progress, requested_at,
               is_busy, extended_s) VALUES ('ses', 'usr', 'n', 'p', '{}', 'ready', '[]', :at, false, 0)""",
        ):
            tx.execute(text(statement), {"at": moment})
    store.migrate()
    with store.read() as tx:
        profile, session = tx.get_one(ProfileRow, "p"), tx.get_one(SessionRow, "ses")
    assert (profile.keep_state, profile.state_max_bytes, profile.state_retention_s) == (
        True,
        16 << 30,
        604_800,
    )
    assert (session.run, session.spent_micros, session.kept, session.state_pending) == (1, 0, None, False)
    store.close()


def test_a_database_of_a_newer_release_is_refused(store: Store) -> None:
    with store.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refused, match="newer release"):
        store.migrate()


def test_a_failed_block_changes_nothing(store: Store, clock: ManualClock) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        tx.add(MarkRow(name="half", value={}, at=clock.now()))
        tx.flush()
        raise ZeroDivisionError
    with store.read() as tx:
        assert tx.get(MarkRow, "half") is None


def test_what_a_writer_decided_on_is_not_overtaken(store: Store, clock: ManualClock) -> None:
    """Twenty read-then-write increments from eight threads lose none."""
    mark(store, clock, "count", 0)

    def increment(_: int) -> None:
        with store.write() as tx:
            row = tx.get_one(MarkRow, "count")
            row.value = {"n": row.value["n"] + 1}

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(20)))
    with store.read() as tx:
        assert tx.get_one(MarkRow, "count").value == {"n": 20}


def test_a_reader_sees_one_state_while_others_write(store: Store, clock: ManualClock) -> None:
    mark(store, clock, "a", 1)
    with store.read() as tx:
        assert tx.get_one(MarkRow, "a").value == {"n": 1}
        mark(store, clock, "b", 2)
        assert tx.get(MarkRow, "b") is None
    with store.read() as tx:
        assert tx.get(MarkRow, "b") is not None


@pytest.mark.parametrize("statement", ["UPDATE audit_journal SET record = '{}'", "DELETE FROM audit_journal"])
def test_the_database_itself_refuses_to_change_the_journal(
    store: Store, clock: ManualClock, statement: str
) -> None:
    with store.write() as tx:
        journal.append(tx, clock, OPERATOR, events.PlatformStarted(version="1"))
    with pytest.raises(DatabaseError, match="append only"), store.write() as tx:
        tx.execute(text(statement))
    with store.read() as tx:
        assert tx.get_one(JournalRow, 1).type == "platform.started"


def test_a_locked_database_is_said_to_be_busy(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbkeep.store.database._BUSY_TIMEOUT_S", 0.2)
    first, second = Store.at(tmp_path / "x.db"), Store.at(tmp_path / "x.db")
    first.migrate()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with first.write():
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        for store in (first, second):  # another thread of this process, and another process
            with pytest.raises(Unavailable) as error:
                mark(store, clock, "x", 1)
            assert error.value.code == "database-locked"
    finally:
        done.set()
        thread.join()
    first.close()
    second.close()


def test_its_version_tells_of_every_commit_and_of_nothing_else(tmp_path: Path, clock: ManualClock) -> None:
    store, other = Store.at(tmp_path / "nbkeep.db"), Store.at(tmp_path / "nbkeep.db")
    store.migrate()
    first = store.version()
    with store.read() as tx:
        assert tx.get(MarkRow, "a") is None
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        tx.add(MarkRow(name="a", value={}, at=clock.now()))
        tx.flush()
        raise ZeroDivisionError
    assert store.version() == first
    mark(store, clock, "a", 1)
    second = store.version()
    assert second != first
    mark(other, clock, "a", 2)
    assert store.version() != second
    store.close()
    other.close()
    other.close()


def test_naive_times_are_refused(store: Store) -> None:
    with pytest.raises(Exception, match="naive"), store.write() as tx:
        tx.add(MarkRow(name="x", value={}, at=ManualClock().now().replace(tzinfo=None)))
        tx.flush()
