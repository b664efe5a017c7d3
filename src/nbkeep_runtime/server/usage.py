"""Measures what fills the home and says what may go; `nbkeep.model.cleanup` has the rules."""

from __future__ import annotations

import contextlib
import heapq
import os
import shutil
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbkeep.model import cleanup
from nbkeep_runtime.server.listing import is_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nbkeep_runtime.server.home import Home

_DEPTH = 2
_FRESH_S = 30.0
_SHOWN = 200
_PAUSE_EVERY = 2000
_NICENESS = 10
_BLOCK = 512


def _yield_to_the_session() -> None:
    """Lower the priority of this thread: it measures, the session works."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


@dataclass
class _Sum:
    bytes: int = 0
    files: int = 0


class HomeUsage:
    """The latest measurement, made again after half a minute; safe from several threads."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._result: dict[str, Any] | None = None
        self._measured_s = 0.0

    def measure(self) -> dict[str, Any]:
        """Return {measured_at, folders, suggestions, files}; blocks for as long as the home is large."""
        with self._lock:
            if self._result is None or time.monotonic() - self._measured_s > _FRESH_S:
                # In a thread of its own, whose low priority stays until it ends: no other work is slowed.
                with ThreadPoolExecutor(1, "nbkeep-measure", initializer=_yield_to_the_session) as thread:
                    self._result = thread.submit(self._measured).result()
                self._measured_s = time.monotonic()
            return self._result

    def clean(self, paths: list[str]) -> int:
        """Delete suggested folders and return the bytes that are free since; others are ignored."""
        allowed = {suggestion["path"]: suggestion["bytes"] for suggestion in self.measure()["suggestions"]}
        freed = 0
        for path in paths:
            if path in allowed:
                with contextlib.suppress(OSError), self._home.parent(path) as (folder, name):
                    shutil.rmtree(name, dir_fd=folder)
                    freed += allowed[path]
        with self._lock:
            self._result = None
        return freed

    def _measured(self) -> dict[str, Any]:
        walk = _Walk(self._home)
        sums: dict[str, _Sum] = {"": _Sum()}
        for folder, files, count in walk.folders():
            parts = folder.split("/") if folder else []
            for depth in range(len(parts) + 1):
                above = "/".join(parts[:depth])
                if depth <= _DEPTH or above in walk.suggestions:
                    _count(sums, above, files, count)
        sums = {path: one for path, one in sums.items() if is_text(path)}
        return {
            "measured_at": datetime.now(UTC).isoformat(),
            "folders": _largest(
                {"path": path, "bytes": one.bytes, "files": one.files} for path, one in sums.items()
            ),
            "suggestions": _largest(
                {"path": path, "bytes": sums[path].bytes, "why": why}
                for path, why in walk.suggestions.items()
                if path in sums and sums[path].bytes >= cleanup.MIN_SUGGESTED_BYTES
            ),
            "files": _largest({"path": path, "bytes": size} for size, path in walk.large if is_text(path)),
        }


class _Walk:
    """One way through a home: `folders` gives sizes, and fills what may go and the largest files."""

    def __init__(self, home: Home) -> None:
        self.suggestions: dict[str, str] = {}
        self.large: list[tuple[int, str]] = []  # a heap: the smallest of the largest first
        self._home = home
        self._linked: set[tuple[int, int]] = set()

    def folders(self) -> Iterator[tuple[str, int, int]]:
        """Give (folder, bytes in it, how many) for every folder; a file of two names counts once."""
        waiting, seen = [("", False)], 0
        while waiting:
            folder, goes = waiting.pop()
            total = count = 0
            try:
                with self._home.folder(folder) as fd, os.scandir(fd) as scan:
                    goes = goes or self._may_go(folder, fd)
                    for entry in scan:
                        status = entry.stat(follow_symlinks=False)
                        seen += 1
                        if seen % _PAUSE_EVERY == 0:
                            time.sleep(0.002)
                        if self._is_counted(status):
                            continue
                        path = f"{folder}/{entry.name}".lstrip("/")
                        total += status.st_blocks * _BLOCK
                        count += 1
                        if stat.S_ISDIR(status.st_mode):
                            waiting.append((path, goes))
                        elif status.st_blocks * _BLOCK >= cleanup.LARGE_FILE_BYTES:
                            self._note(status.st_blocks * _BLOCK, path)
            except OSError:
                continue
            yield folder, total, count

    def _may_go(self, folder: str, fd: int) -> bool:
        try:
            os.stat(cleanup.ENVIRONMENT_MARK, dir_fd=fd, follow_symlinks=False)
        except OSError:
            why = cleanup.why_deletable(folder)
        else:
            why = cleanup.why_deletable(folder, is_environment=True)
        if why:
            self.suggestions[folder] = why
        return bool(why)

    def _is_counted(self, status: os.stat_result) -> bool:
        if status.st_nlink < 2 or stat.S_ISDIR(status.st_mode):  # a second name
            return False
        same = (status.st_dev, status.st_ino)
        counted = same in self._linked
        self._linked.add(same)
        return counted

    def _note(self, size: int, path: str) -> None:
        heapq.heappush(self.large, (size, path))
        if len(self.large) > cleanup.LARGE_FILES:
            heapq.heappop(self.large)


def _largest(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda one: -int(one["bytes"]))[:_SHOWN]


def _count(sums: dict[str, _Sum], path: str, size: int, files: int) -> None:
    one = sums.setdefault(path, _Sum())
    one.bytes += size
    one.files += files
