"""Keep warm parents (parent.py) and fork sessions' kernels and servers from them; nothing depends on them.

One parent for the trusted half, and, where the warden is root, one for the kernels of each image and list of
pre-imported modules. A parent ends with the warden, when its image is replaced, when it grows, and when it
has a second thread, since a fork of that could hang. Whoever asks while there is none starts the plain way.

A root's parent lies in a jail of its own without network, home or /proc, under a user id that owns nothing.
It has five capabilities (launch.py), but can reach only namespaces whose descriptors it is handed: those of
sessions of its own image, in each of which a malicious package of that image runs anyway.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbkeep import wholefile
from nbkeep.model.errors import NbkeepError

from .bubblewrap import parent_command
from .images import base_prefix
from .layout import make_dir
from .procs import Process, rss_bytes
from .seccomp import filter_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .layout import Layout

log = logging.getLogger("nbkeep.warden")

_ANSWER_S = 10.0
_NAMESPACES = ("user", "cgroup", "ipc", "uts", "net", "pid", "mnt")
_GROWTH = 2.0
_GROWTH_BYTES = 64 << 20
_LONGEST_PAUSE_S = 300.0
# Kernels of more images and lists than this start plainly, the least recently used first.
MOST = 8


class NoParent(Exception):
    """There is no parent for this just now, or its fork failed: start the plain way."""


@dataclass(frozen=True)
class Kind:
    """What a parent is for. Without an image it is for trusted halves."""

    image: Path | None = None
    modules: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in words."""
        if self.image is None:
            return "the server"
        more = f" with {', '.join(self.modules)}" if self.modules else ""
        return f"kernels of {self.image.parent.name}{more}"


@dataclass(frozen=True)
class Entry:
    """What a fork becomes. `jail`: first process of the jail to enter; `uid` None: an ordinary user's."""

    jail: Process
    uid: int | None
    joins: list[Path]
    request: dict[str, Any]
    output: Path | None = None


@dataclass
class Parent:
    """One parent's process; `pid` is None until it has imported everything."""

    kind: Kind
    process: subprocess.Popen[bytes]
    control: socket.socket
    lock: threading.Lock = field(default_factory=threading.Lock)
    pid: int | None = None
    rss_bytes: int = 0
    used_at: float = field(default_factory=time.monotonic)


@dataclass
class _Pause:
    """A kind that failed: not tried before `until`; the pause doubles each time."""

    length_s: float
    until: float
    why: str


