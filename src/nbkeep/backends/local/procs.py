"""Processes by pid and start time, so that a reused pid is never taken for the process that had it before."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path


def boot_id() -> str:
    """Return what changes with every boot of this host."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True)
class Process:
    """One process for good: `started` is in clock ticks since boot (proc_pid_stat(5), field 22)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """Return the process that has this pid now, or None."""
        started = _start_time(pid)
        return None if started is None else cls(pid, started)

    @property
    def is_alive(self) -> bool:
        """Whether it runs; a zombie does not."""
        return _start_time(self.pid) == self.started

    def send(self, signum: signal.Signals) -> bool:
        """Send a signal to exactly this process; False when it is gone."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            # The descriptor holds whoever has the pid now; only then is the start time compared.
            if not self.is_alive:
                return False
            signal.pidfd_send_signal(descriptor, signum)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


def _start_time(pid: int) -> int | None:
    with contextlib.suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if fields[0] in {b"Z", b"X"} else int(fields[19])
    return None


def in_pid_namespace_of(pid: int) -> list[int]:
    """Return the pids (as seen here) of all processes in the PID namespace of `pid`."""
    try:
        wanted = Path(f"/proc/{pid}/ns/pid").readlink()
    except OSError:
        return []
    found: list[int] = []
    for name in os.listdir("/proc"):  # noqa: PTH208  names are all that is wanted, each second
        if name.isdigit():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{name}/ns/pid").readlink() == wanted:
                    found.append(int(name))
    return found


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process, 0 when it is gone."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
