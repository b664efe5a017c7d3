"""Where the relay listens: for proxies always, for declared connections as the gateway's file says.

The file lies read-only in the session's folder. What it says is no more than where to listen: the gateway
itself decides who gets where.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time

TYPE_CHECKING = False  # see processes.py
if TYPE_CHECKING:
    from typing import Any

CONNECTIONS = "/run/nbkeep/gateway/connections.json"
MARK = b"\x01"  # of a declared connection, see the gateway's `declared.py`
_BACKLOG = 512
_LOOK_S = 1.0
_MOST = 500
_MOST_BYTES = 256 << 10
_LOWEST_PORT, _HIGHEST_PORT, _LONGEST_NAME = 1024, 65535, 40


class Listener:
    """A socket that listens. `name`: of the connection that it stands for; "" for the proxy."""

    def __init__(self, address: tuple[str, int], name: str = "") -> None:
        self.name = name
        self.sock = socket.socket()
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind(address)
            self.sock.listen(_BACKLOG)
            self.sock.setblocking(False)
        except OSError:
            self.sock.close()
            raise

    @property
    def preamble(self) -> bytes:
        """What tells the gateway what the connection is for."""
        name = self.name.encode()
        return MARK + bytes([len(name)]) + name if name else b""


class Listeners:
    """All of them. `address`: of the proxy; `file`: what the gateway wrote about connections."""

    def __init__(self, address: tuple[str, int], file: str = CONNECTIONS) -> None:
        self._host, self._file = address[0], file
        self._proxy = Listener(address)
        self._declared: dict[tuple[str, int], Listener] = {}
        self._wanted: set[tuple[str, int]] = set()
        self._seen: tuple[int, int, int] | None = None
        self._due_s = 0.0

    def all(self) -> list[Listener]:
        """Return those that are open."""
        return [self._proxy, *self._declared.values()]

    def follow(self) -> list[Listener]:
        """Look at the file, once a second at most; return those that are to be closed by the caller.

        A port that something else in the sandbox has is tried again each time.
        """
        now_s = time.monotonic()
        if now_s < self._due_s:
            return []
        self._due_s = now_s + _LOOK_S
        self._read()
        gone = [self._declared.pop(key) for key in set(self._declared) - self._wanted]
        for key in sorted(self._wanted - set(self._declared)):
            name, port = key
            if any(one.sock.getsockname()[1] == port for one in gone):
                continue  # its name has changed: next time the port is free
            with contextlib.suppress(OSError):
                self._declared[key] = Listener((self._host, port), name)
        return gone

    def close(self) -> None:
        """Close all."""
        for one in self.all():
            one.sock.close()

    def _read(self) -> None:
        """Keep what the file says; one that is not there, or cannot be understood, says nothing new."""
        try:
            found = os.stat(self._file)
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen == self._seen:
                return
            with open(self._file, "rb") as file:
                told: Any = json.loads(file.read(_MOST_BYTES))
            self._wanted = {
                (str(one["name"]), int(one["port"])) for one in told["connections"][:_MOST] if _fits(one)
            }
        except (OSError, ValueError, TypeError, KeyError):
            return
        self._seen = seen


def _fits(one: Any) -> bool:
    return 0 < len(str(one["name"]).encode()) <= _LONGEST_NAME and (
        _LOWEST_PORT <= int(one["port"]) <= _HIGHEST_PORT
    )
