"""Usage of a home by folder, its largest files, and what can be deleted because it comes back by itself.

Measured by a process of its own at idle priority, so that a session never waits for it. The user decides what
lies in a home: folders are opened one below the other without following links, and counted, never read.
"""

from __future__ import annotations

import heapq
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbkeep.backends.interface import FileUse, FolderUse, Suggestion, VolumeUsage
from nbkeep.model import cleanup
from nbkeep.model.errors import Unavailable, not_found

if TYPE_CHECKING:
    from pathlib import Path

    from .homes import Homes

_FRESH_S = 60.0
_TIME_LIMIT_S = 300
_DEEPEST = 6
_SHOWN = 200
_BLOCK = 512


class UsageCache:
    """Measures homes, each at most once a minute."""

    def __init__(self, homes: Homes) -> None:
        self._homes = homes
        self._kept: dict[tuple[str, int], tuple[float, VolumeUsage]] = {}
        self._lock = threading.Lock()

    def measure(self, user: str, depth: int) -> VolumeUsage:
        """Return usage down to `depth` folders; raises `Refused` (404) for a home that is not there."""
        home = self._homes.layout.home(user)
        if not home.is_dir():
            raise not_found("volume", user)
        key = (user, max(0, min(depth, _DEEPEST)))
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and time.monotonic() - kept[0] < _FRESH_S:
                return kept[1]
            found = _measure(home, key[1])
            self._kept[key] = (time.monotonic(), found)
            return found

    def used_bytes(self, user: str) -> int:
        """Return what a home occupies in all."""
        folders = self.measure(user, 2).folders
        return next((folder.bytes for folder in folders if folder.path == ""), 0)


def _measure(home: Path, depth: int) -> VolumeUsage:
    polite = [shutil.which("ionice") or "", "-c", "3"] if shutil.which("ionice") else []
    command = [*polite, sys.executable, "-I", __file__, str(home), str(home.stat().st_uid), str(depth)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIME_LIMIT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Unavailable("usage-failed", "The home could not be measured.", "Try again later.") from error
    told: dict[str, Any] = json.loads(done.stdout)
    return VolumeUsage(
        datetime.now(UTC).isoformat(timespec="seconds"),
        [FolderUse(**one) for one in told["folders"]],
        [Suggestion(**one) for one in told["suggestions"]],
        [FileUse(**one) for one in told["files"]],
    )


class _Walk:
    """Adds up one home. Hard links are counted once; what cannot be opened is left out."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.folders: list[dict[str, Any]] = []
        self.suggestions: list[dict[str, Any]] = []
        self._large: list[tuple[int, str]] = []  # a heap: the smallest of the largest first
        self._seen: set[tuple[int, int]] = set()

    def add(self, fd: int, path: str, level: int, *, suggest: bool = True) -> tuple[int, int]:
        """Return (bytes, files) of the open folder `fd` and everything below it; closes it."""
        why = _why(path, fd) if suggest and path else ""
        size, files = os.fstat(fd).st_blocks * _BLOCK, 0
        try:
            names = os.listdir(fd)
        except OSError:
            names = []
        for name in names:
            try:
                info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if stat.S_ISDIR(info.st_mode):
                    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                    inner = os.open(name, flags, dir_fd=fd)
                    below = f"{path}/{_shown(name)}".lstrip("/")
                    more = self.add(inner, below, level + 1, suggest=suggest and not why)
                    size, files = size + more[0], files + more[1]
                    continue
            except (OSError, RecursionError):
                continue
            if info.st_nlink > 1 and (info.st_dev, info.st_ino) in self._seen:
                continue
            self._seen.add((info.st_dev, info.st_ino)) if info.st_nlink > 1 else None
            size, files = size + info.st_blocks * _BLOCK, files + 1
            if info.st_blocks * _BLOCK >= cleanup.LARGE_FILE_BYTES:
                self._note(info.st_blocks * _BLOCK, f"{path}/{_shown(name)}".lstrip("/"))
        os.close(fd)
        if level <= self.depth:
            self.folders.append({"path": path, "bytes": size, "files": files})
        if why and size >= cleanup.MIN_SUGGESTED_BYTES:
            self.suggestions.append({"path": path, "bytes": size, "why": why})
        return size, files

    def _note(self, size: int, path: str) -> None:
        heapq.heappush(self._large, (size, path))
        if len(self._large) > cleanup.LARGE_FILES:
            heapq.heappop(self._large)

    @property
    def files(self) -> list[dict[str, Any]]:
        """Return the largest files."""
        return [{"path": path, "bytes": size} for size, path in self._large]


def _shown(name: str) -> str:
    """Return a name as people may read it: its user chose it, perhaps to write to an admin's terminal."""
    # By hand: Python would look for its codec now, with the rights of a user who may not read where it lies.
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in name)


def _why(path: str, fd: int) -> str:
    try:
        os.stat(cleanup.ENVIRONMENT_MARK, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return cleanup.why_deletable(path)
    return cleanup.why_deletable(path, is_environment=True)


def main() -> None:
    """Measure the home named on the command line and print it as JSON; becomes the home's owner first."""
    home, owner, depth = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    fd = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    os.nice(19)
    if os.geteuid() == 0 and owner != 0:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)
    walk = _Walk(depth)
    walk.add(fd, "", 0)
    told = {"folders": walk.folders, "suggestions": walk.suggestions, "files": walk.files}
    for found in told.values():
        found.sort(key=lambda one: -one["bytes"])
        del found[_SHOWN:]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
