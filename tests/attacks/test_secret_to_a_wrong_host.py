"""Attack: send a placeholder elsewhere, use another's lease, speak to one host in the name of another."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from egress_parts import OTHER, SESSION, Authority, NameServer, serving
from keyed_parts import HOST, VALUE, Echo, Keyed

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
ELSEWHERE = "other.acme.local"
PLACEHOLDER = "nbkeep-placeholder-openai"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def echo(authority: Authority) -> Generator[Echo]:
    with serving(Echo(authority, HOST, ELSEWHERE)) as server:
        yield server


@pytest.fixture
def keyed(tmp_path: Path, authority: Authority, echo: Echo) -> Generator[Keyed]:
    loopback = [["127.0.0.1"]]
    found = Keyed(
        tmp_path, NameServer(api_acme_local=loopback, other_acme_local=loopback), roots=authority.file
    )
    for session_id in (SESSION, OTHER):
        found.reach(f"{HOST}:{echo.port} {ELSEWHERE}:{echo.port} 127.0.0.1:{echo.port}", session_id)
    found.add(f"{HOST}:{echo.port}")
    yield found
    found.end()


def _plain(keyed: Keyed, authority: Authority, host: str, port: int, session_id: str) -> bytes:
    sock = keyed.tunnel(host, port, session_id)
    with authority.client_context().wrap_socket(sock, server_hostname=host) as tls:
        head = f"GET /x HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {PLACEHOLDER}\r\nConnection: close\r\n\r\n"
        tls.sendall(head.encode())
        return tls.recv(65536) + tls.recv(65536)


def test_a_placeholder_stays_one_on_its_way_to_another_host(
    keyed: Keyed, echo: Echo, authority: Authority
) -> None:
    _plain(keyed, authority, ELSEWHERE, echo.port, SESSION)
    assert echo.sent("Authorization") == [f"Bearer {PLACEHOLDER}"]


def test_another_session_gets_no_key(keyed: Keyed, echo: Echo, authority: Authority) -> None:
    _plain(keyed, authority, HOST, echo.port, OTHER)
    assert echo.sent("Authorization") == [f"Bearer {PLACEHOLDER}"]


def test_a_host_header_of_another_host_is_refused_inside(keyed: Keyed, echo: Echo) -> None:
    before = len(echo.seen)
    status, _, body = keyed.ask_tls(echo.port, headers={"Host": f"{ELSEWHERE}:{echo.port}"})
    assert (status, len(echo.seen)) == (400, before)
    assert b"the Host header is not the host" in body


def test_a_server_name_of_another_host_is_refused(keyed: Keyed, echo: Echo) -> None:
    before = len(echo.seen)
    sock = keyed.tunnel(HOST, echo.port)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        keyed.trust().wrap_socket(sock, server_hostname=ELSEWHERE)
    assert len(echo.seen) == before


def test_another_session_does_not_trust_the_authority_and_no_file_holds_its_key(
    keyed: Keyed, echo: Echo
) -> None:
    others = keyed.trust(OTHER)
    with pytest.raises(ssl.SSLCertVerificationError):
        others.wrap_socket(keyed.tunnel(HOST, echo.port), server_hostname=HOST)
    files = [one for one in keyed.folder.rglob("*.pem") if one.name == "ca-bundle.pem"]
    assert len(files) == 1
    assert b"PRIVATE" not in b"".join(one.read_bytes() for one in files)
    assert VALUE not in str(keyed.kept.ended_ones)


def test_what_a_program_puts_in_its_place_is_taken_out(keyed: Keyed, echo: Echo) -> None:
    """Twice, in other letters, with an underscore: the server gets one credential, and it is ours."""
    keyed.ask_tls(echo.port, headers={"AUTHORIZATION": "Bearer mine", "authorization": "Bearer mine too"})
    assert echo.sent("Authorization") == [f"Bearer {VALUE}"]
    keyed.take([])
    keyed.add(f"{HOST}:{echo.port}", place="X-Api-Key", template="{}")
    keyed.ask_tls(echo.port, headers={"X_Api_Key": "mine", "x-api-key": PLACEHOLDER})
    assert [value for name, value in echo.seen[-1][2] if "api" in name.lower().replace("_", "-")][-1:] == [
        VALUE
    ]
    assert "mine" not in str(echo.seen[-1][2])


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.1\r\nHost: %s\r\nX: a\x00b\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: %s\r\nAuthorization : x\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: %s\r\nHost: evil.example\r\n\r\n",
        b"GET https://evil.example/ HTTP/1.1\r\nHost: %s\r\n\r\n",
        b"GET /a\r\nX: y HTTP/1.1\r\nHost: %s\r\n\r\n",
    ],
)
def test_a_request_that_is_not_plain_http_is_not_passed_on(keyed: Keyed, echo: Echo, head: bytes) -> None:
    before = len(echo.seen)
    with keyed.session(HOST, echo.port) as tls:
        tls.sendall(head % f"{HOST}:{echo.port}".encode())
        answer = tls.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert len(echo.seen) == before
