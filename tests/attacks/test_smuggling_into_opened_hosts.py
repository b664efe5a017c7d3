"""Attack: hide a second request in one that the rules allow, inside the TLS that the gateway ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from keyed_parts import HOST
from restricted_parts import judging

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from restricted_parts import Judged

pytestmark = pytest.mark.attack
HIDDEN = f"DELETE /admin HTTP/1.1\r\nHost: {HOST}\r\n\r\n"


@pytest.fixture
def judged(tmp_path: Path) -> Generator[Judged]:
    with judging(tmp_path) as found:
        found.reach(f"GET|POST@{HOST}/acme/*")
        yield found


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("GET /acme/x HTTP/1.1", HIDDEN),
        ("POST /acme/x HTTP/1.1\r\nContent-Length: 0", HIDDEN),
        ("POST /acme/x HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + HIDDEN),
        ("POST /acme/x HTTP/1.1\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + HIDDEN),
        ("POST /acme/x HTTP/1.1\r\nTransfer-Encoding: xchunked", "0\r\n\r\n" + HIDDEN),
        ("POST /acme/x HTTP/1.1\r\nTransfer-Encoding : chunked", "0\r\n\r\n" + HIDDEN),
        ("POST /acme/x HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 99", HIDDEN),
        ("GET /acme/x HTTP/1.1\r\nX: 1\n\nDELETE /admin HTTP/1.1", ""),
        ("GET /acme/x HTTP/1.1\r\nX: 1\r\r\n", HIDDEN),
        ("GET /acme/x\tHTTP/1.1", HIDDEN),
        ("GET /acme/x HTTP/1.1 \r\nX: 1", HIDDEN),
        ("GET /acme/x HTTP/0.9", HIDDEN),
        ("GET /acme/x", HIDDEN),
        (
            "GET /acme/x HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA",
            HIDDEN,
        ),
        ("GET /acme/x HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade", HIDDEN),
    ],
)
def test_the_second_request_never_arrives(judged: Judged, head: str, body: str) -> None:
    answer = judged.say(f"{head}\r\nHost: {HOST}:{judged.echo.port}\r\n\r\n{body}".encode())
    assert len(re.findall(rb"(?m)^HTTP/1\.1 \d", answer)) <= 1
    assert [one for one in judged.arrived if "admin" in one] == []
    assert len(judged.arrived) <= 1
    upgrades = [
        name for one in judged.echo.seen for name, _ in one[2] if "upgrade" in name.lower() or "http2" in name
    ]
    assert upgrades == []
    (record,) = judged.gateway.records(1)
    assert "/acme" not in str(record.as_json()).replace(record.rule_id, ""), "no path is on record"


@pytest.mark.parametrize("target", [f"{HOST}:443", "/acme/x", "evil.example:443"])
def test_no_tunnel_inside(judged: Judged, target: str) -> None:
    judged.reach(f"{HOST}/acme/*")
    said = judged.say(
        f"CONNECT {target} HTTP/1.1\r\nHost: {HOST}:{judged.echo.port}\r\n\r\n{HIDDEN}".encode()
    )
    assert said[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 403"}
    assert judged.arrived == []


def test_the_host_header_is_the_host(judged: Judged) -> None:
    for hosts in (
        "Host: other.acme.local",
        f"Host: {HOST}\r\nHost: other.acme.local",
        f"Host: {HOST}",
        "X: 1",
    ):
        said = judged.say(f"GET /acme/x HTTP/1.1\r\n{hosts}\r\n\r\n".encode())
        assert said[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 403"}, hosts
    assert judged.arrived == []


@pytest.mark.parametrize("host", [HOST.upper(), f"{HOST}.", "Api.Acme.Local."])
def test_in_clear_the_server_is_told_the_host_that_the_rules_were_asked_about(
    judged: Judged, host: str
) -> None:
    """With a dot at its end, some servers take it for another of their hosts."""
    at = f"{host}:{judged.web.port}"
    answer = judged.gateway.ask(f"GET http://{at}/acme/x HTTP/1.1\r\nHost: {at}\r\n\r\n".encode())
    assert b" 200 " in answer[:20]
    assert [one[2]["Host"] for one in judged.web.seen] == [f"{HOST}:{judged.web.port}"]
    with judged.gateway.tunnel(host, judged.web.port) as sock:
        sock.sendall(f"GET /acme/x HTTP/1.1\r\nHost: {at}\r\n\r\n".encode())
        assert b" 200 " in sock.recv(20)
    assert [one[2]["Host"] for one in judged.web.seen] == [f"{HOST}:{judged.web.port}"] * 2
