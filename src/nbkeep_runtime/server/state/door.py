"""A socket at which one kernel, and nobody else, is let in for one save or restore.

It lies in the kernel's folder, where anything of the sandbox may connect first, say nothing or say too much:
who does not show the token in time is sent away, and the door stays open for the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import socket
import stat
from typing import TYPE_CHECKING, Any, Self, cast

import orjson

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_LINE_BYTES = 256
_TOKEN_S = 10.0
_WAITING = 16  # connections that have not shown a token; more are sent away at once
_PATH_BYTES = 107  # unix(7)


class Door:
    """A listening socket; use as a context manager, on the event loop."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / secrets.token_hex(12)
        self.token = secrets.token_hex(32)
        self._folder = folder
        self._listener = socket.socket(socket.AF_UNIX)
        self._entered: asyncio.Future[tuple[socket.socket, bytes]] = (
            asyncio.get_running_loop().create_future()
        )
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        try:
            if not stat.S_ISDIR(self._folder.lstat().st_mode) or len(str(self.path)) > _PATH_BYTES:
                raise NotADirectoryError(f"{self._folder} is no folder for a socket")
            self._listener.setblocking(False)
            self._listener.bind(str(self.path))
            self._listener.listen(_WAITING)
        except OSError:
            self._listener.close()
            raise
        self._spawn(self._accept())
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        self._listener.close()
        with contextlib.suppress(OSError):
            self.path.unlink()
        if self._entered.done() and not self._entered.cancelled():
            return  # the connection belongs to whoever waited for it
        self._entered.cancel()

    async def entered(self) -> tuple[socket.socket, bytes]:
        """Return the kernel's connection and what it sent after its token; cancel this to give up."""
        return await asyncio.shield(self._entered)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._entered.done():
            connection, _ = await loop.sock_accept(self._listener)
            if len(self._tasks) > _WAITING:
                connection.close()
            else:
                self._spawn(self._look(connection))

    async def _look(self, connection: socket.socket) -> None:
        """Let in who shows the token."""
        line, rest = b"", b""
        try:
            async with asyncio.timeout(_TOKEN_S):
                while b"\n" not in line and len(line) < _LINE_BYTES:
                    data = await asyncio.get_running_loop().sock_recv(connection, _LINE_BYTES)
                    if not data:
                        break
                    line += data
            line, _, rest = line.partition(b"\n")
        except (OSError, TimeoutError, asyncio.CancelledError):
            connection.close()
            return
        if self._shows_token(line) and not self._entered.done():
            connection.setblocking(True)
            self._entered.set_result((connection, rest))
        else:
            connection.close()

    def _shows_token(self, line: bytes) -> bool:
        try:
            shown: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            return False
        token: Any = cast("dict[str, Any]", shown).get("token") if isinstance(shown, dict) else None
        return isinstance(token, str) and hmac.compare_digest(token.encode(), self.token.encode())

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
