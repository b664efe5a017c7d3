"""Saving and restoring a kernel's variables: nbkeep against its peers and the disk, in the same run.

    .venv/bin/python benchmarks/bench_state.py [ROUNDS] [--packages FOLDER]

Every tool works in a real kernel of the image `base`, on a state of 0.9 GB (`state_cells.py`). Before each
timed step this machine's memory is touched once, and before a restore what was written leaves the page cache:
else the order of the tools would decide. Libraries are imported before a restore is timed. dill takes part if
it is installed beside the bench, CRIU where it runs (environment variable CRIU, as root), torch if the image
has it or FOLDER, the site-packages of some other environment of the same Python.
"""

# The kernels lie beside their tests:
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import state_background
import state_cells as cells
from state_tools import Criu, Nbkeep, OneFile, Tool, criu

from nbkeep.settings import Settings

sys.path.append(str(Path(__file__).parents[1] / "tests/runtime/sandbox"))

from kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable

Figures = dict[str, float | str]

_STEPS = (("save", "save"), ("again", "save again"), ("restore", "restore, cell"), ("touched", "all touched"))
_TOUCHED_BYTES = 3 << 30
_CHUNK_BYTES = 1 << 24


def touch_memory() -> None:
    """Touch as much memory as a tool may need: on virtual machines the first touch of a page costs most."""
    code = f"import mmap; m = mmap.mmap(-1, {_TOUCHED_BYTES})\nfor i in range(0, len(m), 4096): m[i] = 1"
    subprocess.run([sys.executable, "-c", code], check=True)


def forget_cached(folder: Path) -> None:
    """Let what lies in a folder leave the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def timed(work: Callable[..., object], *arguments: object) -> float:
    """Return how long a call takes, in seconds."""
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def measure(tool: Tool, start: Callable[[], Kernel]) -> Figures:
    """Return one round's figures of a tool."""
    found: Figures = {}
    first = start()
    with contextlib.ExitStack() as stack:
        stack.callback(first.__exit__)
        first.run(cells.IMPORTS)
        first.run(cells.STATE, within_s=600)
        has_torch = not first.try_run(cells.TORCH_STATE, 120)[1]
        touch_memory()
        found["save"] = timed(tool.save, first)
        first.run(cells.CHANGE)
        touch_memory()
        found["again"] = timed(tool.save, first)
        with tool.second(start, first) as kernel:
            if has_torch and kernel is not first:
                kernel.run("import torch")
            forget_cached(tool.folder)
            touch_memory()
            began = time.perf_counter()
            tool.restore(kernel)
            kernel.run("len(words)")
            found["restore"] = time.perf_counter() - began
            kernel.run(cells.TOUCH, 120)
            found["touched"] = time.perf_counter() - began
            found["values"] = _right(kernel, cells.VALUES + (cells.TORCH_VALUES if has_torch else ()))
            found["aliases"] = _right(kernel, cells.ALIASES + (cells.TORCH_ALIASES if has_torch else ()))
    with start() as kernel:
        kernel.run(cells.IMPORTS + "\nwords = ['a']\n" + cells.UNPICKLABLE)
        try:
            tool.save(kernel)
            found["unpicklable"] = "kept" if isinstance(tool, Criu) else "named, rest kept"
        except AssertionError:
            found["unpicklable"] = "nothing saved"
    return found


def _right(kernel: Kernel, questions: tuple[str, ...]) -> str:
    """Return how many of some expressions are true."""
    right = sum(kernel.try_run(f"print(bool({one}))")[0] == "True" for one in questions)
    return f"{right}/{len(questions)}"


