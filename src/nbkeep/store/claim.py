"""A database has one office: whoever comes second, by mistake, is told who was first."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from nbkeep.model.errors import Refused, Unavailable

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy.engine import Connection

_OFFICE_LOCK = 0x6E626B656571  # beside the writer's lock of `database`, which each transaction takes
_NAME_BYTES = 63  # PostgreSQL cuts application_name there
# A host that lost its power says no goodbye: the server must notice that in seconds, not in two hours.
_KEEPALIVES = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
_HOLDER = text(
    "SELECT activity.application_name FROM pg_locks AS lock JOIN pg_stat_activity AS activity USING (pid) "
    "WHERE lock.locktype = 'advisory' AND lock.granted AND lock.database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (lock.classid::bigint << 32) + lock.objid::bigint = :key LIMIT 1"
)


@dataclass
class Claim:
    """The right to be the one office of a database, from entering the block to its end.

    PostgreSQL keeps it as an advisory lock of a connection (its manual, 13.3.5), which must therefore lead to
    the server itself, not to a pooler that hands connections round; SQLite's is a lock on a file beside it.
    Both end with the process, however that ends. Entering raises `Refused` (409) where another office has it
    and `Unavailable` where the database is away.
    """

    url: str
    data_dir: Path
    _file: TextIO | None = field(default=None, init=False)
    _connection: Connection | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        try:
            holder = self._take()
        except DBAPIError as error:
            self.close()
            raise Unavailable(
                "database-away", "The database does not answer.", "Start it; look at `nbkeep doctor`."
            ) from error
        if holder is not None:
            self.close()
            raise Refused(
                "office-runs-already",
                f"Another office works on this database: {holder or 'it gives no name'}.",
                "Stop that one with `nbkeep down`, or give this one a database of its own "
                "(database_url in config.toml).",
                status=409,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def is_held(self) -> bool:
        """Tell whether no other office has it; look every few seconds.

        A database that was restarted has forgotten the claim: it is made again. One that is away cannot be
        another's either.
        """
        if self._file is not None:
            return True
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return True
        except DBAPIError:
            self.close()
        try:
            is_free = self._take() is None
        except DBAPIError:
            self.close()
            return True
        if not is_free:
            self.close()
        return is_free

    def close(self) -> None:
        """Give it back. Twice is safe."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            with contextlib.suppress(DBAPIError):
                self._connection.close()
            self._connection = None

    def _take(self) -> str | None:
        """Take it and return None, or return who has it."""
        if self.url.startswith("sqlite"):
            return self._take_file()
        name = f"nbkeep office of {socket.gethostname()}:{self.data_dir}"
        engine = create_engine(
            self.url, poolclass=NullPool, isolation_level="AUTOCOMMIT",
            connect_args={"application_name": name.encode()[:_NAME_BYTES].decode(errors="ignore")},
        )  # fmt: skip
        self._connection = engine.connect()
        for setting, value in _KEEPALIVES.items():
            self._connection.exec_driver_sql(f"SET {setting} = {value}")
        asked = text("SELECT pg_try_advisory_lock(:key)")
        if self._connection.execute(asked, {"key": _OFFICE_LOCK}).scalar_one():
            return None
        return str(self._connection.execute(_HOLDER, {"key": _OFFICE_LOCK}).scalar() or "")

    def _take_file(self) -> str | None:
        place = Path(f"{make_url(self.url).database}-office")
        place.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._file.read(1000).strip()
        self._file.truncate(0)
        self._file.write(f"nbkeep office of {socket.gethostname()}:{self.data_dir}, process {os.getpid()}\n")
        self._file.flush()
        return None
