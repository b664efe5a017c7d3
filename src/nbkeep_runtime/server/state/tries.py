"""Restores a kernel again when it died over that: whole once more, then without what it dies of.

A kernel may be killed by chance, for the memory that an object wants, or by an object whose own code ends it.
Its variables are safe on the disk meanwhile; what a user typed is held back until the last try.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server.state.errors import KernelDied
from nbkeep_runtime.server.state.giving import LIMIT_S

if TYPE_CHECKING:
    from nbkeep_runtime.server.state.giving import Giving
    from nbkeep_runtime.server.state.index import KeptKernel

_TRIES = 5  # jupyter_client gives a kernel up that dies six times in a row
_LOOK_S = 0.05


async def give_in_tries(
    giving: Giving, kernel: Any, kept: KeptKernel
) -> tuple[dict[str, Any], asyncio.Future[None]]:
    """Return what `Giving.give` does, of the first try that went well; raises `CannotRestore`."""
    deadline_s = time.monotonic() + LIMIT_S
    without: set[int] = set()
    died = 0
    while True:
        try:
            return await giving.give(kernel, kept, deadline_s - time.monotonic(), frozenset(without))
        except KernelDied as death:
            died += 1
            if died > 1:
                if death.frame is None or death.frame in without:
                    raise
                without.add(death.frame)
            if died == _TRIES or not await _is_started_again(kernel, deadline_s):
                raise


async def _is_started_again(kernel: Any, deadline_s: float) -> bool:
    """Wait until the kernel has a process again, which jupyter_client gives it."""
    with contextlib.suppress(Exception):  # whatever a start raises
        while time.monotonic() < deadline_s:
            if await kernel.is_alive():
                return True
            await asyncio.sleep(_LOOK_S)
    return False
