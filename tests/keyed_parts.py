"""A gateway for tests that adds secrets, and servers that send back what they got."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from egress_parts import SESSION, Authority, Outside
from nbkeep.egress.authority import BUNDLE_NAME
from nbkeep.egress.gateway import Gateway
from nbkeep.egress.keyed import Keys
from nbkeep.egress.leases import Lease, Leases
from nbkeep.model.clock import ManualClock, SystemClock
from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.egress.touches import Treatment

VALUE = 'sk-live-51/Xq7+not for"anybody'
HOST = "api.acme.local"


class Office:
    """What hands out values: as they are now, or not at all."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[int, str]] = {}
        self.is_away = False
        self.asked = 0

    async def value(self, lease: Lease) -> tuple[int, str]:
        self.asked += 1
        if self.is_away:
            raise Unavailable("office-away", "The office does not answer.")
        return self.values[lease.lease_id]


@dataclass
class Keyed(Outside):
    """A gateway with leases. `add` leases a session something; `trust` is what its programs trust."""

    roots: Path | None = None
    office: Office = field(default_factory=Office)
    leases: list[Lease] = field(default_factory=list[Lease])
    beats: ManualClock = field(default_factory=ManualClock)
    treatments: tuple[Treatment, ...] = ()

    def _make(self) -> Gateway:
        self.keys = Keys(Leases(self.office.value, self.beats), SystemClock(), self.roots, self.treatments)
        return Gateway(self.policies, self.names, self.kept, limits=self.limits, keys=self.keys)

    def add(
        self,
        host: str,
        *,
        kind: str = "header",
        place: str = "Authorization",
        template: str = "Bearer {}",
        value: str = VALUE,
        session_id: str = SESSION,
        name: str = "openai",
        version: int = 1,
    ) -> Lease:
        lease = Lease(f"lea_{len(self.leases)}", session_id, name, version, (host,), kind, place, template)
        self.office.values[lease.lease_id] = (version, value)
        self.take([*self.leases, lease])
        return lease

    def take(self, leases: list[Lease]) -> None:
        self.leases = leases

        def change() -> None:
            for session_id in self.keys.leases.take(leases):
                self.gateway.recheck(session_id)

        self.call(change)

    def trust(self, session_id: str = SESSION) -> ssl.SSLContext:
        """Return what a program in a session trusts: the bundle that lies in its folder."""
        folder = self.path(session_id).parent
        self.call(self.keys.prepare, session_id, folder)
        return ssl.create_default_context(cafile=str(folder / BUNDLE_NAME))

    def session(self, host: str, port: int, session_id: str = SESSION) -> ssl.SSLSocket:
        """Return a program's connection to a host, after its TLS handshake."""
        sock = self.tunnel(host, port, session_id)
        return self.trust(session_id).wrap_socket(sock, server_hostname=host)

    def ask_tls(
        self,
        port: int,
        path: str = "/",
        headers: dict[str, str] | None = None,
        *,
        host: str = HOST,
        method: str = "GET",
        body: bytes | None = None,
        session_id: str = SESSION,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request as programs do; return status, headers, body."""
        connection = http.client.HTTPConnection(host, port)
        connection.sock = self.session(host, port, session_id)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


class _Echo(BaseHTTPRequestHandler):
    """Sends back all that it gets, in the way that the path says."""

    protocol_version = "HTTP/1.1"
    server: Echo  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        sent = self.rfile.read(length)
        self.server.seen.append((self.command, self.path, self.headers.items(), sent))
        said = self.headers.get("Authorization") or self.headers.get("X-Api-Key") or self.path
        way = self.path.partition("?")[0]
        if way == "/chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for one in said.encode() + b" is it":
                self.wfile.write(b"1\r\n" + bytes([one]) + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
            return
        if way == "/compressed":
            self._say(200, b"\x1f\x8b", {"Content-Encoding": "gzip"})
        elif way == "/header":
            self._say(200, b"ok", {"X-You-Sent": said, "Set-Cookie": f"was={said}"})
        elif way == "/error":
            self._say(500, f"<p>Bad key: {said}</p>".encode())
        elif way == "/reason":
            self.send_response_only(401, f"Bad {said}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif way == "/json":
            self._say(200, json.dumps({"headers": dict(self.headers.items())}).encode())
        elif way == "/slow":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * 1000)
            self.wfile.flush()
            self.server.released.wait(30)
        else:
            self._say(200, f"{self.command} {self.path} {said}".encode() + sent)

    def do_POST(self) -> None:
        self.do_GET()

    def _say(self, status: int, data: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Echo(ThreadingHTTPServer):
    """A server behind TLS. `seen`: method, path, headers and body of each request."""

    daemon_threads = True

    def __init__(self, authority: Authority, *names: str, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), _Echo)
        self._context = authority.server_context(*names)
        self.seen: list[tuple[str, str, list[tuple[str, str]], bytes]] = []
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def shutdown_request(self, request: Any) -> None:
        if request.fileno() >= 0:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def sent(self, name: str) -> list[str]:
        """Return the values of a header in the last request."""
        return [value for one, value in self.seen[-1][2] if one.lower() == name.lower()]
