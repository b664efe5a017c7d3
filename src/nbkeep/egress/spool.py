"""One line about each connection, kept until the office has taken it: also beyond the death of the gateway.

No path, no query, no header is in it: they hold secrets.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import typing
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("nbkeep.gateway")

Protocol = Literal["http", "connect", "socks", "tcp", "postgres"]  # of a connection
MAX_BATCH = 500
_IN_MEMORY = 10_000
_FILE_BYTES = 64 << 20
_LOST = "the gateway ended before the connection did: how much was moved is not known"


class Spooled(typing.Protocol):
    """What a spool keeps. Its JSON has `id` and `reason`, too."""

    @property
    def id(self) -> str:
        """Differs from all others."""
        ...

    @property
    def session_id(self) -> str:
        """Whose it is."""
        ...

    def as_json(self) -> dict[str, Any]:
        """Return it as the office takes it."""
        ...


@dataclass
class Record:
    """One connection. `at`: its start (ISO 8601); `address`: "" when nothing was connected to."""

    id: str
    session_id: str
    at: str
    host: str
    port: int
    protocol: Protocol
    method: str = ""
    address: str = ""
    allowed: bool = False
    would_block: bool = False
    rule_id: str = ""
    rule_source: str = ""
    reason: str = ""
    bytes_out: int = 0
    bytes_in: int = 0
    duration_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it as the office takes it."""
        return asdict(self)


class Spool:
    """Records that wait for the office, in memory and in a file, which the next gateway goes on with.

    The file has a line for each start ("o"), each end ("e") and each batch that was taken ("d"). When it is
    full and the office does not take any, `opened` refuses: what cannot be on record does not happen.
    """

    def __init__(self, path: Path, *, in_memory: int = _IN_MEMORY, file_bytes: int = _FILE_BYTES) -> None:
        self._path, self._most, self._file_bytes = path, in_memory, file_bytes
        self._open: dict[str, dict[str, Any]] = {}
        self._waiting: deque[dict[str, Any]] = deque()
        self._beyond = 0  # how many wait in the file alone
        self._size = 0
        found = self._read()
        for record in found:
            self._keep(record)
        self._replace(found)

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting) + self._beyond

    def opened(self, record: Spooled) -> None:
        """Note the start of an allowed connection before it is made; raises `Unavailable`."""
        if self._size > self._file_bytes:
            self._rewrite()
        if self._size > self._file_bytes:
            raise Unavailable(
                "records-full",
                "Connections cannot be recorded: the office has not taken records for long.",
                "Tell an admin; `nbkeep status` shows whether the office runs.",
            )
        self._open[record.id] = record.as_json()
        self._write({"o": self._open[record.id]})

    def ended(self, record: Spooled) -> None:
        """Note the end, or a refusal, which has no start; one that finds the spool full is only logged."""
        was_open = self._open.pop(record.id, None) is not None
        if not was_open and self._size > self._file_bytes:
            log.warning("the spool of records is full: a refusal for %s is not on record", record.session_id)
            return
        told = record.as_json()
        try:
            self._write({"e": told})
        except Unavailable:
            log.exception("a record is in memory alone")
        self._keep(told)

    def batch(self) -> list[dict[str, Any]]:
        """Return the oldest that wait, at most `MAX_BATCH`; they wait on until they are `taken`."""
        if not self._waiting and self._beyond:
            self._fetch()
        return [self._waiting[index] for index in range(min(MAX_BATCH, len(self._waiting)))]

    def taken(self, batch: list[dict[str, Any]]) -> None:
        """Forget what `batch` returned last."""
        for _ in batch:
            self._waiting.popleft()
        with contextlib.suppress(Unavailable):  # the office takes a repeat without harm
            self._write({"d": [one["id"] for one in batch]})
        if not self and self._size > self._file_bytes // 16:
            self._rewrite()

    def _keep(self, record: dict[str, Any]) -> None:
        if self._beyond or len(self._waiting) >= self._most:
            self._beyond += 1
        else:
            self._waiting.append(record)

    def _fetch(self) -> None:
        """Bring records from the file into memory: all that is in memory was taken."""
        self._beyond = 0
        for record in self._read(without_open=True):
            self._keep(record)

    def _read(self, *, without_open: bool = False) -> list[dict[str, Any]]:
        """Return what waits in the file; what had started and not ended did so with its gateway."""
        started: dict[str, dict[str, Any]] = {}
        ended: dict[str, dict[str, Any]] = {}
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            for line in file:
                try:
                    found = cast("dict[str, Any]", json.loads(line))
                except ValueError:
                    continue  # half a line: its writer was killed
                if "o" in found:
                    started[found["o"]["id"]] = found["o"]
                elif "e" in found:
                    started.pop(found["e"]["id"], None)
                    ended[found["e"]["id"]] = found["e"]
                for one in found.get("d", ()):
                    ended.pop(one, None)
        if not without_open:
            ended |= {one["id"]: one | {"reason": _lost(str(one["reason"]))} for one in started.values()}
        return list(ended.values())

    def _rewrite(self) -> None:
        """Leave in the file what still waits."""
        self._replace(self._read(without_open=True) if self._beyond else list(self._waiting))

    def _replace(self, waiting: list[dict[str, Any]]) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("w") as file:
            for record in waiting:
                file.write(json.dumps({"e": record}) + "\n")
            for record in self._open.values():
                file.write(json.dumps({"o": record}) + "\n")
        fresh.chmod(0o600)
        fresh.replace(self._path)
        self._size = self._path.stat().st_size

    def _write(self, line: dict[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(fd, data)
            finally:
                os.close(fd)
        except OSError as error:
            raise Unavailable(
                "records-unwritable",
                f"Connections cannot be recorded ({error.strerror}).",
                "Tell an admin; the data directory's disk may be full.",
            ) from error
        self._size += len(data)


def _lost(reason: str) -> str:
    return f"{reason}; {_LOST}" if reason else _LOST
