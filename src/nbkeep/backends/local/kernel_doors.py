"""One socket per session, on which its trusted half asks for kernels that are forked from a warm parent.

The socket is the identity: it lies in a folder that is bound into that session's trusted half alone. One JSON
line in: {"connection_file", "cwd", "env"}; one out: {"ok": true, "pid"} or {"ok": false, "error"}. A refusal
costs the asker nothing but speed: it starts the kernel the plain way.

With "spare": true the kernel waits until it is taken (nbkeep_runtime/sandbox/spare.py), and the connection
stays open: once it closes, the kernel's parent has been replaced, and the spare is out of date.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import selectors
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nbkeep.model.placeholder import is_placeholder

from .cgroups import find_cgroups
from .halves import find_half
from .jails import group_name, thread_limits
from .parents import Entry, Kind, NoParent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .layout import Layout
    from .parents import Parents

log = logging.getLogger("nbkeep.warden")

SOCKET_NAME = "kernels.sock"
_CONNECTION_FILE = re.compile(r"/run/nbkeep/kernels/k-[0-9a-f]{12}/connection\.json")
_LINE_LIMIT = 16 << 10
_TALK_S = 15.0
_INIT_S = 5.0
_AT_ONCE = 4
# What the notebook's name is told by; anything else a parent could not set as early as a kernel of its own.
_ENVIRONMENT = frozenset({"JPY_SESSION_NAME"})
_SECRET_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}")


@dataclass(frozen=True)
class _Leash:
    """The open connection of a session that has a spare kernel, and of which parent that is."""

    kind: Kind
    parent: int
    talk: socket.socket


class KernelDoors:
    """The doors of all sessions, served by one thread that listens and a few that answer."""

    def __init__(
        self, layout: Layout, parents: Parents, host_uid: Callable[[Mapping[str, Any]], int | None]
    ) -> None:
        self._layout = layout
        self._parents = parents
        self._host_uid = host_uid
        self._cgroups = find_cgroups()
        self._listeners: dict[str, socket.socket] = {}
        self._leashes: dict[str, _Leash] = {}
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kernel-door")
        self._thread: threading.Thread | None = None

    def open(self, session_id: str) -> None:
        """Listen for a session; twice is safe, and a later warden takes the door over."""
        folder = self._layout.session(session_id).warm
        with self._lock:
            if session_id in self._listeners or not folder.is_dir():
                return
            path = folder / SOCKET_NAME
            path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            try:
                listener.bind(str(path))
            except OSError:
                listener.close()
                raise
            path.chmod(0o666)  # who may come here is decided by who sees the folder
            listener.listen(16)
            listener.setblocking(False)
            self._listeners[session_id] = listener
            self._selector.register(listener, selectors.EVENT_READ, session_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="kernel-doors", daemon=True)
                self._thread.start()

    def close(self, session_id: str) -> None:
        """Listen no more for a session; twice is safe."""
        with self._lock:
            listener = self._listeners.pop(session_id, None)
            if listener is not None:
                self._selector.unregister(listener)
                listener.close()
            self._let_go(session_id)

    def look(self) -> None:
        """Tell the sessions whose spare kernel came from a parent that is no more."""
        with self._lock:
            for session_id, leash in list(self._leashes.items()):
                if self._parents.ready(leash.kind) != leash.parent:
                    self._let_go(session_id)

    def _let_go(self, session_id: str) -> None:
        leash = self._leashes.pop(session_id, None)
        if leash is not None:
            leash.talk.close()

    def known(self) -> set[str]:
        """Return the sessions that have a door."""
        with self._lock:
            return set(self._listeners)

    def _listen(self) -> None:
        while True:
            for key, _ in self._selector.select(1.0):
                try:
                    talk, _ = cast("socket.socket", key.fileobj).accept()
                except OSError:
                    continue  # closed meanwhile, or the caller is gone
                self._pool.submit(self._serve, str(key.data), talk)

    def _serve(self, session_id: str, talk: socket.socket) -> None:
        with contextlib.ExitStack() as held:
            held.enter_context(talk)
            try:
                talk.settimeout(_TALK_S)
                pid, leash = self._fork(session_id, _request(talk), talk)
                answer = {"ok": True, "pid": pid}
            except (NoParent, ValueError, KeyError, TypeError, OSError) as error:
                log.info("%s: a kernel is started the plain way: %s", session_id, error)
                answer, leash = {"ok": False, "error": str(error)[:300]}, None
            try:
                talk.sendall(json.dumps(answer).encode() + b"\n")
            except OSError:
                log.info("%s: nobody waits for the answer any more", session_id)
                return
            with self._lock:
                if leash is not None and session_id in self._listeners:
                    self._let_go(session_id)
                    self._leashes[session_id] = leash
                    held.pop_all()

    def _fork(
        self, session_id: str, request: dict[str, Any], talk: socket.socket
    ) -> tuple[int, _Leash | None]:
        file, cwd, env = str(request["connection_file"]), str(request["cwd"]), dict(request["env"])
        is_spare = request.get("spare") is True
        if not _CONNECTION_FILE.fullmatch(file) or not _may_be_given(env) or not cwd.startswith("/"):
            raise ValueError("not a request that a parent can serve")
        folder = self._layout.session(session_id)
        spec = json.loads((folder.path / "spec.json").read_text())
        _wait_for(folder.kernels / "init.sock")  # a server may ask while the sandbox is being built
        half = find_half(folder.path, "sandbox")
        if half is None or half.inner is None:
            raise NoParent("there is no sandbox")
        asked = {
            "kind": "kernel",
            "connection_file": file,
            "cwd": cwd,
            "env": {name: str(value) for name, value in env.items()},
            "limits": thread_limits(spec["cpu_millis"]),
            "pids_max": spec["pids_max"],
            "spare": is_spare,
        }
        name = group_name(session_id, "sandbox")
        entry = Entry(
            half.inner,
            self._host_uid(spec),
            self._cgroups.joins(name),
            asked,
        )
        kind = Kind(Path(spec["image_folder"]), tuple(spec["preimport"]))
        parent = self._parents.ready(kind)
        if is_spare and parent is None:
            raise NoParent("no parent is ready")  # and none is begun: a spare is no reason for that
        pid = self._parents.fork(kind, entry)
        return pid, _Leash(kind, parent, talk) if is_spare and parent is not None else None


def _may_be_given(env: dict[str, Any]) -> bool:
    """Tell whether a kernel may get these after its imports: no library reads them while it is imported."""
    return all(
        name in _ENVIRONMENT or (_SECRET_NAME.fullmatch(name) and is_placeholder(str(value)))
        for name, value in env.items()
    )


def _request(talk: socket.socket) -> dict[str, Any]:
    line = b""
    while not line.endswith(b"\n"):
        data = talk.recv(4096)
        if not data or len(line) > _LINE_LIMIT:
            raise ValueError("the request was cut off")
        line += data
    return json.loads(line)


def _wait_for(path: Path) -> None:
    """Wait until the sandbox's first process listens, which hands a kernel's output on."""
    deadline = time.monotonic() + _INIT_S
    while not os.path.lexists(path):
        if time.monotonic() > deadline:
            raise NoParent("the sandbox's first process does not listen")
        time.sleep(0.005)
