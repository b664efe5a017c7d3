"""Opening the database, and the two kinds of transaction."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session as Tx
from sqlalchemy.orm import sessionmaker

from nbkeep.model.errors import Refused, Unavailable

from .migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from sqlalchemy.engine import Connection

__all__ = ["Store", "Tx"]

_BUSY_TIMEOUT_S = 10
_ASK_AGAIN_S = 0.01
_PRIMARY_CODE = 0xFF  # SQLite's extended codes have the primary one in their lowest byte
_WRITER_LOCK = 0x6E626B656570  # "nbkeep": the key of the advisory lock on PostgreSQL


@dataclass
class _Began:
    """When a transaction began: for a writing one once it has its turn."""

    at_s: float


class Store:
    """One database. Safe to share between threads; a transaction belongs to one thread."""

    def __init__(self, url: str, *, took: Callable[[str, float], None] | None = None) -> None:
        """Open (not create) the database at a SQLAlchemy URL such as `sqlite:////path/nbkeep.db`.

        `took`: is told how many seconds each transaction waited for its turn ("wait"), wrote ("write") or
        read ("read").
        """
        self.url = url
        self._took = took
        self.is_sqlite = url.startswith("sqlite")
        connect_args: dict[str, Any] = {"timeout": _BUSY_TIMEOUT_S} if self.is_sqlite else {}
        # Its errors are logged, and statements carry what is kept: they are told without it.
        self.engine = create_engine(
            url, connect_args=connect_args, pool_pre_ping=not self.is_sqlite, hide_parameters=True
        )
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
        self._writing, self._asking = threading.Lock(), threading.Lock()
        self._watching: Connection | None = None
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @classmethod
    def at(cls, path: Path) -> Store:
        """Open the SQLite file at a path."""
        return cls(f"sqlite:///{path}")

    @contextmanager
    def read(self) -> Generator[Tx]:
        """Give a transaction that sees one consistent state and is rolled back at the end."""
        with self._translated(), self._timed("read"), self._sessions() as tx:
            if self.is_sqlite:
                tx.connection().exec_driver_sql("BEGIN")
            else:
                tx.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield tx

    @contextmanager
    def write(self) -> Generator[Tx]:
        """Give a transaction that commits at the end of the block, or rolls back if the block raises.

        Invariant: there is one writer at a time on either engine, so that what is decided inside on the basis
        of what was read cannot be overtaken: SQLite takes its write lock at once (BEGIN IMMEDIATE),
        PostgreSQL an advisory lock that ends with the transaction. Do no slow work inside.
        """
        asked_s = time.perf_counter()
        with (
            self._translated(),
            self._turn(),
            self._timed("write") as began,
            self._sessions() as tx,
            tx.begin(),
        ):
            if self.is_sqlite:
                tx.connection().exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection = tx.connection()
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_BUSY_TIMEOUT_S}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
            began.at_s = time.perf_counter()
            if self._took is not None:
                self._took("wait", began.at_s - asked_s)
            yield tx

    def version(self) -> int | None:
        """Return a number that differs once anything was committed, by whichever process; None: unknown.

        Far cheaper than a question, for those who look often. See SQLite's `PRAGMA data_version`, which does
        not count commits of the connection that asks: this one is for nothing else.
        """
        if not self.is_sqlite:
            return None
        with self._translated(), self._asking:
            if self._watching is None:
                self._watching = self.engine.connect()
                self._watching.detach()
            return int(self._watching.exec_driver_sql("PRAGMA data_version").scalar_one())

    def migrate(self) -> None:
        """Create or update all tables in one transaction. Twice is safe, also from two processes at once."""
        with self.write() as tx:
            migrate(tx.connection())

    def close(self) -> None:
        """Close all connections; the store must not be used afterwards. Safe to call twice."""
        with self._asking:
            if self._watching is not None:
                self._watching.close()
                self._watching = None
        self.engine.dispose()

    @contextmanager
    def _timed(self, phase: str) -> Generator[_Began]:
        began = _Began(time.perf_counter())
        try:
            yield began
        finally:
            if self._took is not None:
                self._took(phase, time.perf_counter() - began.at_s)

    @contextmanager
    def _turn(self) -> Generator[None]:
        # SQLite's own waiting is a poll with growing sleeps, which starves writers; threads of one process
        # queue here instead.
        if not self._writing.acquire(timeout=_BUSY_TIMEOUT_S):
            raise Unavailable("database-locked", "The database is busy.", "Try again in a moment.")
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except OperationalError as error:
            reason = str(error.orig).lower()
            if "locked" in reason or "lock timeout" in reason:
                raise Unavailable(
                    "database-locked", "The database is busy.", "Try again in a moment."
                ) from error
            if "full" in reason or "disk i/o" in reason or "readonly" in reason:
                raise Unavailable(
                    "database-not-writable",
                    "The database cannot be written (disk full or read-only). Nothing was changed.",
                    "Free disk space in the data directory; `nbkeep doctor` shows how much is left.",
                ) from error
            if "connect" in reason or "closed" in reason:
                raise Unavailable(
                    "database-away", "The database does not answer.", "Try again later."
                ) from error
            raise
        except DataError as error:
            if "NUL" not in str(error.orig):
                raise
            # PostgreSQL keeps no NUL in texts, and SQLite finds none: what people send may hold one.
            raise Refused(
                "no-text",
                "A text has the character NUL in it, which no text has.",
                "Leave it out.",
                status=400,
            ) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Transactions are begun by `write()` itself: the driver's own implicit BEGIN is deferred, and a
    # deferred transaction that writes after it read can fail with SQLITE_BUSY without waiting.
    connection.isolation_level = None
    cursor = connection.cursor()
    use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")  # an audit record that was answered for survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def use_wal(cursor: Any) -> None:
    """Keep the journal as SQLite's WAL; a new file is changed to that by whoever opens it first.

    SQLite does not wait for a writer here, whatever timeout it was given: it answers SQLITE_BUSY at once. A
    connection holds nothing yet that another one could wait for, so that it is safe to ask again.
    """
    deadline_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & _PRIMARY_CODE == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline_s:
                raise
            time.sleep(_ASK_AGAIN_S)
        else:
            return
