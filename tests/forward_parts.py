"""Receivers of the audit: an HTTPS webhook and a syslog server over TLS, each with its ways to misbehave."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from egress_parts import Authority
from nbkeep.audit import events, journal
from nbkeep.doors.worker.forwarder import Forwarder
from nbkeep.forwarding import destinations, rules
from nbkeep.forwarding.destinations import Status
from nbkeep.model.actor import OPERATOR
from office_parts import OfficeForTests, make_office

SECRET = "s3cret-of-the-webhook-0123456789abcdef"


@dataclass
class Hook:
    """A webhook on loopback. `answer`: the status, a path for Location where it redirects."""

    authority: Authority
    names: tuple[str, ...] = ("127.0.0.1",)
    answer: int = 200
    location: str = ""
    hangs: threading.Event | None = None
    breaks_off: bool = False
    on_batch: Callable[[], None] | None = None
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://{self.names[0]}:{self.port}/nbkeep/path-s3cret"

    @property
    def seqs(self) -> list[list[int]]:
        """The numbers in each batch that was taken."""
        return [
            [json.loads(line)["record"]["seq"] for line in body.splitlines()] for _, body in self.requests
        ]

    @contextmanager
    def serving(self) -> Generator[Hook]:
        server = _Server(("127.0.0.1", self.port), type("_Handler", (_Handler,), {"hook": self}))
        server.socket = self.authority.server_context(*self.names).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            if self.hangs is not None:
                self.hangs.set()
            server.shutdown()
            server.server_close()
            thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    hook: Hook

    def do_POST(self) -> None:
        hook, body = self.hook, self.rfile.read(int(self.headers["Content-Length"]))
        if hook.on_batch is not None:
            hook.on_batch()
        if hook.hangs is not None:
            hook.hangs.wait(60)
        if hook.hangs is not None or hook.breaks_off:
            return
        if 200 <= hook.answer < 300:
            hook.requests.append((dict(self.headers.items()), body))
        self.send_response(hook.answer)
        if hook.location:
            self.send_header("Location", hook.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that refuse the certificate, or are killed

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        connection.settimeout(30)
        return connection, address


@dataclass
class Collector:
    """A syslog server on loopback, with TLS or without."""

    authority: Authority | None
    names: tuple[str, ...] = ("127.0.0.1",)
    closes_after: int | None = None  # octets; then it is gone without a word
    messages: list[bytes] = field(default_factory=list[bytes])
    port: int = 0

    @property
    def seqs(self) -> list[int]:
        return [int(one.split(b'seq="')[1].split(b'"')[0]) for one in self.messages]

    @contextmanager
    def serving(self) -> Generator[Collector]:
        context = self.authority.server_context(*self.names) if self.authority else None
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        is_over = threading.Event()

        def accept() -> None:
            while not is_over.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    connection.settimeout(30)
                    with connection:
                        self._take(connection, context)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            is_over.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(10)

    def _take(self, raw: socket.socket, context: ssl.SSLContext | None) -> None:
        with context.wrap_socket(raw, server_side=True) if context else raw as connection:
            data = b""
            while chunk := connection.recv(4096):
                data += chunk
                if self.closes_after is not None and len(data) >= self.closes_after:
                    return
            if isinstance(connection, ssl.SSLSocket):
                connection.unwrap().close()
        while data:
            length, _, rest = data.partition(b" ")
            self.messages.append(rest[: int(length)])
            data = rest[int(length) :]


@dataclass
class Sending:
    """An office that sends its audit on, on a clock that tests move."""

    office: OfficeForTests
    authority: Authority
    secret_file: Path
    forwarder: Forwarder = field(init=False)

    def __post_init__(self) -> None:
        self.forwarder = Forwarder(self.office)

    def add(self, to: Hook | Collector, name: str = "siem", **more: Any) -> None:
        if isinstance(to, Hook):
            place = rules.webhook(to.url)
            more = {"secret": f"file:{self.secret_file}"} | more
        else:
            place = rules.syslog(f"{to.names[0]}:{to.port}", tls=to.authority is not None)
        with self.office.store.write() as tx:
            more = {"ca_file": str(self.authority.file)} | more
            destinations.add(
                tx, self.office.clock, self.office.settings, OPERATOR, name=name, place=place, **more
            )

    def happen(self, count: int = 1, size: int = 0) -> int:
        """Record events; return the number of the last."""
        seq = 0
        for number in range(count):
            with self.office.store.write() as tx:
                event = events.FlavorDeleted(flavor=f"f{number}" + "x" * size)
                seq = journal.append(tx, self.office.clock, OPERATOR, event)
        return seq

    def round(self) -> Status:
        """Let one round of the loops happen, wait for what it began, and return how the first one is doing."""
        self.forwarder.round()
        self.forwarder.wait(120)
        return self.status()

    def status(self) -> Status:
        with self.office.store.read() as tx:
            return destinations.statuses(tx, OPERATOR)[0]


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[Sending]:
    """An office whose webhooks may be on loopback."""
    secret = tmp_path / "siem-secret"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    with tempfile.TemporaryDirectory(prefix="nbk", dir="/tmp") as folder:
        office = make_office(Path(folder), forward_special_hosts=("127.0.0.1",))
        yield Sending(office, Authority.make(tmp_path), secret)
        office.close()
