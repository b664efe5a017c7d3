"""A session sends more than it may to a host that it may reach: in one go, in parts, or in a tunnel."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from egress_parts import OTHER, SESSION, NameServer, Outside, Raw, Web, read_all, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
NAME = "web.acme.local"
MIB = 1 << 20
LIMIT = 4 * MIB


@pytest.fixture(scope="module")
def web() -> Generator[Web]:
    with serving(Web()) as server:
        yield server


@pytest.fixture
def outside(tmp_path: Path, web: Web) -> Generator[Outside]:
    found = Outside(tmp_path, NameServer(web_acme_local=[["127.0.0.1"]]))
    for session_id in (SESSION, OTHER):
        found.reach(f"{NAME}:{web.port} 127.0.0.1:{web.port}", session_id, volume_bytes=LIMIT)
    yield found
    found.end()


def post(outside: Outside, port: int, size: int, session_id: str = SESSION, declared: int = 0) -> bytes:
    """Send a body, a MiB at a time and no longer than anybody listens; return the answer."""
    head = f"POST http://{NAME}:{port}/x HTTP/1.1\r\nHost: {NAME}:{port}\r\nContent-Length: {declared or size}\r\n\r\n"
    with outside.connect(session_id) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(head.encode())
            while size > 0:
                sock.sendall(b"x" * min(MIB, size))
                size -= MIB
        return read_all(sock)


def test_a_large_upload_is_cut_and_told(outside: Outside, web: Web) -> None:
    answer = post(outside, web.port, 64 * MIB, declared=10 << 30)
    assert answer.startswith(b"HTTP/1.1 403 Blocked by nbkeep: the session has sent 4MiB today")
    assert b"--egress-volume" in answer
    (record,) = outside.records(1)
    assert record.bytes_out < LIMIT + MIB
    assert (record.allowed, "4MiB today" in record.reason) == (False, True)


def test_many_small_ones_count_together_and_others_sessions_do_not(outside: Outside, web: Web) -> None:
    for _ in range(4):
        assert b"got 1048576" in post(outside, web.port, MIB)
    for size in (0, 1, MIB):
        assert b"403 Blocked by nbkeep: the session has sent" in post(outside, web.port, size)
    assert b"got 1048576" in post(outside, web.port, MIB, OTHER)


def test_what_is_said_in_addresses_and_headers_counts_too(outside: Outside, web: Web) -> None:
    place = f"{NAME}:{web.port}"
    for number in range(200):
        lines = [f"GET http://{place}/{'a' * 30_000} HTTP/1.1", f"Host: {place}", f"X-Data: {'b' * 30_000}"]
        answer = outside.ask(("\r\n".join(lines) + "\r\n\r\n").encode())
        if answer.startswith(b"HTTP/1.1 403 Blocked by nbkeep: the session has sent 4MiB"):
            assert 60 < number < 80
            return
    raise AssertionError("200 requests of 60 kB went through")


def test_a_tunnel_is_cut(tmp_path: Path) -> None:
    got: list[int] = []

    def swallow(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := sock.recv(MIB):
                got.append(len(data))

    with serving(Raw(swallow)) as server:
        outside = Outside(tmp_path, NameServer(web_acme_local=[["127.0.0.1"]]))
        outside.reach(f"{NAME}:{server.port} 127.0.0.1:{server.port}", volume_bytes=LIMIT)
        try:
            with outside.tunnel(NAME, server.port) as sock, contextlib.suppress(OSError):
                for _ in range(64):
                    sock.sendall(b"\0" * MIB)
                assert read_all(sock) == b""
            (record,) = outside.records(1)
            assert "4MiB today" in record.reason
            assert sum(got) < LIMIT + MIB
        finally:
            outside.end()


def test_a_gateway_that_begins_anew_knows_what_is_on_record(outside: Outside, web: Web) -> None:
    outside.call(outside.gateway.volumes.hear, {"sent_today": {SESSION: LIMIT, OTHER: 0}})
    assert b"403 Blocked" in post(outside, web.port, 1)
    assert b"got 1" in post(outside, web.port, 1, OTHER)
    with pytest.raises(ValueError, match="no table"):
        outside.call(outside.gateway.volumes.hear, {"sent_today": [SESSION]})


def test_a_raised_limit_holds_at_once(outside: Outside, web: Web) -> None:
    post(outside, web.port, LIMIT)
    assert b"403 Blocked" in post(outside, web.port, 1)
    outside.reach(f"{NAME}:{web.port} 127.0.0.1:{web.port}", volume_bytes=2 * LIMIT)
    assert b"got 1" in post(outside, web.port, 1)
