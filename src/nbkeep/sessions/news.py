"""Who waits for a session in this process is told at once when something became of it.

It says that there is news, never what: whoever is woken reads the row. A database has one office, so that all
news of its sessions passes through this process; what is missed all the same is found at the next look.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@dataclass(frozen=True, eq=False)
class Waiting:
    """One who waits, in the loop that they wait in."""

    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event

    async def wait(self, longest_s: float) -> None:
        """Return when there was news since the last return, or after `longest_s` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self.woken.wait()
        self.woken.clear()


class News:
    """Safe to use from several threads and loops."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[Waiting]] = defaultdict(set)
        self._lock = threading.Lock()

    def tell(self, session_id: str) -> None:
        """Wake all who wait for this session; call it after the commit. Twice is safe."""
        with self._lock:
            found = list(self._waiting.get(session_id, ()))
        for one in found:
            with contextlib.suppress(RuntimeError):  # its loop has been closed meanwhile
                one.loop.call_soon_threadsafe(one.woken.set)

    @contextlib.contextmanager
    def of(self, session_id: str) -> Generator[Waiting]:
        """Hear of a session for as long as this lasts; no news in between is missed."""
        one = Waiting(asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting[session_id].add(one)
        try:
            yield one
        finally:
            with self._lock:
                self._waiting[session_id].discard(one)
                if not self._waiting[session_id]:
                    del self._waiting[session_id]
