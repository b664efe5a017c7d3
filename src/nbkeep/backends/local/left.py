"""Reports that sessions had not delivered when they ended; they wait here until the office has taken them.

A session's server keeps its reports in a file of its folder, with a mark up to where the office has them
(`nbkeep_runtime.server.office.Spool`). The folder goes with the session; what lies behind the mark must not.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from typing import TYPE_CHECKING, Any, cast

from nbkeep import wholefile
from nbkeep.backends.interface import LeftReports

from .layout import make_dir

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from .layout import Layout

_SPOOL, _SENT = "events.jsonl", "events.sent"
_ENDING = ".jsonl"
_MOST_BYTES = 256 << 20  # far more than a day of executions; what a broken server may fill the disk with
_BATCH = 200
_BATCH_BYTES = 4 << 20
_CHUNK = 1 << 20


class LeftBehind:
    """Files of reports, one per session that left some. The caller holds the session's lock."""

    def __init__(self, layout: Layout) -> None:
        self._folder = make_dir(layout.data_dir / "run/left")

    def keep(self, session_id: str, server: Path) -> None:
        """Take over what a server has not delivered; raises OSError with nothing lost. Twice is safe.

        The server's folder belongs to its user's uid, so no link in it is followed.
        """
        with contextlib.suppress(FileNotFoundError), _opened(server, os.O_DIRECTORY) as folder:
            sent = _sent(folder)
            with _opened(_SPOOL, os.O_NONBLOCK, folder) as spool:
                status = os.fstat(spool)
                start = sent if sent <= status.st_size else 0
                if stat.S_ISREG(status.st_mode) and start < status.st_size:
                    self._append(session_id, spool, start, min(status.st_size, start + _MOST_BYTES))

    def _append(self, session_id: str, spool: int, start: int, end: int) -> None:
        path = self._folder / f"{session_id}{_ENDING}"
        with path.open("ab") as file:
            while start < end and (piece := os.pread(spool, min(_CHUNK, end - start), start)):
                file.write(piece)
                start += len(piece)
            file.write(b"\n")  # after a line that the server's death cut short
            file.flush()
            os.fsync(file.fileno())
        path.chmod(0o600)

    def next(self) -> LeftReports | None:
        """Return reports of one session in their order, or None when nothing waits."""
        for path in sorted(self._folder.glob(f"*{_ENDING}")):
            mark = self._mark(path)
            with path.open("rb") as file:
                file.seek(mark)
                reports: list[dict[str, Any]] = []
                read = 0
                while len(reports) < _BATCH and read < _BATCH_BYTES and (line := file.readline()):
                    read += len(line)
                    reports.extend(_report(line))
            if read:
                return LeftReports(path.name.removesuffix(_ENDING), reports, mark + read)
            self._remove(path)
        return None

    def forget(self, session_id: str, mark: int) -> None:
        """Forget a session's reports up to a mark that `next` gave. Twice is safe."""
        path = self._folder / f"{session_id}{_ENDING}"
        if not path.exists():
            return
        if mark >= path.stat().st_size:
            self._remove(path)
            return
        wholefile.write(path.with_suffix(".sent"), str(mark))

    def _mark(self, path: Path) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int(path.with_suffix(".sent").read_text())
        return 0

    def _remove(self, path: Path) -> None:
        # The mark first: without it the reports are only handed out again.
        path.with_suffix(".sent").unlink(missing_ok=True)
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(path: str | Path, flags: int, folder: int | None = None) -> Generator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link: no report of ours lies there
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sent(folder: int) -> int:
    with contextlib.suppress(OSError, ValueError), _opened(_SENT, os.O_NONBLOCK, folder) as file:
        return max(0, int(os.read(file, 32)))
    return 0


def _report(line: bytes) -> list[dict[str, Any]]:
    """Return the report of a line, or nothing for a line that is none."""
    try:
        report: Any = json.loads(line)
    except ValueError:
        return []
    return [cast("dict[str, Any]", report)] if isinstance(report, dict) else []
