"""Processes known by number, start time and boot: a number given anew is never taken for the old one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nbkeep.backends.local.procs import boot_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Writes the line of /proc/PID/stat, which holds number and start time, and the id of this boot, since start
# times begin anew with each; only then it becomes the program: a supervisor that is killed at any moment
# leaves no child that the next one cannot find.
_NOTE_AND_BECOME = (
    'read -r line < "/proc/$$/stat" && read -r boot < /proc/sys/kernel/random/boot_id && '
    'printf "%s\\n%s\\n" "$line" "$boot" > "$0" && exec "$@"'
)
_START_TICKS = 19  # proc(5): field 22 of the line, counted behind the name, which may hold anything


@dataclass(frozen=True)
class Process:
    """A process by number and start time (in clock ticks since the host's start)."""

    pid: int
    start_ticks: int

    @property
    def is_alive(self) -> bool:
        """Whether it runs; a zombie does not."""
        found = _read(Path(f"/proc/{self.pid}/stat"))
        return found is not None and found[0] == self and found[1] not in "ZX"

    def send(self, number: signal.Signals) -> None:
        """Send a signal if it is still this process. Twice is safe."""
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if self.is_alive:  # looked at after the handle was taken: the handle cannot be another's
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)


def this_process() -> Process:
    """Return the process that asks."""
    found = _read(Path("/proc/self/stat"))
    if found is None:
        raise OSError("/proc is not mounted")
    return found[0]


def noted(note: Path) -> Process | None:
    """Return the living process that a note of this boot names, or None."""
    found = _read(note)
    if found is None or not found[0].is_alive:
        return None
    return found[0] if note.read_text(errors="replace").splitlines()[1:] == [boot_id()] else None


def start(
    argv: Sequence[str], note: Path, log: Path, env: Mapping[str, str], cwd: Path, umask: int = 0o077
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, noted, with its output appended to a log."""
    note.unlink(missing_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            ["/bin/sh", "-c", _NOTE_AND_BECOME, str(note), *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(env),
            cwd=cwd,
            umask=umask,
        )


async def ended(pid: int) -> None:
    """Return when a process, one's child or not, has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.add_reader(handle, lambda: over.done() or over.set_result(None))
    try:
        await over
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _read(stat: Path) -> tuple[Process, str] | None:
    """Return the process and its state as a line of /proc/PID/stat tells, or None where there is none."""
    try:
        text = stat.read_text(errors="replace")
        rest = text[text.rindex(")") + 1 :].split()
        return Process(int(text.split(" ", 1)[0]), int(rest[_START_TICKS])), rest[0]
    except (OSError, ValueError, IndexError):
        return None