class Parents:
    """All warm parents of one warden. Safe to call from several threads."""

    def __init__(self, layout: Layout, uid_base: int, bwrap: str | None, *, is_on: bool = True) -> None:
        self._layout = layout
        self._bwrap = bwrap
        # No user has this id: users' own begin a thousand above their range's first.
        self._uid = uid_base + 1 if os.geteuid() == 0 else None
        self._filter = filter_bytes()
        self._parent_filter = filter_bytes(lowest_id=uid_base)
        self._parents: dict[Kind, Parent] = {}
        self._pauses: dict[Kind, _Pause] = {}
        self._left_out: dict[Kind, set[str]] = {}
        self._told: list[str] | None = None
        self._lock = threading.RLock()
        self._ended = not is_on

    @property
    def has_kernels(self) -> bool:
        """Whether kernels are forked, too: packages are imported in a jail, which only root can leave."""
        return self._uid is not None and not self._ended

    def want(self, kind: Kind) -> bool:
        """Return whether a parent of this kind is ready; when there is none yet, one is begun."""
        with self._lock:
            parent = self._parents.get(kind)
            if parent is None:
                if self._may_start(kind):
                    try:
                        self._start(kind)
                    except (OSError, NbkeepError) as error:
                        self._pause(kind, f"it cannot be started: {error}")
                return False
            parent.used_at = time.monotonic()
            self._look(parent)
            return parent.pid is not None

    def ready(self, kind: Kind) -> int | None:
        """Return the pid of the parent of this kind that is ready; none is begun for the question."""
        with self._lock:
            parent = self._parents.get(kind)
            return None if parent is None else parent.pid

    def _may_start(self, kind: Kind) -> bool:
        pause = self._pauses.get(kind)
        paused = pause is not None and time.monotonic() < pause.until
        return not (self._ended or paused or (kind.image is not None and not self.has_kernels))

    def fork(self, kind: Kind, entry: Entry, stands: int | None = None) -> int:
        """Start a process in a jail and return its pid there. Raises `NoParent`: nothing was started.

        `stands`: gives a byte once the jail's first process has given up what it began with. The fork makes
        itself ready meanwhile, and runs nothing before.
        """
        if not self.want(kind):
            raise NoParent(f"no parent for {kind} is ready")
        with self._lock:
            parent = self._parents[kind]
        with contextlib.ExitStack() as held:
            names, fds = _descriptors(entry, self._filter, held)
            ours, theirs = socket.socketpair()
            held.callback(ours.close)
            with theirs:
                try:
                    with parent.lock:
                        socket.send_fds(parent.control, [b"f"], [theirs.fileno()])
                except OSError as error:
                    raise NoParent(f"the parent for {kind} is gone") from error
            request = entry.request | {"fds": names, "uid": entry.uid}
            try:
                ours.settimeout(_ANSWER_S)
                socket.send_fds(ours, [json.dumps(request).encode() + b"\n"], fds)
                answer = _answer(ours)
                if answer.get("ok") is True:
                    if stands is not None and not _has_come(stands):
                        raise NoParent("the jail has ended, or does not get ready")
                    ours.sendall(b"g")  # whoever is not asked to go on ends, however late it was
            except (OSError, ValueError) as error:
                raise NoParent(f"a fork of {kind} did not answer: {error}") from error
        if answer.get("ok") is not True:
            raise NoParent(f"a fork of {kind} failed: {answer.get('error')}")
        return int(answer["pid"])

    def look(self, current: Iterable[Path]) -> None:
        """Notice who is ready, gone or grown, and end the parents of images that are no longer `current`."""
        images = set(current)
        with self._lock:
            for parent in list(self._parents.values()):
                self._look(parent)
                if parent.kind.image is not None and parent.kind.image not in images:
                    self._end(parent, "its image was replaced")
            most_recent = sorted(self._parents.values(), key=lambda one: -one.used_at)
            for parent in most_recent[MOST:]:
                self._end(parent, "others are used more")

    def _look(self, parent: Parent) -> None:
        try:
            told = parent.control.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            told = b"" if parent.process.poll() is not None else None
        except OSError:
            told = b""
        if told == b"":
            self._failed(parent, "it ended by itself; see logs/parents.log")
        elif told:
            self._ready(parent, json.loads(told))
        elif parent.pid is not None:
            self._check_size(parent, parent.pid)

    def _ready(self, parent: Parent, told: dict[str, Any]) -> None:
        if "threads" in told:
            self._left_out.setdefault(parent.kind, set()).add(str(told["threads"]))
            self._end(parent, f"{told['threads']} starts a thread; once more without it")
            self._start(parent.kind)
            return
        pid = int(told["pid"])
        for failed in told["failed"]:
            log.warning("Warm parent for %s: not imported: %s", parent.kind, failed)
        threads = len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208  names are all that is wanted
        if threads > 1:
            self._failed(parent, f"its modules start threads ({threads}), and a fork of that could hang")
            return
        parent.pid, parent.rss_bytes = pid, rss_bytes(pid)
        self._pauses.pop(parent.kind, None)
        log.info("Warm parent for %s: ready, %d MiB.", parent.kind, parent.rss_bytes >> 20)

    def _check_size(self, parent: Parent, pid: int) -> None:
        if rss_bytes(pid) > parent.rss_bytes * _GROWTH + _GROWTH_BYTES:
            self._end(parent, "it has grown")

    def _failed(self, parent: Parent, why: str) -> None:
        self._pause(parent.kind, why)
        self._end(parent, why)

    def _pause(self, kind: Kind, why: str) -> None:
        before = self._pauses.get(kind)
        length_s = min(_LONGEST_PAUSE_S, before.length_s * 2 if before else 1.0)
        self._pauses[kind] = _Pause(length_s, time.monotonic() + length_s, why)
        log.warning("Warm parent for %s: %s. Tried again in %.0f s.", kind, why, length_s)

    def _end(self, parent: Parent, why: str) -> None:
        log.info("Warm parent for %s: ended: %s.", parent.kind, why)
        self._parents.pop(parent.kind, None)
        parent.control.close()  # it ends by that
        parent.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            parent.process.wait(5)

    def tell(self) -> None:
        """Write down what there is, for `nbkeep doctor`; only when it has changed."""
        words = self.in_words()
        if words != self._told:
            make_dir(_told_file(self._layout.data_dir).parent)
            wholefile.write(_told_file(self._layout.data_dir), json.dumps(words), mode=0o644)
            self._told = words

    def end(self) -> None:
        """End all of them, for good."""
        _told_file(self._layout.data_dir).unlink(missing_ok=True)
        with self._lock:
            self._ended = True
            for parent in list(self._parents.values()):
                self._end(parent, "the warden ends")

    def in_words(self) -> list[str]:
        """Return one line per parent, and per kind that does not work."""
        with self._lock:
            lines = [
                (f"{kind}: {parent.rss_bytes >> 20} MiB" if parent.pid else f"{kind}: importing")
                + (
                    f", without {', '.join(sorted(out))} (starts threads)"
                    if (out := self._left_out.get(kind))
                    else ""
                )
                for kind, parent in self._parents.items()
            ]
            return lines + [f"{kind}: started plainly, {pause.why}" for kind, pause in self._pauses.items()]

    def _start(self, kind: Kind) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, (self._layout.data_dir / "logs/parents.log").open("ab") as output:
            process = subprocess.Popen(
                self._command(kind, theirs.fileno()), env=_environment(kind), cwd="/",
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=[theirs.fileno()],
                start_new_session=True,
            )  # fmt: skip
        self._parents[kind] = Parent(kind, process, ours)

    def _command(self, kind: Kind, control: int) -> list[str]:
        code = Path(__file__).with_name("parent.py")
        if self._uid is None or self._bwrap is None:
            return [sys.executable, "-I", str(code), "server", str(control)]
        file = make_dir(self._layout.data_dir / "run/parents") / "seccomp.bpf"
        file.write_bytes(self._parent_filter)
        file.chmod(0o644)
        prefix = None if kind.image is None else base_prefix(kind.image)
        jail = parent_command(kind.image, prefix, file, self._uid)
        what = "server" if kind.image is None else "kernel"
        modules = [name for name in kind.modules if name not in self._left_out.get(kind, ())]
        return [self._bwrap, *jail, what, str(control), *modules]


