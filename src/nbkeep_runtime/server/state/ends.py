"""Lets those who wait for a kernel's answer know that it ended or was started anew."""

from __future__ import annotations

import asyncio
from typing import Any


class Ends:
    """One future for each kernel that somebody waits for, true if it died; on the event loop only."""

    def __init__(self) -> None:
        self._of: dict[str, asyncio.Future[bool]] = {}

    def of(self, kernel_id: str) -> asyncio.Future[bool]:
        """Return what is done once the kernel's process is gone; ask before it can be."""
        found = self._of.get(kernel_id)
        if found is None or found.done():
            found = self._of[kernel_id] = asyncio.get_running_loop().create_future()
        return found

    def ended(self, kernel_id: str, *, died: bool) -> None:
        """Tell them; `died`: by itself, not because the user started it anew."""
        found = self._of.pop(kernel_id, None)
        if found is not None and not found.done():
            found.set_result(died)


async def first(*waited: Any, timeout_s: float) -> set[asyncio.Future[Any]]:
    """Return those that are done when the first of them is, or none after the time; cancels nothing."""
    futures = [asyncio.ensure_future(one) for one in waited]
    done, _ = await asyncio.wait(futures, timeout=max(0.0, timeout_s), return_when=asyncio.FIRST_COMPLETED)
    return done
