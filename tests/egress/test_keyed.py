"""Requests to which a secret is added on the way out."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from egress_parts import SESSION, Authority, NameServer, serving
from keyed_parts import HOST, VALUE, Echo, Keyed

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

OTHER_HOST = "other.acme.local"


@pytest.fixture(scope="module")
def echo(authority: Authority) -> Generator[Echo]:
    with serving(Echo(authority, HOST, OTHER_HOST)) as server:
        yield server


@pytest.fixture
def keyed(tmp_path: Path, authority: Authority, echo: Echo) -> Generator[Keyed]:
    loopback = [["127.0.0.1"]]
    names = NameServer(api_acme_local=loopback, other_acme_local=loopback)
    found = Keyed(tmp_path, names, roots=authority.file)
    found.reach(f"{HOST}:{echo.port} {OTHER_HOST}:{echo.port} 127.0.0.1:{echo.port}")
    yield found
    found.end()


def test_a_key_takes_the_place_of_the_placeholder(keyed: Keyed, echo: Echo) -> None:
    keyed.add(f"{HOST}:{echo.port}")
    status, _, body = keyed.ask_tls(
        echo.port, "/v1/x?a=1", {"authorization": "Bearer nbkeep-placeholder-openai", "X-Other": "stays"}
    )
    assert status == 200
    assert echo.sent("Authorization") == [f"Bearer {VALUE}"]
    assert echo.sent("X-Other") == ["stays"]
    assert echo.sent("Host") == [f"{HOST}:{echo.port}"]
    assert body == b"GET /v1/x?a=1 Bearer " + b"*" * len(VALUE)
    (record,) = keyed.records(1)
    assert record.reason.endswith("with the secret openai")
    assert VALUE not in str(record.as_json())


def test_bodies_pass_both_ways(keyed: Keyed, echo: Echo) -> None:
    keyed.add(f"{HOST}:{echo.port}")
    sent = bytes(range(256)) * 8000
    status, _, body = keyed.ask_tls(echo.port, "/x", method="POST", body=sent)
    assert (status, body[-len(sent) :]) == (200, sent)


def test_query_parameters_and_basic_authentication(keyed: Keyed, echo: Echo) -> None:
    keyed.add(f"{HOST}:{echo.port}", kind="query", place="api_key", template="{}")
    keyed.add(f"{OTHER_HOST}:{echo.port}", kind="basic", place="", template="jane", name="pypi")
    _, _, body = keyed.ask_tls(echo.port, "/q?api%5Fkey=mine&b=2&api_key=nbkeep-placeholder-openai")
    assert echo.seen[-1][1] == "/q?b=2&api_key=sk-live-51%2FXq7%2Bnot%20for%22anybody"
    assert b"sk-live" not in body
    _, _, body = keyed.ask_tls(echo.port, "/b", {"Authorization": "Basic eA=="}, host=OTHER_HOST)
    pair = base64.b64encode(f"jane:{VALUE}".encode()).decode()
    assert echo.sent("Authorization") == [f"Basic {pair}"]
    assert pair.encode() not in body


def test_other_hosts_and_sessions_are_passed_on_untouched(
    keyed: Keyed, echo: Echo, authority: Authority
) -> None:
    keyed.add(f"{HOST}:{echo.port}")
    sock = keyed.tunnel(OTHER_HOST, echo.port)
    # The server's own certificate arrives, which the session's authority has not signed.
    with authority.client_context().wrap_socket(sock, server_hostname=OTHER_HOST) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {OTHER_HOST}\r\nConnection: close\r\n\r\n".encode())
        assert b"200 OK" in tls.recv(65536)
    assert echo.sent("Authorization") == []


def test_a_new_version_is_used_at_once_and_one_answer_of_the_office_serves_many(
    keyed: Keyed, echo: Echo
) -> None:
    lease = keyed.add(f"{HOST}:{echo.port}")
    for _ in range(3):
        keyed.ask_tls(echo.port)
    assert keyed.office.asked == 1
    keyed.office.values[lease.lease_id] = (2, "the-second-value")
    keyed.take([replace(lease, version=2)])
    keyed.ask_tls(echo.port)
    assert echo.sent("Authorization") == ["Bearer the-second-value"]


def test_a_server_that_is_not_trusted_gets_no_key(keyed: Keyed, echo: Echo, tmp_path: Path) -> None:
    (tmp_path / "strange").mkdir()
    with serving(Echo(Authority.make(tmp_path / "strange"), HOST)) as strange:
        keyed.reach(f"{HOST}:{strange.port} 127.0.0.1:{strange.port}")
        keyed.add(f"{HOST}:{strange.port}")
        status, _, body = keyed.ask_tls(strange.port)
        assert (status, strange.seen) == (502, [])
        assert b"api.acme.local is not trusted" in body


def test_an_answer_that_is_compressed_all_the_same_is_not_passed_on(keyed: Keyed, echo: Echo) -> None:
    keyed.add(f"{HOST}:{echo.port}")
    status, _, body = keyed.ask_tls(echo.port, "/compressed", {"Accept-Encoding": "gzip, br"})
    assert echo.sent("Accept-Encoding") == ["identity"]
    assert status == 502
    assert b"cannot be searched for the secret" in body


def test_a_session_trusts_the_roots_of_the_system_and_its_own_authority(keyed: Keyed) -> None:
    bundle = keyed.path(SESSION).parent / "ca-bundle.pem"
    keyed.trust()
    assert bundle.stat().st_mode & 0o777 == 0o644
    text = bundle.read_text()
    assert text.count("BEGIN CERTIFICATE") > 50
    assert "PRIVATE" not in text
