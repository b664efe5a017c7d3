"""A whole gateway for tests, in a thread, with name servers that lie and web servers that tell what they got."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import socketserver
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nbkeep.egress.gateway import SOCKET_NAME, Gateway
from nbkeep.egress.parse import parse_rule
from nbkeep.egress.rules import Compiled
from nbkeep.egress.talk import Limits
from nbkeep.egress.values import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from nbkeep.egress.spool import Record

SESSION = "ses_0000000000000000000a"
OTHER = "ses_0000000000000000000b"


def policy(
    session_id: str,
    allow: str = "",
    deny: str = "",
    *,
    public: bool = False,
    dry_run: bool = False,
    volume_bytes: int = 0,
) -> Policy:
    """Return a policy from rules as admins write them, apart by blanks."""
    rules = [parse_rule(text, effect="deny", source="platform") for text in deny.split()]
    rules += [parse_rule(text, effect="allow", source="profile p") for text in allow.split()]
    version = f"{allow}|{deny}|{public}|{dry_run}|{volume_bytes}"
    return Policy(session_id, tuple(rules), public, dry_run, version, volume_bytes)


class NameServer:
    """A whole resolver: each look-up of a name takes its next answer; the last one stays."""

    def __init__(self, **names: list[list[str]]) -> None:
        self.answers = {
            name.replace("__", "-").replace("_", "."): list(found) for name, found in names.items()
        }
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        found = self.answers.get(host)
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found.pop(0) if len(found) > 1 else found[0]


class Kept:
    """Where a test's gateway puts its records."""

    def __init__(self) -> None:
        self.started: list[Record] = []
        self.ended_ones: list[Record] = []

    def opened(self, record: Record) -> None:
        self.started.append(record)

    def ended(self, record: Record) -> None:
        self.ended_ones.append(record)


@dataclass
class Outside:
    """A gateway that runs. `reach` says what a session may; policies may change while it runs."""

    folder: Path
    names: NameServer = field(default_factory=NameServer)
    kept: Kept = field(default_factory=Kept)
    limits: Limits = field(default_factory=Limits)
    policies: dict[str, Compiled] = field(default_factory=dict[str, Compiled])

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.gateway: Gateway = self.call(self._make)
        self._sweeping = asyncio.run_coroutine_threadsafe(self.gateway.sweep(), self.loop)

    def _make(self) -> Gateway:
        return Gateway(self.policies, self.names, self.kept, limits=self.limits)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        async def inside() -> Any:
            return function(*arguments)

        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(60)

    def reach(
        self, allow: str = "", session_id: str = SESSION, folder: Path | None = None, **more: Any
    ) -> None:
        """Put a policy in force and open the session's socket."""

        def change() -> None:
            self.policies[session_id] = Compiled(policy(session_id, allow, **more))
            self.gateway.open(session_id, folder or self.path(session_id).parent)
            self.gateway.recheck(session_id)

        self.call(change)

    def path(self, session_id: str = SESSION) -> Path:
        folder = self.folder / session_id[-1]
        folder.mkdir(exist_ok=True)
        return folder / SOCKET_NAME

    def connect(self, session_id: str = SESSION) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(30)
        sock.connect(str(self.path(session_id)))
        return sock

    def ask(self, data: bytes, session_id: str = SESSION, *, ended: bool = False) -> bytes:
        """Send bytes and return all that comes back until the gateway closes."""
        with self.connect(session_id) as sock:
            sock.sendall(data)
            if ended:
                sock.shutdown(socket.SHUT_WR)
            return read_all(sock)

    def tunnel(self, host: str, port: int, session_id: str = SESSION) -> socket.socket:
        """Return a socket after a CONNECT that was allowed."""
        sock = self.connect(session_id)
        sock.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            more = sock.recv(1)
            assert more, head
            head += more
        assert head.startswith(b"HTTP/1.1 200 "), head
        return sock

    def records(self, count: int) -> list[Record]:
        """Wait until so many connections have ended, and return them."""
        wait_for(lambda: len(self.kept.ended_ones) >= count, f"{count} records")
        return self.kept.ended_ones

    def end(self) -> None:
        self._sweeping.cancel()
        asyncio.run_coroutine_threadsafe(self.gateway.end(), self.loop).result(60)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


def read_all(sock: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(65536):
            data += more
    return data


def wait_for(condition: Callable[[], bool], what: str, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


# Servers


class _Site(BaseHTTPRequestHandler):
    """Tells what came; /big?n= sends so many bytes; /to?url= redirects; POST counts what is sent."""

    protocol_version = "HTTP/1.1"
    server: Web  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path in self.server.files:
            self._say(
                self.server.files[url.path], "text/html" if url.path.endswith("/") else "application/zip"
            )
        elif url.path == "/to":
            self.send_response(302)
            self.send_header("Location", query["url"])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif url.path == "/big":
            left = int(query["n"])
            self.send_response(200)
            self.send_header("Content-Length", str(left))
            self.end_headers()
            chunk = b"x" * (1 << 20)
            while left:
                self.wfile.write(chunk[: min(left, len(chunk))])
                left -= min(left, len(chunk))
        elif url.path == "/chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"one,", b"two,", b"three"):
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        else:
            self._say(f"{self.command} {self.path} {self.headers.get('Host')}".encode())

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        count = 0
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                count += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length", "0"))
            while left:
                data = self.rfile.read(min(left, 1 << 20))
                if not data:
                    return
                count += len(data)
                left -= len(data)
        self._say(f"got {count}".encode())

    def do_PUT(self) -> None:
        self.do_POST()

    def _say(self, data: bytes, kind: str = "text/plain") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class Web(ThreadingHTTPServer):
    """A web server on loopback. `seen`: method, path, headers of each request; `files`: by their paths."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, context: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), _Site)
        self.context = context
        self.files: dict[str, bytes] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is None:
            super().finish_request(request, client_address)
            return
        with self.context.wrap_socket(request, server_side=True) as wrapped:  # in the request's own thread
            super().finish_request(wrapped, client_address)

    def shutdown_request(self, request: Any) -> None:
        if request.fileno() >= 0:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that hang up are what tests are about


class _Raw(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server: Any = self.server
        server.talk(self.request)


class Raw(socketserver.ThreadingTCPServer):
    """A server on loopback that speaks as it is told to."""

    daemon_threads = True

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Raw)
        self.talk = talk
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextlib.contextmanager
def serving(server: Any) -> Generator[Any]:
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Authority:
    """A certificate authority of this test run. `file`: what clients trust."""

    file: Path
    _folder: Path
    _key: Any
    _certificate: Any

    @classmethod
    def make(cls, folder: Path) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate("nbkeep test authority", key.public_key(), key, None)
        file = folder / "authority.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(file, folder, key, certificate)

    def server_context(self, *names: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(names[0], key.public_key(), self._key, self._certificate.subject, names)
        file = self._folder / f"{names[0]}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.file))


def _certificate(name: str, public: Any, signing: Any, issuer: Any, names: tuple[str, ...] = ()) -> Any:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
    )
    if issuer is None:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    if names:
        alternatives: list[x509.GeneralName] = []
        for one in names:
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(one)))
            except ValueError:
                alternatives.append(x509.DNSName(one))
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(signing, hashes.SHA256())
