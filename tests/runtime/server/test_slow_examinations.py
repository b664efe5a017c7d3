"""An examination that takes long holds up nothing else, and what somebody waits for goes first."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from nbkeep_runtime.server.examining.examined import Examined
from nbkeep_runtime.server.examining.examiner import Examiner
from nbkeep_runtime.server.examining.reader import Reader
from nbkeep_runtime.server.home import Home

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep_runtime.server.office import Office

GENEROUS_S = 20.0


class Slow(Reader):
    """Examines nothing until it is told to, and notes in which order it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end, self.begun = threading.Event(), threading.Semaphore(0)
        self.order: list[bytes] = []

    def _asked(self, request: bytes, files: list[int], timeout_s: float, turn: Any) -> Examined:
        del files, timeout_s, turn
        self.order.append(request)
        self.begun.release()
        self.may_end.wait(GENEROUS_S)
        return Examined()


class Careful:
    """An office by whose policy each save is examined first."""

    view: Any = {"leaving": {"save": {"secret": {"decision": "deny", "scope": "everywhere"}}}}


async def test_slow_examinations_leave_threads_for_all_else(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(4))
    home, reader = Home(tmp_path, "/home/user"), Slow()
    examiner = Examiner(home, cast("Office", Careful()), reader)
    for at in range(12):
        (tmp_path / f"{at}.py").write_text("x")
        examiner.soon(f"{at}.py")

    async def save(part: int) -> None:
        async with examiner.turn():
            await asyncio.to_thread(reader.examine, part, "saved.py")

    part = os.open(tmp_path / "0.py", os.O_RDONLY)
    saves = [loop.create_task(save(part)) for _ in range(8)]
    try:
        await asyncio.sleep(0.1)
        await asyncio.wait_for(asyncio.to_thread(os.getpid), GENEROUS_S / 2)
    finally:
        reader.may_end.set()
        await asyncio.gather(*saves)
        await examiner.stop()
        os.close(part)
        home.close()


def test_what_somebody_waits_for_is_examined_before_what_nobody_does(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    file, reader = os.open(tmp_path / "a", os.O_RDONLY), Slow()
    asked = [("first", False), ("beside", False), ("beside", False), ("save", True)]
    threads = [
        threading.Thread(target=reader.examine, args=(file, name), kwargs={"is_urgent": is_urgent})
        for name, is_urgent in asked
    ]
    threads[0].start()
    assert reader.begun.acquire(timeout=GENEROUS_S)
    for thread in threads[1:]:
        thread.start()
    pause = threading.Event()
    while vars(reader)["_urgent"] == 0:
        pause.wait(0.01)
    reader.may_end.set()
    for thread in threads:
        thread.join(GENEROUS_S)
    os.close(file)
    assert b"save" in reader.order[1]
