"""Freeze a session's sandbox: its processes stay where they are, with their memory, and run no instruction.

cgroup v2 does it for all processes of a group, those that they start included; SIGKILL and the host's want of
memory still end them. The trusted half is in a group of its own and goes on.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .cgroups import Cgroups

_WAIT_S = 5.0
_PAUSE_S = 0.002


def freeze(cgroups: Cgroups, name: str) -> str:
    """Freeze a group and return "" when every process of it rests, else why not: they run on then.

    Twice is safe.
    """
    group = _group(cgroups, name)
    if group is None:
        return "this host has no freezer, or the session was started before it had one"
    try:
        if not (group / "cgroup.procs").read_text().strip():
            return "no process is in the session's group"
        (group / "cgroup.freeze").write_text("1")
        if _is_reached(group, "frozen 1"):
            return ""
        why = "its processes do not come to rest"
    except OSError as error:
        why = f"the freezer failed ({error.strerror})"
    thaw(cgroups, name)
    return why


def thaw(cgroups: Cgroups, name: str) -> None:
    """Let a group go on; returns when it does. Twice is safe; a group that is not there needs nothing."""
    group = _group(cgroups, name)
    if group is None:
        return
    with contextlib.suppress(OSError):  # it went meanwhile
        (group / "cgroup.freeze").write_text("0")
        _is_reached(group, "frozen 0")


def is_frozen(cgroups: Cgroups, name: str) -> bool:
    """Tell whether a group is frozen, or about to be: what was written counts."""
    group = _group(cgroups, name)
    if group is None:
        return False
    try:
        return (group / "cgroup.freeze").read_text().strip() == "1"
    except OSError:
        return False


def _group(cgroups: Cgroups, name: str) -> Path | None:
    if cgroups.freezer is None or not (cgroups.freezer / name).is_dir():
        return None
    return cgroups.freezer / name


def _is_reached(group: Path, wanted: str) -> bool:
    """Wait for the kernel's word; a process that waits for a device may not come to rest for long."""
    deadline = time.monotonic() + _WAIT_S
    while wanted not in (group / "cgroup.events").read_text().splitlines():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)
    return True
