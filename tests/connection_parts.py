"""A gateway with declared connections, and the relay that leads programs to it, as in a session."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from egress_parts import OTHER, SESSION, Raw
from keyed_parts import Keyed
from nbkeep.egress.connections import FILE_NAME, Connections, Declared, Told
from nbkeep.egress.declared import Switchboard
from nbkeep.egress.gateway import Gateway
from nbkeep.egress.keyed import Keys
from nbkeep.egress.leases import Lease, Leases
from nbkeep.model.clock import SystemClock
from nbkeep_runtime.sandbox import listeners
from nbkeep_runtime.sandbox.listeners import MARK
from nbkeep_runtime.sandbox.relay import Relay
from postgres_parts import DATABASE, PASSWORD, free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from egress_parts import Authority
    from nbkeep.egress.connections import Tls

T = TypeVar("T")


@dataclass
class Switched(Keyed):
    """A gateway with connections. `declare` makes one, `grant` gives it to a session."""

    connections: Connections = field(default_factory=Connections)
    declared: dict[str, Declared] = field(default_factory=dict[str, Declared])
    granted: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def _make(self) -> Gateway:
        self.keys = Keys(Leases(self.office.value, self.beats), SystemClock(), self.roots)
        switchboard = Switchboard(self.connections, self.keys.leases, self.roots)
        return Gateway(self.policies, self.names, self.kept, limits=self.limits, keys=self.keys,
                       switchboard=switchboard)  # fmt: skip

    def declare(
        self,
        port: int,
        name: str = "warehouse",
        *,
        host: str = "127.0.0.1",
        role: str = "reader",
        tls: Tls = "off",
        is_tcp: bool = False,
    ) -> Declared:
        self.declared[name] = (
            Declared(name, "tcp", host, port, free_port())
            if is_tcp
            else Declared(name, "postgres", host, port, free_port(), DATABASE, role, tls)
        )
        self.tell()
        return self.declared[name]

    def grant(
        self, name: str = "warehouse", session_id: str = SESSION, *, password: str = PASSWORD
    ) -> Lease | None:
        one = self.declared[name]
        lease = None
        if one.kind == "postgres":
            lease = self.add(f"{one.host}:{one.port}", kind="postgres", place="", template=one.role,
                             value=password, session_id=session_id, name=f"{name}-pw")  # fmt: skip
        self.granted.setdefault(session_id, {})[name] = lease.lease_id if lease else ""
        self.tell()
        return lease

    def ungrant(self, name: str = "warehouse", session_id: str = SESSION) -> None:
        del self.granted[session_id][name]
        self.tell()

    def tell(self) -> None:
        """Put what is declared and granted now in force, as the office's word does."""
        told = Told(
            tuple(self.declared.values()),
            tuple((session_id, tuple(found.items())) for session_id, found in self.granted.items()),
        )

        def change() -> None:
            for session_id in self.connections.take(Told.from_json(told.as_json())):
                self.gateway.recheck(session_id)
            for session_id in (SESSION, OTHER):
                self.connections.prepare(session_id, self.path(session_id).parent)

        self.call(change)


class Inside:
    """The relay of one session, which listens where connections are declared."""

    def __init__(self, switched: Switched, session_id: str = SESSION) -> None:
        path = switched.path(session_id)
        relay = Relay(("127.0.0.1", free_port()), str(path), str(path.parent / FILE_NAME))
        self._is_wanted = True

        def serve() -> None:
            relay.run(lambda: self._is_wanted)
            relay.close()

        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._is_wanted = False
        self._thread.join(10)


def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have relays follow changes at once."""
    monkeypatch.setattr(listeners, "_LOOK_S", 0.0)


def when_open(connect: Callable[[], T]) -> T:
    """Do it as soon as the relay listens: until then the port refuses."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return connect()
        except (ConnectionRefusedError, psycopg.OperationalError) as error:
            if not isinstance(error, ConnectionRefusedError) and "refused" not in str(error):
                raise
            assert time.monotonic() < deadline, "nothing listens"
            time.sleep(0.02)


def as_a_user_does(port: int, more: str = "") -> psycopg.Connection[tuple[Any, ...]]:
    """Connect in the way that the documentation shows, without a password."""
    return when_open(lambda: psycopg.connect(f"host=localhost port={port} dbname=sales user=anything {more}"))


def startup(**told: str) -> bytes:
    """Return the first message of a program, protocol 3.0."""
    words = b"".join(f"{name}\0{value}\0".encode() for name, value in told.items())
    body = (3 << 16).to_bytes(4, "big") + words + b"\0"
    return (len(body) + 4).to_bytes(4, "big") + body


def named(name: str, data: bytes = b"") -> bytes:
    """Return what a relay sends for a program at a declared connection."""
    return MARK + bytes([len(name)]) + name.encode() + data


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Return a message as servers send them."""
    return kind + (len(body) + 4).to_bytes(4, "big") + body


READY = message(b"R", bytes(4)) + message(b"K", b"\0\0\0\7\1\2\3\4") + message(b"Z", b"I")
ASKS_IN_CLEAR = message(b"R", (3).to_bytes(4, "big"))


class FakeServer:
    """A server behind verified TLS that asks for the password in clear; `then` is what it says after it got it.

    `startups` and `passwords`: what it was sent.
    """

    def __init__(
        self, authority: Authority, then: Callable[[str], bytes] = lambda _: READY, name: str = "127.0.0.1"
    ) -> None:
        self._context = authority.server_context(name)
        self._then = then
        self.startups: list[dict[str, str]] = []
        self.passwords: list[str] = []
        self.cancelled: list[bytes] = []
        self.server = Raw(self._talk)

    @property
    def port(self) -> int:
        return self.server.port

    def _talk(self, sock: socket.socket) -> None:
        assert _exactly(sock, 8)[4:] == (80877103).to_bytes(4, "big")
        sock.sendall(b"S")
        with self._context.wrap_socket(sock, server_side=True) as tls:
            body = _exactly(tls, int.from_bytes(_exactly(tls, 4), "big") - 4)
            if body[:4] == (80877102).to_bytes(4, "big"):
                self.cancelled.append(body[4:])
                return
            words = body[4:].decode().split("\0")[:-2]
            self.startups.append(dict(zip(words[::2], words[1::2], strict=True)))
            tls.sendall(ASKS_IN_CLEAR)
            head = _exactly(tls, 5)
            self.passwords.append(_exactly(tls, int.from_bytes(head[1:], "big") - 4)[:-1].decode())
            tls.sendall(self._then(self.passwords[-1]))
            while tls.recv(65536):
                pass


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise ConnectionError("ended")
        data += more
    return data
