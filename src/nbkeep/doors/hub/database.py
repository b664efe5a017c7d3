"""The hub's own database: SQLite with a log that is written ahead, and through to the disk every second.

A start commits a dozen times, and each of those waits held the hub up for as long as the disk took. What a
promise depends on is in the office's database, which answers only what is on the disk. A power cut may take
from the hub the last second of what it had noted: the servers of that second are gone with the power.
"""

# JupyterHub and traitlets have no types: strictness ends at their edge.
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from tornado.ioloop import PeriodicCallback

from nbkeep.store.database import use_wal

if TYPE_CHECKING:
    from pathlib import Path

_EVERY_MS = 1000


def prepare_databases() -> None:
    """Have every SQLite database that this process opens from now on written so. Twice is safe."""
    if not event.contains(Engine, "connect", prepare):
        event.listen(Engine, "connect", prepare)


def prepare(connection: Any, _record: Any) -> None:
    """Set up a new connection: an event of SQLAlchemy."""
    cursor = connection.cursor()
    use_wal(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


class WriteThrough:
    """Writes a database's log through to the disk every second, where something was added to it."""

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(database.name + "-wal")
        self._seen: tuple[int, int] | None = None
        self._running: asyncio.Future[None] | None = None
        self._every = PeriodicCallback(self._begin, _EVERY_MS)

    def start(self) -> None:
        """Begin, in the loop that runs."""
        self._every.start()

    def _begin(self) -> None:
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().run_in_executor(None, self.write)

    def write(self) -> None:
        """Write it through now, if it has changed; raises nothing. Twice is safe.

        The log alone may be opened and closed beside SQLite: its locks, which a close(2) takes from the whole
        process, are on the database and its `-shm` (https://sqlite.org/howtocorrupt.html, 2.2).
        """
        try:
            with self._log.open("rb") as file:
                found = os.fstat(file.fileno())
                if (found.st_mtime_ns, found.st_size) != self._seen:
                    os.fsync(file.fileno())
                    self._seen = found.st_mtime_ns, found.st_size
        except OSError:
            pass  # there is none yet; what the disk refuses, SQLite meets at its next commit
