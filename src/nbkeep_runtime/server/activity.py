"""What counts as work: a busy kernel, a terminal's output or job, what the user does; no open tab."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server import tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger("nbkeep.activity")

_SOON_S = 0.2  # gathers changes that come together: a cell that ends and the next that starts


@dataclass(frozen=True)
class Work:
    """What runs now."""

    busy_kernels: int
    terminals: int
    terminal_is_busy: bool
    memory_used_bytes: int | None

    @property
    def is_busy(self) -> bool:
        """Tell whether something computes without the user doing anything."""
        return self.busy_kernels > 0 or self.terminal_is_busy


class Activity:
    """The time of the latest work, told to the office every ten seconds and when busy changes."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Work]],
        tell: Callable[[dict[str, Any]], Awaitable[None]],
        every_s: float,
    ) -> None:
        self.last_work_at: datetime | None = None
        self._look = look
        self._tell = tell
        self._every_s = every_s
        self._changed = asyncio.Event()
        self._was_busy = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell; call once, on the event loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop telling."""
        await tasks.end(self._task)

    def user_did_something(self) -> None:
        """Count what a person did: run, save, type."""
        self.last_work_at = datetime.now(UTC)

    def output_appeared(self) -> None:
        """Count output of a terminal."""
        self.last_work_at = datetime.now(UTC)

    def changed(self) -> None:
        """Have the office told soon, because a kernel became busy or idle."""
        self._changed.set()

    async def report(self) -> dict[str, Any]:
        """Return the heartbeat for the office as things are now."""
        work = await self._look()
        if work.is_busy or self._was_busy:  # the end of work counts too
            self.last_work_at = datetime.now(UTC)
        self._was_busy = work.is_busy
        return {
            "last_work_at": self.last_work_at.isoformat() if self.last_work_at else None,
            "busy": work.is_busy,
            "busy_kernels": work.busy_kernels,
            "terminals": work.terminals,
            "memory_used_bytes": work.memory_used_bytes,
        }

    async def _run(self) -> None:
        while True:
            try:
                await self._tell(await self.report())
            except Exception:
                log.exception("A heartbeat failed")
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: in Python 3.11 it loses a cancellation that comes with its result.
                async with asyncio.timeout(self._every_s):
                    await self._changed.wait()
                await asyncio.sleep(_SOON_S)
            self._changed.clear()
