"""TLS on top of a `Wire`, with the same face, so that what speaks HTTP need not know."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, TypeVar

from .refusals import Refusal
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


async def verified(upstream: Wire, context: ssl.SSLContext, host: str, limit_s: float) -> TlsWire:
    """Return a server's TLS, verified; raises `Refusal`: an unverified one never gets a secret."""
    server = TlsWire(upstream, context, host)
    try:
        async with asyncio.timeout(limit_s):
            await server.shake_hands()
    except ssl.SSLCertVerificationError as error:
        remedy = "An admin may add its authority with the setting egress_ca_file."
        why = f"{host} is not trusted: {error.verify_message}"
        raise Refusal(502, "egress-untrusted", why, remedy) from error
    except OSError as error:  # TimeoutError is one
        raise Refusal(502, "egress-failed", f"{host} did not agree on TLS") from error
    return server
