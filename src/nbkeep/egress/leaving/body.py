"""The bodies of requests that are read before they go on: on disk, without a name, bounded."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from functools import partial
from typing import TYPE_CHECKING

from nbkeep.egress import web
from nbkeep.egress.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator
    from pathlib import Path

    from nbkeep.egress.talk import Talk

_CHUNK = 256 << 10
_AT_ONCE = 8  # of one session; what comes beyond waits
_SHARE = 4  # no person takes more than this part of the place that there is, in all of their sessions


class Body:
    """What came of a request's body. `is_whole`: False where it is longer than is read."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed when its request has ended
        self._digest = hashlib.sha256()
        self.size, self.is_whole = 0, True

    def add(self, data: bytes) -> None:
        """Take what came; raises OSError."""
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    @contextlib.contextmanager
    def opened(self) -> Generator[int]:
        """Give a descriptor to read it by, and nothing else, from its beginning; raises OSError."""
        self._file.flush()
        own = os.open(f"/proc/self/fd/{self._file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield own
        finally:
            os.close(own)

    def is_unchanged(self) -> bool:
        """Tell whether its bytes are those that came; reads all of them."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.digest() == self._digest.digest()

    def pieces(self) -> Iterator[bytes]:
        """Yield its bytes from the beginning."""
        self._file.flush()
        at = 0
        while piece := os.pread(self._file.fileno(), _CHUNK, at):
            yield piece
            at += len(piece)

    @property
    def is_closed(self) -> bool:
        """Whether its place was given back."""
        return self._file.closed

    def close(self) -> None:
        """Give its place back; twice is safe."""
        self._file.close()


class Bodies:
    """The place for bodies, of all sessions. `most`: bytes that are read of one; `total`: of all at once."""

    def __init__(self, folder: Path, most: int, total: int) -> None:
        self._folder, self.most, self._total = folder, most, total
        self.used: dict[str, int] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}

    def forget(self, session_id: str) -> None:
        """Drop what is known of a session that is over; twice is safe."""
        self._turns.pop(session_id, None)

    @contextlib.asynccontextmanager
    async def turn(self, session_id: str) -> AsyncGenerator[None]:
        """Wait for a turn to read a body and have it examined."""
        async with self._turns.setdefault(session_id, asyncio.Semaphore(_AT_ONCE)):
            yield

    async def take(self, talk: Talk, asked: web.Asked, whose: str) -> Body | None:
        """Return the body of a request as it came, None where it has none; raises `Refusal`.

        `whose`: of whose share its place is. It stays until the connection has ended, and is what is sent
        on: see `web.Asked.spooled`.
        """
        length = _length(asked)
        if length == 0:
            return None
        try:
            body = Body(self._folder)
        except OSError as error:
            raise _no_place() from error
        talk.at_end.append(partial(self._given_back, whose, body))
        asked.spooled = body
        if length is not None and length > self.most:
            body.is_whole = False
            return body
        async with contextlib.aclosing(web.pieces(talk, asked)) as pieces:
            async for piece in pieces:
                body.is_whole = body.size + len(piece) <= self.most
                self._add(whose, body, piece)
                if not body.is_whole:
                    break
        return body

    def _add(self, whose: str, body: Body, piece: bytes) -> None:
        own = self.used.get(whose, 0) + len(piece)
        if own > max(self._total // _SHARE, self.most) or sum(self.used.values()) + len(piece) > self._total:
            raise _no_place()
        self.used[whose] = own
        try:
            body.add(piece)
        except OSError as error:
            body.size += len(piece)  # it may be there in part: what was counted is given back
            raise _no_place() from error

    def _given_back(self, whose: str, body: Body) -> None:
        if body.is_closed:
            return
        left = self.used.get(whose, 0) - body.size
        if left > 0:
            self.used[whose] = left
        else:
            self.used.pop(whose, None)
        body.close()


def has_body(asked: web.Asked) -> bool:
    """Tell whether anything comes after a request's head."""
    return _length(asked) != 0


def _length(asked: web.Asked) -> int | None:
    """Return how long a body is, None where that is not said beforehand."""
    for name, value in asked.request.headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            return int(value)
    return 0


def _no_place() -> Refusal:
    return Refusal(
        503, "egress-full", "there is no room to examine what is sent just now", "Try again in a moment."
    )
