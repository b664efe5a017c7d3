"""Requests that a treatment reads, changes or refuses on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from egress_parts import SESSION, Authority, NameServer, serving
from keyed_parts import HOST, VALUE, Echo, Keyed
from nbkeep.egress.refusals import Refusal
from nbkeep.egress.touches import Untouched

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from nbkeep.egress.talk import Talk
    from nbkeep.egress.touches import Headers
    from nbkeep.egress.web import Asked, Target

OTHER_HOST = "other.acme.local"


class Loud:
    """A treatment of one host: answers come in capitals and twice, and one path is refused."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def wants(self, session_id: str, host: str, port: int) -> bool:
        return (session_id, host) == (SESSION, HOST) and port > 0

    async def begin(self, talk: Talk, asked: Asked, target: Target) -> Untouched:
        if target.path == b"/no":
            raise Refusal(403, "egress-quiet", "this path is kept quiet")
        self.told += [talk.session_id, asked.request.method]
        return _Louder(self.told)


class _Louder(Untouched):
    def __init__(self, told: list[object]) -> None:
        self._told, self._held = told, b""

    def request(self, target: bytes, headers: Headers) -> tuple[bytes, Headers]:
        return target + b"?loud", headers

    def begun(self, status: int) -> None:
        self._told.append(status)

    def answer(self, headers: Headers, *, has_body: bool) -> Headers:
        kept = [one for one in headers if one[0].lower() != b"content-length"]
        return [*kept, (b"Transfer-Encoding", b"chunked")] if has_body else headers

    def body(self, data: bytes) -> bytes:
        self._held += data
        return b""

    async def rest(self) -> bytes:
        return self._held.upper() * 2

    def ended(self) -> None:
        self._told.append("ended")


@pytest.fixture(scope="module")
def echo(authority: Authority) -> Generator[Echo]:
    with serving(Echo(authority, HOST, OTHER_HOST)) as server:
        yield server


@pytest.fixture
def loud() -> Loud:
    return Loud()


@pytest.fixture
def keyed(tmp_path: Path, authority: Authority, echo: Echo, loud: Loud) -> Generator[Keyed]:
    loopback = [["127.0.0.1"]]
    names = NameServer(api_acme_local=loopback, other_acme_local=loopback)
    found = Keyed(tmp_path, names, roots=authority.file, treatments=(loud,))
    found.reach(f"{HOST}:{echo.port} {OTHER_HOST}:{echo.port} 127.0.0.1:{echo.port}")
    yield found
    found.end()


def test_request_and_answer_are_changed(keyed: Keyed, echo: Echo, loud: Loud) -> None:
    status, headers, body = keyed.ask_tls(echo.port, "/x")
    assert (status, body) == (200, b"GET /X?LOUD /X?LOUD" * 2)
    assert "Content-Length" not in headers
    keyed.records(1)
    assert loud.told == [SESSION, b"GET", 200, "ended"]


def test_what_it_refuses_is_not_sent(keyed: Keyed, echo: Echo, loud: Loud) -> None:
    before = len(echo.seen)
    status, _, body = keyed.ask_tls(echo.port, "/no")
    assert status == 403
    assert b"this path is kept quiet" in body
    assert len(echo.seen) == before
    assert "this path is kept quiet" in keyed.records(1)[0].reason
    assert loud.told == []


def test_it_never_sees_a_secret(keyed: Keyed, echo: Echo) -> None:
    keyed.add(f"{HOST}:{echo.port}")
    status, _, body = keyed.ask_tls(echo.port, "/x", {"Authorization": "Bearer nbkeep-placeholder-openai"})
    assert status == 200
    assert echo.sent("Authorization") == [f"Bearer {VALUE}"]
    assert body == (b"GET /X?LOUD BEARER " + b"*" * len(VALUE)) * 2


def test_other_hosts_are_not_opened(keyed: Keyed, echo: Echo, authority: Authority) -> None:
    sock = keyed.tunnel(OTHER_HOST, echo.port)
    with authority.client_context().wrap_socket(sock, server_hostname=OTHER_HOST) as tls:
        tls.sendall(f"GET /x HTTP/1.1\r\nHost: {OTHER_HOST}\r\nConnection: close\r\n\r\n".encode())
        assert b"GET /x /x" in b"".join(iter(lambda: tls.recv(65536), b""))
