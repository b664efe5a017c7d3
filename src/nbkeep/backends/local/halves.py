"""Start one half of a session under bubblewrap, and know it again later from what lies on disk.

bubblewrap runs detached: it leads a session of its own and does not die with the warden. What it says about
itself (the pid of the jail's first process, at the end the exit code) goes to a file that outlives both.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from nbkeep import wholefile
from nbkeep.model.errors import Unavailable

from .procs import Process, boot_id

HalfName = Literal["server", "sandbox"]
_UP_S = 10.0
# Joins each cgroup before anything else runs; without its limits nothing is started.
_JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; exec "$@"'

GONE_S = 5.0  # until processes that were killed are waited for no longer


@dataclass(frozen=True)
class Half:
    """A half that was started: bubblewrap itself and the first process of the jail."""

    name: HalfName
    folder: Path
    boot: str
    outer: Process
    inner: Process | None

    @property
    def is_alive(self) -> bool:
        """Whether the jail's first process runs; with it everything inside ends."""
        return self.boot == boot_id() and self.inner is not None and self.inner.is_alive

    def end(self, signum: signal.Signals = signal.SIGKILL) -> None:
        """Signal the jail's first process; twice is safe."""
        if self.boot != boot_id():
            return
        if self.inner is not None:
            self.inner.send(signum)
        elif signum == signal.SIGKILL:
            self.outer.send(signum)

    def exit_code(self) -> int | None:
        """Return what bubblewrap noted (128 + signal for a signal), or None when nothing was."""
        deadline = time.monotonic() + 0.5
        while True:
            code = _status(self.folder, self.name).get("exit-code")
            if code is not None or not self.outer.is_alive or time.monotonic() > deadline:
                # once more: it may have written and ended between the two looks
                return code if code is not None else _status(self.folder, self.name).get("exit-code")
            time.sleep(0.005)


@dataclass(frozen=True)
class Start:
    """How to start a half. `env` is the whole environment of bubblewrap and, through it, of the half."""

    arguments: list[str]
    env: dict[str, str]
    log: Path
    seccomp: bytes | None
    cgroup_procs: list[Path]
    handed_on: list[int] = field(default_factory=list[int])


def start_half(
    folder: Path, name: HalfName, start: Start, bwrap: str, children: list[subprocess.Popen[bytes]]
) -> Half:
    """Start a half and return once its jail exists. Raises `Unavailable` with the reason when it does not.

    `children` is given the process, which the caller polls so that no zombie stays.
    """
    split = start.arguments.index("--")
    fds = [_sealed("\0".join(start.arguments[:split]).encode() + b"\0")]
    options = ["--args", str(fds[0])]
    try:
        if start.seccomp is not None:
            fds.append(_sealed(start.seccomp))
            options += ["--seccomp", str(fds[-1])]
        fds.append(
            os.open(folder / f"{name}.status", os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND, 0o600)
        )
        options += ["--json-status-fd", str(fds[-1])]
        join = ["/bin/sh", "-c", _JOIN, "sh", *map(str, start.cgroup_procs), "--"]
        with start.log.open("ab") as log:
            process = subprocess.Popen(
                [*join, bwrap, *options, *start.arguments[split:]],
                env=start.env, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[*fds, *start.handed_on], start_new_session=True,
            )  # fmt: skip
    finally:
        for fd in fds:
            os.close(fd)
    children.append(process)
    outer = Process.of(process.pid) or Process(process.pid, -1)
    _note(folder, Half(name, folder, boot_id(), outer, None))
    half = Half(name, folder, boot_id(), outer, _first_process(folder, name, process, start.log))
    _note(folder, half)
    return half


def has_built(first: Process, bwrap: str) -> bool:
    """Wait until bubblewrap has built a jail and become its first program; False when it has ended instead.

    It says its pid before it has mounted anything: only then may somebody enter.
    """
    program = Path(f"/proc/{first.pid}/exe")  # leads to the very file, whatever it is called in there
    deadline = time.monotonic() + _UP_S
    while time.monotonic() < deadline:
        try:
            if not program.samefile(bwrap):
                return first.is_alive
        except PermissionError:
            pass  # closed while it changes who it is
        except OSError:
            return False
        time.sleep(0.001)  # nothing tells of an execve(2) to who is not its tracer
    return False


def find_half(folder: Path, name: HalfName) -> Half | None:
    """Return the half that an earlier warden started, or None when it never did."""
    try:
        noted = json.loads((folder / f"{name}.json").read_text())
    except (OSError, ValueError):
        return None
    inner = noted["inner"]
    pid = _status(folder, name).get("child-pid")
    if inner is None and pid is not None:
        # That warden was killed between the start and its note.
        found = Process.of(pid)
        inner = asdict(found) if found is not None and noted["boot"] == boot_id() else None
    return Half(name, folder, noted["boot"], Process(**noted["outer"]), Process(**inner) if inner else None)


def _note(folder: Path, half: Half) -> None:
    noted = {
        "boot": half.boot,
        "outer": asdict(half.outer),
        "inner": asdict(half.inner) if half.inner else None,
    }
    wholefile.write(folder / f"{half.name}.json", json.dumps(noted))


def _sealed(data: bytes) -> int:
    """Return a descriptor from which a child reads `data`; it needs no name and no other process."""
    fd = os.memfd_create("nbkeep", 0)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _first_process(
    folder: Path, name: HalfName, process: subprocess.Popen[bytes], log: Path
) -> Process | None:
    deadline = time.monotonic() + _UP_S
    while time.monotonic() < deadline:
        pid = _status(folder, name).get("child-pid")
        if pid is not None:
            # None: it has ended already, which the next look at the session reports.
            return Process.of(pid)
        if process.poll() is not None:
            break
        time.sleep(0.001)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    said = log.read_bytes()[-400:].decode(errors="replace").strip().splitlines()
    raise Unavailable(
        "jail-failed",
        f"The {name} half could not be started: {said[-1] if said else 'no reason given'}",
        "Run `nbkeep doctor`; it names what this host lacks.",
    )


def _status(folder: Path, name: HalfName) -> dict[str, Any]:
    """Return what bubblewrap wrote so far: one JSON object per line."""
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        for line in (folder / f"{name}.status").read_text().splitlines():
            found |= json.loads(line)
    return found
