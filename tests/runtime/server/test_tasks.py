"""The end of tasks that run for ever: it comes, and nobody's own cancellation is lost meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from nbkeep_runtime.server import tasks


async def stubborn(times: int) -> None:
    """Lose this many cancellations, as a library does that takes one for its own time-out."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if not times:
                raise
            times -= 1


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_a_task_ends_that_loses_cancellations(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_AGAIN_S", 0.01)
    task = asyncio.create_task(stubborn(times))
    await asyncio.sleep(0)
    await tasks.end(task)
    assert task.cancelled()
    await tasks.end(task)


async def test_one_that_has_failed_and_one_that_never_was_are_over() -> None:
    async def fail() -> None:
        raise OSError("the office is away")

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    await tasks.end(task)
    await tasks.end(None)
    assert isinstance(task.exception(), OSError)


async def test_who_is_cancelled_while_waiting_for_it_is_cancelled() -> None:
    task = asyncio.create_task(stubborn(1))
    await asyncio.sleep(0)
    ending = asyncio.create_task(tasks.end(task))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    await tasks.end(task)
