"""A tunnel to an allowed host carries TLS for that host, or nothing."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from egress_parts import Authority, NameServer, Outside, Web, read_all, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
NAME, DENIED = "web.acme.local", "evil.example"
# Not the address that others bind: port 443 has to be free on it.
ADDRESS = "127.0.0.43"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def web(authority: Authority) -> Generator[Web]:
    """Serves both names at one address, as shared front ends do."""
    try:
        server = Web(authority.server_context(NAME, DENIED), host=ADDRESS, port=443)
    except PermissionError:
        pytest.skip("may not listen on port 443")
    with serving(server):
        yield server


@pytest.fixture
def outside(tmp_path: Path, web: Web) -> Generator[Outside]:
    web.seen.clear()
    found = Outside(tmp_path, NameServer(web_acme_local=[[ADDRESS]], evil_example=[[ADDRESS]]))
    found.reach(f"{NAME} {ADDRESS}:443", deny=DENIED)
    yield found
    found.end()


def hand_shake(sock: socket.socket, authority: Authority, name: str | None) -> bytes:
    context = authority.client_context()
    context.check_hostname = False
    with context.wrap_socket(sock, server_hostname=name) as tls:
        tls.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return read_all(tls)


@pytest.mark.parametrize("name", [DENIED, "other.acme.local", None])
def test_another_server_name_than_connect_s_is_refused(
    outside: Outside, web: Web, authority: Authority, name: str | None
) -> None:
    with outside.tunnel(NAME, 443) as sock, pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        hand_shake(sock, authority, name)
    (record,) = outside.records(1)
    assert not record.allowed
    assert record.bytes_out == 0
    assert web.seen == []
    with outside.tunnel(NAME, 443) as sock:
        assert b"200 OK" in hand_shake(sock, authority, NAME)


def test_so_it_is_through_socks(outside: Outside, web: Web, authority: Authority) -> None:
    name = NAME.encode()
    with outside.connect() as sock:
        sock.sendall(b"\x05\x01\x00\x05\x01\x00\x03" + bytes([len(name)]) + name + b"\x01\xbb")
        answer = b""
        while len(answer) < 12:
            answer += sock.recv(12 - len(answer))
        assert answer[2:4] == b"\x05\x00"
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            hand_shake(sock, authority, DENIED)
    assert web.seen == []


def test_an_address_does_not_open_what_is_denied_by_name(
    outside: Outside, web: Web, authority: Authority
) -> None:
    outside.reach(f"*:443 {ADDRESS}:443", deny=DENIED)
    with outside.tunnel(ADDRESS, 443) as sock, pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        hand_shake(sock, authority, DENIED)
    assert web.seen == []


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0-x\r\n", b"\x80\x2e\x01\x03\x01", b"\x00\x01\x02", b"HELLO\r\n", b"\x16\x03\x01\x00\x05\x02"],
)
def test_what_is_no_tls_does_not_pass_on_the_port_of_https(outside: Outside, web: Web, data: bytes) -> None:
    with outside.tunnel(NAME, 443) as sock:
        sock.sendall(data)
        sock.shutdown(1)
        assert read_all(sock) == b""
    (record,) = outside.records(1)
    assert record.bytes_out == 0 or record.allowed is False
    assert web.seen == []


def test_a_server_name_in_pieces_is_still_read(outside: Outside, web: Web, authority: Authority) -> None:
    """Byte by byte, so that nothing of it passes before all of it is known."""
    context = authority.client_context()
    context.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=DENIED)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with outside.tunnel(NAME, 443) as sock:
        for byte in outgoing.read():
            sock.sendall(bytes([byte]))
        assert read_all(sock) == b"\x15\x03\x01\x00\x02\x02\x70"
    assert outside.records(1)[0].bytes_out == 0
    assert web.seen == []
