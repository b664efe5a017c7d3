"""Coming back to an idle session: thawed from memory against restored from disk, in the same run.

    .venv/bin/python benchmarks/bench_frozen.py [ROUNDS]

The session holds an array of 200 MB. Each round waits until it is frozen (a minute), runs a cell in the tab
that is still open, then suspends and resumes it and runs the same cell in the new tab. The floor is the same
cell in a session that runs. Ends with 1 when coming back to a frozen one takes 100 ms more than that, or with
2 where the host cannot freeze.
"""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

from bench_start import run_cell
from installation import Installation

from lab_parts import make_profile
from nbkeep.backends.local.cgroups import find_cgroups
from platform_parts import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

_NOTEBOOK = "frozen.ipynb"
_MAKES = "import numpy as np; big = np.random.default_rng(1).random(25_000_000)"
_USES = "float(big[::1000].sum())"
_CELLS = 20
_MORE_S = 0.1


def main(rounds: int = 3) -> int:
    """Measure `rounds` returns of each kind; return the exit code."""
    if find_cgroups().freezer is None:
        print("This host cannot freeze: run it as root, or with a delegated cgroup.")
        return 2
    cells: list[float] = []
    thaws: list[float] = []
    restores: list[float] = []
    with Installation() as ours:
        ours.wait_until_warm()
        make_profile(ours.platform, "hasty", idle_stop="30s", max_session="4h")
        session = ours.person.start("hasty")
        session.open().raise_for_status()
        empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        body = {"type": "notebook", "format": "json", "content": empty}
        session.call("PUT", f"api/contents/{_NOTEBOOK}", body).raise_for_status()
        wanted = {"path": _NOTEBOOK, "name": _NOTEBOOK, "type": "notebook", "kernel": {"name": "python3"}}

        def kernel() -> str:
            return session.call("POST", "api/sessions", wanted).raise_for_status().json()["kernel"]["id"]

        with session.channel(kernel()) as channel:
            run_cell(channel, _MAKES)
        for number in range(rounds):
            with session.channel(kernel()) as channel:
                run_cell(channel, _USES)
                cells += [timed(run_cell, channel, _USES) for _ in range(_CELLS)]
                wait_for(lambda: session.state == "frozen", 300, "the session to be frozen", 0.5)
                thaws.append(timed(run_cell, channel, _USES))
            ours.platform.run("session", "suspend", session.id)
            began = time.perf_counter()
            ours.platform.office.post(f"/sessions/{session.id}/resume", json={}).raise_for_status()
            wait_for(lambda: session.state == "ready", 60, "the resume", 0.01)
            session.open().raise_for_status()
            with session.channel(kernel()) as channel:
                run_cell(channel, _USES)
            restores.append(time.perf_counter() - began)
            print(f"round {number + 1}: thawed {thaws[-1]:.3f} s, restored {restores[-1]:.3f} s", flush=True)
        session.stop()
    cell_s, thaw_s, restore_s = (statistics.median(seen) for seen in (cells, thaws, restores))
    print(f"\nmedians of {rounds}, to the answer of a cell that uses 200 MB")
    print(f"in a session that runs    {cell_s:7.3f} s")
    print(f"in a frozen one           {thaw_s:7.3f} s  (goal: at most {_MORE_S:g} s more)")
    print(f"in a suspended one        {restore_s:7.3f} s  ({restore_s / thaw_s:.0f} times that)")
    return int(thaw_s - cell_s > _MORE_S)


def timed(work: Callable[..., object], *arguments: object) -> float:
    """Return how many seconds a call takes."""
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
