"""Looks through many documents: in this process when they are few, else in several that it forks."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from . import files, history
from .scan import Look, examine
from .values import NotRead, Place, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_FEW_BYTES = 3 * 2**20  # fewer are read before another process would have started
_BATCH_FILES = 64
_BATCH_BYTES = 4 * 2**20
ENDED = "ended the process that read it"

_Item = TypeVar("_Item", files.Entry, history.Kept)


@dataclass(frozen=True, slots=True)
class _Task:
    """What one process reads at a time: files, or what the history of `repository` keeps."""

    files: tuple[files.Entry, ...] = ()
    kept: tuple[history.Kept, ...] = ()
    repository: Path | None = None

    @property
    def size(self) -> int:
        return sum(one.size for one in (*self.files, *self.kept))

    def apart(self) -> list[_Task]:
        """Return a task for each single file of this one."""
        return [_Task(files=(one,)) for one in self.files] + [
            _Task(kept=(one,), repository=self.repository) for one in self.kept
        ]


_look: Look | None = None  # what forked processes take from the one that forks them: a detector is made once


def examine_files(
    entries: Sequence[files.Entry], look: Look, jobs: int, progress: Callable[[Result], None]
) -> Result:
    """Return what is in these files. `progress` is told what was found of each batch."""
    return _all([_Task(files=tuple(batch)) for batch in _batches(entries)], look, jobs, progress)


def examine_history(
    repository: Path,
    wanted: Sequence[history.Kept],
    look: Look,
    jobs: int,
    progress: Callable[[Result], None],
) -> Result:
    """Return what is in these files of a repository's history: each finding where it first appeared, once."""
    tasks = [_Task(kept=tuple(batch), repository=repository) for batch in _batches(wanted)]
    found = _all(tasks, look, jobs, progress)
    order = {one.commit or "-": one.order for one in wanted}
    found.findings.sort(key=lambda one: order[one.commit])
    first = {(one.path, one.place.inside, one.rule, one.same): id(one) for one in reversed(found.findings)}
    kept = set(first.values())
    found.findings = [one for one in found.findings if id(one) in kept]
    return found


def _batches(items: Sequence[_Item]) -> list[list[_Item]]:
    batches: list[list[_Item]] = []
    size = _BATCH_BYTES
    for one in items:
        if size >= _BATCH_BYTES or len(batches[-1]) >= _BATCH_FILES:
            batches.append([])
            size = 0
        batches[-1].append(one)
        size += one.size
    return batches


def _all(tasks: list[_Task], look: Look, jobs: int, progress: Callable[[Result], None]) -> Result:
    global _look  # noqa: PLW0603  forked processes see it; a detector cannot be sent to them
    _look = look
    total = Result()

    def take(one: Result) -> None:
        total.add(one)
        progress(one)

    if jobs <= 1 or len(tasks) < 2 or sum(task.size for task in tasks) < _FEW_BYTES:
        for task in tasks:
            take(_work(task))
        return total
    # A file has killed the process that read it, and what was read beside it: they are read one by one.
    left = [single for task in _in_processes(tasks, jobs, take) for single in task.apart()]
    while left:
        left = _one_by_one(left, take)
    return total


def _one_by_one(tasks: list[_Task], take: Callable[[Result], None]) -> list[_Task]:
    """Read tasks in one process until one of them kills it; return those behind that one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        for at, task in enumerate(tasks):
            try:
                take(pool.submit(_work, task).result())
            except BrokenProcessPool:
                take(_lost(task))
                return tasks[at + 1 :]
    return []


def _in_processes(tasks: list[_Task], jobs: int, take: Callable[[Result], None]) -> list[_Task]:
    """Read tasks in processes of their own, and return those whose process was killed."""
    lost: list[_Task] = []
    waiting = tasks[::-1]
    with ProcessPoolExecutor(min(jobs, len(tasks)), multiprocessing.get_context("fork")) as pool:
        running: dict[Future[Result], _Task] = {}
        while waiting or running:
            try:
                while waiting and len(running) < jobs * 2:
                    running[pool.submit(_work, waiting[-1])] = waiting[-1]
                    waiting.pop()
            except BrokenProcessPool:
                lost += waiting[::-1]
                waiting = []
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(done)
                try:
                    take(done.result())
                except BrokenProcessPool:
                    lost.append(task)
    return lost


def _work(task: _Task) -> Result:
    if _look is None:
        raise RuntimeError("examine_files and examine_history alone start this")
    result = Result()
    for entry in task.files:
        data = files.read_whole(entry, _look.limits.file_bytes)
        if isinstance(data, str):
            result.add(Result([], [NotRead(entry.path, Place(), data)], 1))
        else:
            result.add(examine(data, entry.path, _look))
    if task.repository is not None:
        folder = task.repository.parent if task.repository.name == ".git" else task.repository
        for one, data in history.contents(task.repository, task.kept):
            path = os.path.normpath(folder / one.path)
            result.add(examine(data, path, _look, commit=one.commit or "-"))
    return result


def _lost(task: _Task) -> Result:
    missing = [NotRead(one.path, Place(), ENDED) for one in task.files]
    missing += [NotRead(one.path, Place(), ENDED, commit=one.commit) for one in task.kept]
    return Result([], missing, len(missing))
