"""What background saves cost cells: the same ones in two real sessions, one of which keeps its variables."""

# The session server lies beside its tests:
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parents[1] / "tests/runtime/server"))

from session_server import Browser, RunningServer
from state_cells import MIXED, MIXED_STATE
from state_parts import keeping

_PAUSE_S = 8.0  # longer than the quiet moment that a background save waits for
_ROUNDS = 8
_WITHIN_S = 300.0


class Cost(NamedTuple):
    """Seconds of cells with and without background saves, and how many saves took how long."""

    with_s: float
    without_s: float
    saves: int
    saves_s: float


class _Session(RunningServer):
    """A session whose kernels run under the image's Python."""

    def __init__(self, python: Path, **env: str) -> None:
        super().__init__(**env)
        self.python = str(python)


def cost(python: Path) -> Cost:
    """Run both sessions at once, cell by cell in turn, so that both see the same machine."""
    with (
        _Session(python, **keeping(max_bytes=8 << 30)) as keeps,
        _Session(python) as does_not,
    ):
        seconds = asyncio.run(_both(keeps, does_not))
        saved = keeps.office.of_type("state.saved")
        # What is saved at the end of the session costs no cell anything.
        during = [one for one in saved if one["why"] == "background"]
    return Cost(*seconds, len(during), sum(one["duration_s"] for one in during))


async def _both(keeps: RunningServer, does_not: RunningServer) -> tuple[float, float]:
    async with (
        Browser(keeps, keeps.open_notebook("a.ipynb")) as one,
        Browser(does_not, does_not.open_notebook("a.ipynb")) as other,
    ):
        browsers = (one, other)
        for browser in browsers:
            await _timed(browser, MIXED_STATE)
        spent = [0.0, 0.0]
        for number in range(_ROUNDS):
            for cell in MIXED:
                # Neither is always the first.
                for index in (0, 1) if number % 2 else (1, 0):
                    spent[index] += await _timed(browsers[index], cell)
            await asyncio.sleep(_PAUSE_S)
        return spent[0], spent[1]


async def _timed(browser: Browser, cell: str) -> float:
    began = time.perf_counter()
    await browser.until_idle(await browser.execute(cell), _WITHIN_S)
    return time.perf_counter() - began