def _told_file(data_dir: Path) -> Path:
    return data_dir / "run/parents/told.json"


def told_parents(data_dir: Path) -> list[str] | None:
    """Return what the warden of a data directory wrote down of its parents, or None."""
    try:
        return [str(line) for line in json.loads(_told_file(data_dir).read_text())]
    except (OSError, ValueError):
        return None


def _environment(kind: Kind) -> dict[str, str]:
    """Return what libraries that read the environment at import find in every session, for one thread."""
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}
    if kind.image is None:
        return env | {"HOME": "/run/nbkeep/private", "USER": "user"}
    threads = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "POLARS")
    return env | {
        "HOME": "/home/user",
        "USER": "user",
        "VIRTUAL_ENV": "/opt/nbkeep/image",
        "XDG_CACHE_HOME": "/home/user/.cache",
        "MPLCONFIGDIR": "/home/user/.config/matplotlib",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # as ipykernel sets it
        **{f"{name}_NUM_THREADS": "1" for name in threads},
        "OPENBLAS_THREAD_TIMEOUT": "18",  # as all kernels have it; read when it is loaded
        # A thread of an allocator that Arrow brings along and does not use by default.
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
    }


def _descriptors(entry: Entry, program: bytes, held: contextlib.ExitStack) -> tuple[list[str], list[int]]:
    """Open what the fork needs: (names of the first ones, all); the rest are files that join cgroups."""
    names: list[str] = []
    fds: list[int] = []

    def hold(fd: int) -> None:
        held.callback(os.close, fd)
        fds.append(fd)

    try:
        for name in _NAMESPACES:
            path = f"/proc/{entry.jail.pid}/ns/{name}"
            if os.readlink(path) != os.readlink(f"/proc/self/ns/{name}"):  # noqa: PTH115  no file's path
                hold(os.open(path, os.O_RDONLY))
                names.append(name)
        if not entry.jail.is_alive or not {"mnt", "pid", "net"} <= set(names):
            raise NoParent("the jail has ended")
        program_fd = os.memfd_create("filter")
        hold(program_fd)
        os.write(program_fd, program)
        os.lseek(program_fd, 0, os.SEEK_SET)
        names.append("filter")
        if entry.output is not None:
            hold(os.open(entry.output, os.O_WRONLY | os.O_APPEND))
            names.append("output")
        for file in entry.joins:
            hold(os.open(file, os.O_WRONLY))
    except OSError as error:
        raise NoParent(f"the jail cannot be entered: {error}") from error
    return names, fds


def _has_come(stands: int) -> bool:
    """Wait for the one byte of a pipe; False when it has ended without, or gives none for too long."""
    waiting = select.poll()
    waiting.register(stands, select.POLLIN)
    return bool(waiting.poll(_ANSWER_S * 1000)) and os.read(stands, 1) != b""


def _answer(sock: socket.socket) -> dict[str, Any]:
    line = b""
    while not line.endswith(b"\n"):
        data = sock.recv(4096)
        if not data:
            raise ValueError("it ended")
        line += data
    return json.loads(line)