def disk(folder: Path, size: int) -> tuple[float, float]:
    """Return the seconds to write as many bytes with fsync, and to read them cold."""
    data = os.urandom(_CHUNK_BYTES)
    path = folder / "floor"

    def write() -> None:
        with path.open("wb") as file:
            for _ in range(size // _CHUNK_BYTES):
                file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def read() -> None:
        with path.open("rb") as file:
            while file.read(_CHUNK_BYTES):
                pass

    touch_memory()
    wrote = timed(write)
    forget_cached(folder)
    touch_memory()
    return wrote, timed(read)


def memory(size: int) -> float:
    """Return the seconds to touch as much new memory, once: no restore that is touched can be quicker."""
    touch_memory()
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as mapped:
        zeros = bytes(_CHUNK_BYTES)

        def touch() -> None:
            for _ in range(size // _CHUNK_BYTES):
                mapped.write(zeros)

        return timed(touch)


def run(make: Callable[[Path], Tool], start: Callable[[], Kernel]) -> tuple[str, Figures]:
    """Return a tool's name and one round's figures, or why there are none."""
    folder = Path(tempfile.mkdtemp(prefix="nbk-state"))
    tool = make(folder)
    try:
        return tool.name, measure(tool, start)
    except AssertionError as error:
        return tool.name, {"failed": (str(error).strip().splitlines() or ["failed"])[-1][:90]}
    finally:
        tool.close()
        shutil.rmtree(folder)


def main(rounds: int, packages: str | None) -> int:
    """Measure `rounds` rounds of each tool; return the exit code."""
    image = Settings.load().images_dir / "base/current/env"
    if not image.exists():
        raise SystemExit("The image `base` is not built: run `make up` or `nbkeep image build base` first.")
    program, why_not = criu()
    tools: list[Callable[[Path], Tool]] = [Nbkeep]
    # Only cloudpickle's and dill's own folders are lent to the image's Python.
    lent = Path(tempfile.mkdtemp(prefix="nbk-lent"))
    absent = [] if program else [f"CRIU: {why_not}"]
    for library in ("cloudpickle", "dill"):
        spec = importlib.util.find_spec(library)
        if spec is None or spec.origin is None:
            absent.append(f"{library}: not installed beside this benchmark (pip install {library})")
            continue
        (lent / library).symlink_to(Path(spec.origin).parent)
        tools.append(lambda folder, library=library: OneFile(folder, library))
    if program:
        tools.append(lambda folder: Criu(folder, program))
    paths = os.pathsep.join(filter(None, (str(lent), packages)))

    def start() -> Kernel:
        return Kernel(str(image / "bin/python"), env={"PYTHONPATH": paths})

    with start() as kernel:
        if kernel.try_run("import torch", 120)[1]:
            absent.append("torch: not in the image `base`; lend it with --packages")
    figures: dict[str, list[Figures]] = {}
    floors: list[tuple[float, float, float]] = []
    try:
        for number in range(rounds):
            for make in tools:
                name, found = run(make, start)
                figures.setdefault(name, []).append(found)
                print(f"round {number + 1}: {name}: {found}", flush=True)
            folder = Path(tempfile.mkdtemp(prefix="nbk-state"))
            floors.append((*disk(folder, 820 << 20), memory(820 << 20)))
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(lent)
    is_met = show(figures, floors, absent)
    return 0 if show_background(state_background.cost(image / "bin/python")) and is_met else 1


def show(
    figures: dict[str, list[Figures]], floors: list[tuple[float, float, float]], absent: list[str]
) -> bool:
    """Print medians and ratios; return whether every goal of nbkeep is met."""
    heads = "".join(f"{head:>14}" for _, head in _STEPS)
    print(f"\n{'medians, seconds':28}{heads}  aliases  values  unpicklables")
    medians: dict[str, dict[str, float]] = {}
    for name, rounds in figures.items():
        if any("failed" in one for one in rounds):
            print(f"{name:28}  fails: {next(one['failed'] for one in rounds if 'failed' in one)}")
            continue
        medians[name] = {key: statistics.median(float(one[key]) for one in rounds) for key, _ in _STEPS}
        last = rounds[-1]
        print(
            f"{name:28}" + "".join(f"{medians[name][key]:14.2f}" for key, _ in _STEPS)
            + f"  {last['aliases']:>7} {last['values']:>7}   {last['unpicklable']}"
        )  # fmt: skip
    write_s, read_s, touch_s = (statistics.median(one[index] for one in floors) for index in range(3))
    print(f"{'disk: write+fsync, cold read':28}{write_s:14.2f}{'':14}{'':14}{read_s:14.2f}")
    print(f"{'memory: first touch':28}{'':14}{'':14}{'':14}{touch_s:14.2f}")
    for line in absent:
        print(f"absent: {line}")
    print()
    if Nbkeep.name not in medians:
        return False
    ours = medians[Nbkeep.name]
    goals = [_goal("save again / a full write of the same bytes", ours["again"], write_s, 0.2)]
    for peer, share in (("cloudpickle, one pass", 0.2), ("CRIU, whole process", 0.25)):
        if peer in medians:
            goals.append(_goal(f"restore, cell / {peer}", ours["restore"], medians[peer]["restore"], share))
    floor_s = read_s + touch_s
    print(f"all touched / cold read and first touch of the same bytes: {ours['touched'] / floor_s:.2f}")
    last = figures[Nbkeep.name][-1]
    is_whole = all(len(set(str(last[kind]).split("/"))) == 1 for kind in ("aliases", "values"))
    print(f"aliases kept: {last['aliases']}, values right: {last['values']} (goal: all)")
    return all(goals) and is_whole


def _goal(what: str, ours_s: float, theirs_s: float, goal: float) -> bool:
    print(f"{what}: {ours_s / theirs_s:.2f} (goal {goal:.2f})")
    return ours_s / theirs_s <= goal


def show_background(cost: state_background.Cost) -> bool:
    """Print what background saves cost; return whether the goal is met."""
    share = cost.saves_s / cost.without_s
    print(
        f"background saves: {cost.saves} took {cost.saves_s:.2f} s, {share:.1%} of {cost.without_s:.0f} s of"
        f" cells (goal 2.0%); cells with them / without: {cost.with_s / cost.without_s:.3f}"
    )
    return share <= 0.02


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--packages")
    given = parser.parse_args()
    raise SystemExit(main(given.rounds, given.packages))
