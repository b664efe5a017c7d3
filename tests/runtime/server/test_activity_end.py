"""The end of the heartbeats, also when something changes at the same moment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nbkeep_runtime.server.activity import Activity, Work


async def _look() -> Work:
    return Work(0, 0, terminal_is_busy=False, memory_used_bytes=None)


async def _tell(_beat: dict[str, Any]) -> None:
    pass


@pytest.mark.parametrize("turns", range(6))
def test_they_end_whenever_something_changes(turns: int) -> None:
    """`turns`: how often the loop goes round between the change and the end."""

    async def end() -> None:
        activity = Activity(_look, _tell, 60)
        activity.start()
        await asyncio.sleep(0.02)
        activity.changed()
        for _ in range(turns):
            await asyncio.sleep(0)
        done, _ = await asyncio.wait({asyncio.create_task(activity.stop())}, timeout=5)
        assert done

    asyncio.run(end())
