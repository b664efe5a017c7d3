"""One socket, read and written without buffers of our own: what is not read stays with its sender."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK_BYTES = 256 << 10
# After so many chunks that were there at once, others have a turn.
_TURN = 8
_DRAIN_S = 2.0


class CutError(ConnectionError):
    """The other side ended in the middle."""


class Wire:
    """A connected, non-blocking stream socket, which becomes this object's."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._held = b""

    async def receive(self, limit: int = CHUNK_BYTES) -> bytes:
        """Return what has come, b"" at the end."""
        if self._held:
            held, self._held = self._held, b""
            return held
        return await asyncio.get_running_loop().sock_recv(self._sock, limit)

    async def exactly(self, count: int) -> bytes:
        """Return so many bytes; raises `CutError`."""
        data = b""
        while len(data) < count:
            more = await self.receive(count - len(data))
            if not more:
                raise CutError("ended in the middle of a message")
            data += more
        self.hold(data[count:])
        return data[:count]

    def hold(self, data: bytes) -> None:
        """Give back what was read, for the next one who reads."""
        self._held = data + self._held

    async def send(self, data: bytes) -> None:
        """Send all of it; waits as long as the other side does not take it."""
        await asyncio.get_running_loop().sock_sendall(self._sock, data)

    def end(self) -> None:
        """Say that no more is sent; twice is safe."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    async def last_words(self, data: bytes) -> None:
        """Send it as the last thing, and wait a moment so that it is not lost with what was not read."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await self.send(data)
                self.end()
                self._held = b""
                while await self.receive():
                    pass

    def close(self) -> None:
        """Close it; twice is safe."""
        self._sock.close()


async def pump(source: Wire, target: Wire, told: Callable[[int], None]) -> None:
    """Carry bytes until the source's end, and end the target then; `told` hears how many."""
    turn = 0
    while data := await source.receive():
        told(len(data))
        await target.send(data)
        turn += 1
        if turn % _TURN == 0:
            await asyncio.sleep(0)
    target.end()
