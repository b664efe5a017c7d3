"""A gateway for tests of rules about requests, and the server that they are about."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egress_parts import Authority, NameServer, Web, read_all, serving
from keyed_parts import HOST, Echo, Keyed

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

OTHER_HOST = "other.acme.local"


@dataclass
class Judged:
    """`echo` is behind TLS, `web` in clear; both have both names, and the address 127.0.0.1."""

    gateway: Keyed
    echo: Echo
    web: Web
    authority: Authority

    def reach(self, allow: str = "", deny: str = "", *, more: str = "", dry_run: bool = False) -> None:
        """Put rules in force; each ends with the path, if it has one, and gets the ports of the servers.

        `more`: what is allowed beside, as it is written.
        """
        # Loopback is opened by a rule with its address only, whatever names are allowed.
        told = " ".join(self._with_ports(one) for one in ("127.0.0.1", *allow.split()))
        self.gateway.reach(f"{told} {more}", deny=deny, dry_run=dry_run)

    def _with_ports(self, rule: str) -> str:
        head, at, rest = rule.partition("@")
        host, slash, path = (rest if at else head).partition("/")
        return f"{head + at if at else ''}{host}:{self.echo.port},{self.web.port}{slash}{path}"

    def ask(
        self, method: str = "GET", path: str = "/", headers: dict[str, str] | None = None, host: str = HOST
    ) -> tuple[int, str]:
        """Send a request through TLS; return status and body."""
        status, _, body = self.gateway.ask_tls(self.echo.port, path, headers, host=host, method=method)
        return status, body.decode()

    def say(self, data: bytes, host: str = HOST) -> bytes:
        """Send bytes inside TLS that the gateway ends; return all that comes back."""
        with self.gateway.session(host, self.echo.port) as sock:
            sock.sendall(data)
            return read_all(sock)

    def clear(self, method: str = "GET", path: str = "/", *more: str) -> bytes:
        """Send a request in clear, as to a proxy; return all that comes back."""
        lines = (f"{method} http://{HOST}:{self.web.port}{path} HTTP/1.1", f"Host: {HOST}:{self.web.port}")
        return self.gateway.ask("\r\n".join((*lines, *more, "", "")).encode())

    @property
    def arrived(self) -> list[str]:
        """Method and path of all that came to a server."""
        return [f"{one[0]} {one[1]}" for one in (*self.echo.seen, *self.web.seen)]


@contextlib.contextmanager
def judging(folder: Path) -> Generator[Judged]:
    """A gateway in the folder, with servers of its own."""
    authority = Authority.make(folder)
    with serving(Echo(authority, HOST, OTHER_HOST)) as echo, serving(Web()) as web:
        loopback = [["127.0.0.1"]]
        names = NameServer(api_acme_local=loopback, other_acme_local=loopback)
        gateway = Keyed(folder, names, roots=authority.file)
        found = Judged(gateway, echo, web, authority)
        try:
            yield found
        finally:
            gateway.end()
