"""When the loops are over, nothing of them goes on: the office gives its database away after them."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from sqlalchemy import select

from nbkeep.backends.interface import Volume
from nbkeep.doors.worker import run_loops
from nbkeep.store.alarm_tables import StorageDayRow
from office_parts import InMemoryNode, OfficeForTests

GB = 1 << 30


class SlowToMeasure(InMemoryNode):
    """A node whose homes take until somebody lets them be measured."""

    def __init__(self) -> None:
        super().__init__()
        self.measured: list[str] = []
        self.is_measuring, self.may_answer = threading.Event(), threading.Event()

    def volume(self, user: str) -> Volume | None:
        self.measured.append(user)
        self.is_measuring.set()
        assert self.may_answer.wait(60)
        return Volume("xfs", 10 * GB, GB, 9 * GB)


def of_the_loops() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("nbkeep-loop")]


async def test_a_long_round_does_not_outlive_the_loops_and_writes_nothing_after_them(
    office: OfficeForTests,
) -> None:
    for name in ("jane", "omar", "zoe"):
        office.user(name)
    office.backend = node = SlowToMeasure()
    loops = asyncio.create_task(run_loops(office))
    try:
        assert await asyncio.to_thread(node.is_measuring.wait, 60)
        loops.cancel()
        done, _ = await asyncio.wait([loops], timeout=0.3)  # meanwhile, others have their turn
        assert not done
        assert of_the_loops()
    finally:
        node.may_answer.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(loops, 60)
    assert loops.cancelled()
    assert not of_the_loops()
    assert len(node.measured) == 1
    with office.store.read() as tx:
        assert not list(tx.scalars(select(StorageDayRow)))
