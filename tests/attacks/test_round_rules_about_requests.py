"""Attack: reach a host so that nobody reads the requests that the rules are about."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from connection_parts import Switched
from egress_parts import NameServer, Web, read_all, serving, wait_for
from keyed_parts import HOST
from nbkeep.egress.resolver import own_addresses
from restricted_parts import OTHER_HOST, judging

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from restricted_parts import Judged

pytestmark = pytest.mark.attack


@pytest.fixture(params=["allow", "deny"])
def judged(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Judged]:
    with judging(tmp_path) as found:
        if request.param == "allow":
            found.reach(f"GET@{HOST}/acme/* {OTHER_HOST}")
        else:
            found.reach(f"{HOST} {OTHER_HOST}", f"DELETE@{HOST} {HOST}/admin*")
        yield found


def hand_shake(sock: socket.socket, judged: Judged, name: str) -> bytes:
    context = judged.authority.client_context()
    with context.wrap_socket(sock, server_hostname=name) as tls:
        tls.sendall(f"DELETE /admin HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        return read_all(tls)


def tunnel(judged: Judged, host: str, port: int) -> socket.socket:
    return judged.gateway.tunnel(host, port)


def socks(judged: Judged, host: str, port: int) -> socket.socket:
    sock = judged.gateway.connect()
    name = host.encode()
    sock.sendall(b"\x05\x01\x00\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
    answer = b""
    while len(answer) < 12:
        more = sock.recv(12 - len(answer))
        assert more, answer
        answer += more
    assert answer[2:4] == b"\x05\x00"
    return sock


def test_tls_to_its_address_with_its_name(judged: Judged) -> None:
    """The address is allowed by a rule of its own."""
    for dial in (tunnel, socks):
        with (
            dial(judged, "127.0.0.1", judged.echo.port) as sock,
            pytest.raises(ssl.SSLError, match=r"(?i)name"),
        ):
            hand_shake(sock, judged, HOST)
    records = judged.gateway.records(2)
    assert [one.allowed for one in records] == [False, False]
    assert "cannot be read as requests" in records[0].reason
    assert judged.arrived == []
    with judged.gateway.tunnel("127.0.0.1", judged.echo.port) as sock:
        context = judged.authority.client_context()
        with context.wrap_socket(sock, server_hostname=OTHER_HOST) as tls:
            assert tls.version(), "other names may be reached by that address"


def test_through_socks_it_is_opened_too(judged: Judged) -> None:
    with socks(judged, HOST, judged.echo.port) as sock, pytest.raises(ssl.SSLCertVerificationError):
        hand_shake(sock, judged, HOST)
    with judged.gateway.trust().wrap_socket(
        socks(judged, HOST, judged.echo.port), server_hostname=HOST
    ) as tls:
        tls.sendall(f"DELETE /admin HTTP/1.1\r\nHost: {HOST}:{judged.echo.port}\r\n\r\n".encode())
        assert tls.recv(20).startswith(b"HTTP/1.1 403 ")
    with socks(judged, HOST, judged.web.port) as sock:
        sock.sendall(f"GET /admin HTTP/1.1\r\nHost: {HOST}:{judged.web.port}\r\n\r\n".encode())
        assert sock.recv(20).startswith(b"HTTP/1.1 403 ")
    assert judged.arrived == []


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-x\r\n", b"\x00\x01\x02", b"DELETE /admin\r\n", b"HELO x\r\n", b"D\x00"]
)
def test_what_is_neither_tls_nor_http(judged: Judged, data: bytes) -> None:
    for dial in (tunnel, socks):
        with dial(judged, HOST, judged.web.port) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            read_all(sock)
    records = judged.gateway.records(2)
    assert [(one.allowed, one.bytes_out) for one in records] == [(False, 0), (False, 0)]
    assert judged.arrived == []


def test_tls_without_a_server_name_or_with_another(judged: Judged) -> None:
    context = judged.authority.client_context()
    context.check_hostname = False
    for name in (None, OTHER_HOST):
        with judged.gateway.tunnel(HOST, judged.echo.port) as sock, pytest.raises(ssl.SSLError):
            context.wrap_socket(sock, server_hostname=name).close()
    assert judged.arrived == []


def test_a_tunnel_that_was_opened_before_the_rule(judged: Judged) -> None:
    """Decided before there was a rule about requests; what is said comes after it."""
    judged.reach(HOST)
    sock = judged.gateway.tunnel(HOST, judged.echo.port)
    judged.reach(HOST, f"DELETE@{HOST}")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        hand_shake(sock, judged, HOST)
    wait_for(lambda: bool(judged.gateway.kept.ended_ones), "the record")
    assert judged.gateway.kept.ended_ones[0].allowed is False
    assert judged.arrived == []


@pytest.mark.parametrize("deny", [f"DELETE@{HOST}", HOST])
def test_a_tunnel_to_its_address_that_was_opened_before_the_rule(judged: Judged, deny: str) -> None:
    """Its TLS asked for the name while no rule was against that."""
    judged.reach(f"{HOST} {OTHER_HOST}")
    context = judged.authority.client_context()
    tunnels = {
        name: context.wrap_socket(tunnel(judged, "127.0.0.1", judged.echo.port), server_hostname=name)
        for name in (HOST, OTHER_HOST)
    }
    judged.reach(f"{HOST} {OTHER_HOST}", deny)
    tunnels[HOST].settimeout(5)
    said = f"DELETE /admin HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    with tunnels[HOST] as tls, contextlib.suppress(OSError):
        tls.sendall(said)
        assert read_all(tls) == b""
    with tunnels[OTHER_HOST] as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {OTHER_HOST}\r\nConnection: close\r\n\r\n".encode())
        assert b" 200 " in read_all(tls), "no rule is about the other name"
    assert judged.arrived == ["GET /"]


def test_a_declared_connection_to_a_host_with_refused_requests(tmp_path: Path) -> None:
    """It would be passed on unread."""
    address = next((str(one) for one in own_addresses() if one.version == 4 and not one.is_loopback), None)
    if address is None:
        pytest.skip("this machine has no address but loopback's, to which no declared name leads")
    switched = Switched(tmp_path, NameServer(api_acme_local=[[address]]))
    said = f"DELETE /admin HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    try:
        with serving(Web(host=address)) as web:
            switched.reach("", deny=f"DELETE@{OTHER_HOST}")
            switched.declare(web.port, "api", host=HOST, is_tcp=True)
            switched.grant("api")
            assert b" 501 " in switched.ask(b"\x01\x03api" + said), "no rule is about its requests"
            switched.reach("", deny=f"DELETE@{HOST}")
            assert switched.ask(b"\x01\x03api" + said) == b""
            records = switched.records(2)
            assert [(one.allowed, one.bytes_out > 0) for one in records] == [(True, True), (False, False)]
            assert "cannot be read as requests" in records[1].reason
    finally:
        switched.end()
