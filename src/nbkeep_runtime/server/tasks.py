"""The end of tasks that run for ever."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN_S = 1.0


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and return once it has ended, however; twice is safe.

    A cancellation that the task loses on its way (a library may take it for a time-out of its own) is sent
    again. One of the caller itself is raised, which `suppress(CancelledError)` would swallow.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_AGAIN_S)
