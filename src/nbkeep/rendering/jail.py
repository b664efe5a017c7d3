"""A place for a program that reads what strangers wrote: no network, no home, no environment.

It sees the programs of this host, one file to read, one folder to write to, and runs in a group of processes
that is killed as a whole. Invariant: without bubblewrap nothing is run.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbkeep

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence

_AS_NOBODY = ("--unshare-all", "--uid", "1000", "--gid", "1000")
# In a name space of users root could become nobody else: of its powers it keeps that one alone.
_AS_OWNER = (
    "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop",
    "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID",
)  # fmt: skip
_ETC = ("alternatives", "chromium", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime")
_SCRATCH_BYTES = 512 << 20
_SAID_BYTES = 300
MISSING = "No document is opened here without bubblewrap: install it (Debian: apt-get install bubblewrap)."
_OUT, _SOURCE = "/out", "/in/source"
PATH = "/usr/bin:/bin"
"""Where a program in the jail finds others."""
RULES = "/in/rules.toml"
"""Where a program in the jail finds the organisation's own rules, where there are any."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. `status`: its exit status, None when it was killed for its time, or never begun.

    `problem`: a sentence, why there was no jail, with what bubblewrap itself said; "" when there was.
    """

    status: int | None
    problem: str = ""


def find() -> str | None:
    """Return where bubblewrap is, or None."""
    return shutil.which("bwrap")


def trial() -> list[str] | None:
    """Return what ends with 0 where a jail with nbkeep in it can be made; None without bubblewrap."""
    bwrap = find()
    return [*_jail(bwrap), sys.executable, "-I", "-c", f"import {__name__}"] if bwrap is not None else None


def run(
    module: str,
    arguments: list[str],
    source: Path,
    out: Path,
    *,
    said: bytes,
    timeout_s: float,
    rules: Path | None = None,
    owner: int = 0,
) -> Ended:
    """Run a module of nbkeep's on `source`, with `out` to write to, until it ends or is killed.

    Raises OSError. Its last two arguments are the paths of both as it sees them. `said`: what it reads
    from its standard input. `rules`: a file that it finds at `RULES`.
    `owner`: whose files `source` has, if root runs this: the program becomes them before it reads.
    """
    bwrap = find()
    if bwrap is None:
        return Ended(None, MISSING)
    inside = f"{_SOURCE}.html" if source.suffix == ".html" else _SOURCE  # Chromium goes by the name
    python = [sys.executable, "-I", "-m", module, *arguments, inside, _OUT]
    files = ["--ro-bind", str(source), inside, "--bind", str(out), _OUT]
    if rules is not None:
        files += ["--ro-bind", str(rules), RULES]
    command = [*_jail(bwrap, {"/in", _OUT}, files, owner), *python]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, env={}, cwd="/",
            start_new_session=True, close_fds=True,
        )  # fmt: skip
        try:
            in_time = _ends(child, said, timeout_s)
        finally:
            # Also what it has left behind. Not waited for yet, its number is nobody else's.
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
            status = child.wait()
        errors.seek(0)
        words = errors.read(_SAID_BYTES).decode("utf-8", "replace")
    # Nothing else of what it says is told: it may quote the document.
    if status and in_time and words.startswith("bwrap: "):
        why = words.splitlines()[0]
        return Ended(status, f"The document was not opened, for its jail could not be built: {why}")
    return Ended(status if in_time else None)


def stay(module: str, file: int) -> subprocess.Popen[bytes]:
    """Start a module of nbkeep's that stays, with an open descriptor (its argument) and no file of anybody.

    Raises OSError, also without bubblewrap. It ends with the thread that called this.
    """
    bwrap = find()
    if bwrap is None:
        raise FileNotFoundError(MISSING)
    command = [*_jail(bwrap), sys.executable, "-I", "-m", module, str(file)]
    nothing = subprocess.DEVNULL  # its complaints may quote what it reads
    return subprocess.Popen(
        command, stdin=nothing, stdout=nothing, stderr=nothing, env={}, cwd="/", start_new_session=True,
        pass_fds=[file],
    )  # fmt: skip


@contextlib.contextmanager
def begin(module: str) -> Generator[tuple[socket.socket, int]]:
    """Run a module of nbkeep's until it is killed at the end, with no file of anybody's to read or write.

    Yields a socket, which is its standard input and output, and the number of the jail's process. What runs
    there ends with the thread that began it, if not before. Raises OSError, also without bubblewrap.
    """
    bwrap = find()
    if bwrap is None:
        raise FileNotFoundError(MISSING)
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            child = subprocess.Popen(
                [*_jail(bwrap), sys.executable, "-I", "-m", module], stdin=theirs.fileno(),
                stdout=theirs.fileno(), stderr=subprocess.DEVNULL, env={}, cwd="/", start_new_session=True,
                close_fds=True,
            )  # fmt: skip
        try:
            yield ours, child.pid
        finally:
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _ends(child: subprocess.Popen[bytes], said: bytes, timeout_s: float) -> bool:
    """Tell a program what it reads, and return whether it ended in time; it stays to be waited for."""
    until = time.monotonic() + timeout_s
    if child.stdin is not None:
        with contextlib.suppress(OSError), child.stdin:  # it may have ended already
            child.stdin.write(said)
    ended = os.pidfd_open(child.pid)  # pidfd_open(2): can be read from once it has ended, and leaves it there
    try:
        waiting = select.poll()
        waiting.register(ended, select.POLLIN)
        return bool(waiting.poll(max(0.0, until - time.monotonic()) * 1000))
    finally:
        os.close(ended)


def _jail(bwrap: str, folders: Collection[str] = (), files: Sequence[str] = (), owner: int = 0) -> list[str]:
    above = set(folders)
    binds: list[str] = []
    for path in _own_code():
        above |= {str(parent) for parent in path.parents} - {"/"}
        binds += ["--ro-bind", str(path), str(path)]
    return [
        bwrap, *(_AS_OWNER if owner and os.geteuid() == 0 else _AS_NOBODY), "--hostname", "nbkeep",
        "--die-with-parent", "--new-session",
        "--clearenv", "--setenv", "HOME", "/tmp", "--setenv", "PATH", PATH,  # noqa: S108  the jail's own
        *_system(),
        "--proc", "/proc", "--dev", "/dev",
        "--size", str(_SCRATCH_BYTES), "--tmpfs", "/dev/shm",  # noqa: S108  the jail's own
        "--size", str(_SCRATCH_BYTES), "--tmpfs", "/tmp",  # noqa: S108  the jail's own
        *(word for folder in sorted(above) for word in ("--dir", folder)),
        *binds,  # after /tmp: the installation may lie below it
        *files,
        "--remount-ro", "/",
        "--chdir", "/tmp",  # noqa: S108  the jail's own
        "--",
    ]  # fmt: skip


def _system() -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr", "--dir", "/etc"]
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        path = Path(name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            arguments += ["--ro-bind", name, name]
    for name in _ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return arguments


def _own_code() -> list[Path]:
    """Return the folders of nbkeep, its packages and its interpreter, as far as /usr has them not."""
    source = Path(str(nbkeep.__file__)).parent
    wanted = [Path(sys.prefix), Path(sys.base_prefix), source]
    return [
        path
        for path in dict.fromkeys(wanted)
        if Path("/usr") not in (path, *path.parents)
        and not any(other in path.parents for other in wanted if other != path)
    ]
