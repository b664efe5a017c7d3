"""TLS on top of a `Wire`, with the same face, so that what speaks HTTP need not know."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, TypeVar

from .wire import CHUNK_BYTES, CutError, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


class TlsWire(Wire):
    """One side of a TLS connection, once `shake_hands` has been awaited; closing it closes the inner wire."""

    def __init__(self, inner: Wire, context: ssl.SSLContext, server_name: str | None = None) -> None:
        self._inner = inner
        self._held = b""
        self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._coming, self._going, server_side=server_name is None, server_hostname=server_name
        )
        self._flushing = asyncio.Lock()  # records must not be mixed up

    @property
    def tls(self) -> ssl.SSLObject:
        """What Python knows of this TLS, such as the other side's certificate."""
        return self._tls

    async def shake_hands(self) -> None:
        """Agree with the other side; raises OSError (ssl.SSLError is one)."""
        try:
            await self._step(self._tls.do_handshake)
        finally:
            await self._flush()

    async def receive(self, limit: int = CHUNK_BYTES) -> bytes:
        """Return what has come, b"" at the end."""
        if self._held:
            held, self._held = self._held, b""
            return held
        try:
            return await self._step(lambda: self._tls.read(limit))
        except ssl.SSLZeroReturnError:
            return b""

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        view = memoryview(data)
        while view:
            sent = self._tls.write(view[:CHUNK_BYTES])
            view = view[sent:]
            await self._flush()

    async def last_words(self, data: bytes) -> None:
        """Send it as the last thing, say that it was, and wait a moment, as on a plain wire."""
        with contextlib.suppress(OSError):
            await self.send(data)
            with contextlib.suppress(ssl.SSLError):  # the other side has not said yet that it ends
                self._tls.unwrap()
            await self._flush()
            await self._inner.last_words(b"")

    def end(self) -> None:
        """Say on the inner wire that no more is sent."""
        self._inner.end()

    def close(self) -> None:
        """Close the inner wire; twice is safe."""
        self._inner.close()

    async def _step(self, act: Callable[[], _T]) -> _T:
        while True:
            try:
                done = act()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._inner.receive()
                if not data:
                    self._coming.write_eof()
                    raise CutError("ended in the middle") from None
                self._coming.write(data)
            else:
                await self._flush()
                return done

    async def _flush(self) -> None:
        async with self._flushing:
            if data := self._going.read():
                await self._inner.send(data)
