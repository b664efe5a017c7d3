"""Measures what fills the home and says what may go: caches, checkpoints, the trash."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server.listing import is_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbkeep_runtime.server.home import Home

_DEPTH = 2
_FRESH_S = 30.0
_SHOWN = 200
_SUGGESTED_BYTES = 100_000
_PAUSE_EVERY = 2000
_NICENESS = 10
_CACHES = {
    ".cache": "Caches of tools; they are made again when needed",
    ".local/share/Trash": "Deleted files",
    ".npm": "npm's cache",
    ".conda/pkgs": "conda's downloaded packages",
    ".local/share/jupyter/runtime": "Left-overs of kernels",
}
_ANYWHERE = {
    ".ipynb_checkpoints": "JupyterLab's checkpoints; the notebooks themselves stay",
    "__pycache__": "Compiled Python; made again when needed",
    "node_modules": "JavaScript packages; `npm install` brings them back",
}
_ENVIRONMENT = "A Python environment; keep it if you still use it"


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
        """Return {measured_at, folders, suggestions}; blocks for as long as the home is large."""
        with self._lock:
            if self._result is None or time.monotonic() - self._measured_s > _FRESH_S:
                self._result = self._measured()
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
        with contextlib.suppress(OSError):  # this thread only; it measures, the session works
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        sums: dict[str, _Sum] = {"": _Sum()}
        suggestions: dict[str, str] = {}
        for folder, files, count in self._walk(suggestions):
            parts = folder.split("/") if folder else []
            for depth in range(len(parts) + 1):
                above = "/".join(parts[:depth])
                if depth <= _DEPTH or above in suggestions:
                    _count(sums, above, files, count)
        sums = {path: one for path, one in sums.items() if is_text(path)}
        folders = sorted(sums, key=lambda path: -sums[path].bytes)[:_SHOWN]
        return {
            "measured_at": datetime.now(UTC).isoformat(),
            "folders": [
                {"path": path, "bytes": sums[path].bytes, "files": sums[path].files} for path in folders
            ],
            "suggestions": sorted(
                (
                    {"path": path, "bytes": sums[path].bytes, "why": why}
                    for path, why in suggestions.items()
                    if path in sums and sums[path].bytes >= _SUGGESTED_BYTES
                ),
                key=lambda suggestion: -int(suggestion["bytes"]),
            ),
        }

    def _walk(self, suggestions: dict[str, str]) -> Iterator[tuple[str, int, int]]:
        """Give (folder, bytes of its files, how many), adding what may go to `suggestions` on the way."""
        waiting, seen = [""], 0
        while waiting:
            folder = waiting.pop()
            total = count = 0
            inside = any(folder == path or folder.startswith(f"{path}/") for path in suggestions)
            try:
                with self._home.folder(folder) as fd, os.scandir(fd) as scan:
                    for entry in scan:
                        status = entry.stat(follow_symlinks=False)
                        total += status.st_blocks * 512
                        count += 1
                        if stat.S_ISDIR(status.st_mode):
                            path = f"{folder}/{entry.name}".lstrip("/")
                            waiting.append(path)
                            why = _CACHES.get(path) or _ANYWHERE.get(entry.name)
                            if why and not inside:
                                suggestions[path] = why
                        elif entry.name == "pyvenv.cfg" and folder and not inside:
                            suggestions[folder] = _ENVIRONMENT
                        seen += 1
                        if seen % _PAUSE_EVERY == 0:
                            time.sleep(0.002)
            except OSError:
                continue
            yield folder, total, count


def _count(sums: dict[str, _Sum], path: str, size: int, files: int) -> None:
    one = sums.setdefault(path, _Sum())
    one.bytes += size
    one.files += files
