"""Asks the warden for a kernel that is forked from a warm parent into this session's sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING, Any, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

log = logging.getLogger("nbkeep.kernels")

_ANSWER_S = 12.0
_LOWEST_PID = 2


class Door:
    """One connection to the warden, for one kernel."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_asked: bool = False
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._is_asked = is_asked

    async def fork(self, **asked: object) -> int | None:
        """Return the kernel's pid inside the sandbox, or None: there is none. Raises OSError, ValueError.

        Asked are `connection_file`, `env`, `cwd`, and `spare` for one that waits until it is taken. Where
        that was asked already (`ask`), it only waits for the answer.
        """
        async with asyncio.timeout(_ANSWER_S):  # TimeoutError is an OSError
            if not self._is_asked:
                self._writer.write(orjson.dumps(asked) + b"\n")
            told: Any = orjson.loads(await self._reader.readline())
        answer = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
        pid = answer.get("pid")
        if answer.get("ok") is True and isinstance(pid, int) and pid >= _LOWEST_PID:
            return pid
        log.info("A kernel is started the plain way: %s", answer.get("error"))
        return None

    async def closed(self) -> None:
        """Return when the warden has closed the connection: the parent of a spare kernel is no more."""
        with contextlib.suppress(OSError):
            while await self._reader.read(64):
                pass


@contextlib.asynccontextmanager
async def door(place: Path, asked: socket.socket | None = None) -> AsyncGenerator[Door]:
    """Open a connection to the warden, or go on with one on which was asked; raises OSError without any."""
    if asked is None:
        reader, writer = await asyncio.open_unix_connection(place)
    else:
        reader, writer = await asyncio.open_unix_connection(sock=asked)
    try:
        yield Door(reader, writer, is_asked=asked is not None)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def ask(place: Path, **asked: object) -> socket.socket:
    """Ask for a kernel before any event loop runs; return the connection on which the answer comes.

    Raises OSError where nobody takes it at once.
    """
    talk = socket.socket(socket.AF_UNIX)
    try:
        talk.setblocking(False)
        talk.connect(str(place))
        talk.sendall(orjson.dumps(asked) + b"\n")
    except OSError:
        talk.close()
        raise
    return talk


async def fork(place: Path, **asked: object) -> int | None:
    """Return the pid of a kernel, or None: then it has to be started the plain way."""
    try:
        async with door(place) as warden:
            return await warden.fork(**asked)
    except (OSError, ValueError):
        return None
