"""One session cannot use up the gateway: neither by many, nor by slow, nor by large."""

from __future__ import annotations

import contextlib
import gc
import resource
import socket
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from egress_parts import OTHER, SESSION, NameServer, Outside, Raw, Web, read_all, serving, wait_for
from nbkeep.egress.talk import Limits

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
NAME = "web.acme.local"
OFFERED = 10_000


@pytest.fixture(scope="module")
def web() -> Generator[Web]:
    with serving(Web()) as server:
        yield server


def gateway(folder: Path, port: int, limits: Limits | None = None) -> Outside:
    found = Outside(folder, NameServer(web_acme_local=[["127.0.0.1"]]), limits=limits or Limits())
    for session_id in (SESSION, OTHER):
        found.reach(f"{NAME}:{port} 127.0.0.1:{port}", session_id)
    return found


def get(port: int, path: str = "/x") -> bytes:
    return f"GET http://{NAME}:{port}{path} HTTP/1.1\r\nHost: {NAME}:{port}\r\n\r\n".encode()


@pytest.fixture
def files() -> Generator[None]:
    """As many descriptors as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ten_thousand_connections_of_one_session_leave_room_for_another(
    tmp_path: Path, web: Web, files: None
) -> None:
    """They are offered, a few hundred are held, the rest is told so or turned away."""
    outside = gateway(tmp_path, web.port, Limits(per_session=300))
    held: list[socket.socket] = []
    most, refused = 0, 0
    try:
        for number in range(OFFERED):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(20)
            try:
                sock.connect(str(outside.path()))
            except OSError:
                sock.close()
                refused += 1
                continue
            held.append(sock)
            if len(held) > 1500:  # as many as a program may have, and always new ones
                held.pop(0).close()
            if number % 500 == 0:
                most = max(most, outside.gateway.connections)
                assert outside.ask(get(web.port), OTHER).startswith(b"HTTP/1.1 200 ")
        assert most <= 2 * 300 + 1
        assert OFFERED - refused > 1000, "they reached the gateway's door"
    finally:
        for sock in held:
            sock.close()
    wait_for(lambda: outside.gateway.connections == 0, "the end of all connections")
    assert outside.ask(get(web.port)).startswith(b"HTTP/1.1 200 ")
    outside.end()


def test_who_has_too_many_is_told_so(tmp_path: Path, web: Web) -> None:
    outside = gateway(tmp_path, web.port, Limits(per_session=3))
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(outside.tunnel(NAME, web.port))
        answer = outside.ask(get(web.port))
        assert answer.startswith(b"HTTP/1.1 503 Unavailable by nbkeep: too many connections are open")
        assert outside.ask(get(web.port), OTHER).startswith(b"HTTP/1.1 200 ")
    wait_for(lambda: outside.gateway.connections == 0, "the end of all connections")
    assert outside.ask(get(web.port)).startswith(b"HTTP/1.1 200 ")
    outside.end()


@pytest.mark.parametrize(
    "drops",
    [b"", b"GET http://web", b"GET http://web.acme.local/ HTTP/1.1\r\nX: ", b"\x05", b"\x05\x01\x00\x05\x01"],
)
def test_a_head_that_comes_drop_by_drop_is_cut(tmp_path: Path, web: Web, drops: bytes) -> None:
    """The time is for the whole head: each drop does not begin it anew."""
    outside = gateway(tmp_path, web.port, Limits(head_s=0.6))
    with outside.connect() as sock:
        sock.sendall(drops)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(200):
                if drops[:1] == b"G":
                    sock.sendall(b"x")
                if not _is_open(sock):
                    break
                time.sleep(0.1)
            else:
                pytest.fail("it was never cut")
    wait_for(lambda: outside.gateway.connections == 0, "the end of all connections")
    outside.end()


def _is_open(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return bool(sock.recv(65536)) or sock.recv(1) != b""
    except BlockingIOError:
        return True
    finally:
        sock.settimeout(20)


def test_a_head_without_end_is_refused(tmp_path: Path, web: Web) -> None:
    outside = gateway(tmp_path, web.port)
    endless = b"GET http://web.acme.local/ HTTP/1.1\r\n" + b"X: " + b"y" * (1 << 20)
    assert outside.ask(endless).startswith(b"HTTP/1.1 400 ")
    many = b"GET http://web.acme.local/ HTTP/1.1\r\n" + b"X: y\r\n" * 50_000
    assert outside.ask(many).startswith(b"HTTP/1.1 400 ")
    outside.end()


def waits(sock: socket.socket) -> None:
    read_all(sock)


def test_a_tunnel_in_which_nothing_moves_is_cut(tmp_path: Path) -> None:
    with serving(Raw(waits)) as server:
        outside = gateway(tmp_path, server.port, Limits(idle_s=0.5))
        with outside.tunnel(NAME, server.port) as sock:
            assert read_all(sock) == b""
        assert outside.records(1)[0].reason.endswith("nothing moved for long")
        outside.end()


@pytest.mark.parametrize("way", ["post", "tunnel"])
def test_an_upload_of_any_size_takes_no_memory(tmp_path: Path, way: str) -> None:
    """One gibibyte to a server that is slow at first: what it does not take stays with the sender."""
    size = 1 << 30
    counted: list[int] = []

    def eat(sock: socket.socket) -> None:
        time.sleep(0.5)
        count, buffer = 0, bytearray(1 << 20)
        while count < size and (more := sock.recv_into(buffer)):
            count += more
        counted.append(count)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    with serving(Raw(eat)) as server:
        outside = gateway(tmp_path, server.port)
        chunk = b"\0" * (1 << 20)
        gc.collect()
        tracemalloc.start()
        try:
            if way == "tunnel":
                sock = outside.tunnel(NAME, server.port)
            else:
                sock = outside.connect()
                where = f"{NAME}:{server.port}"
                sock.sendall(
                    f"POST http://{where}/ HTTP/1.1\r\nHost: {where}\r\nContent-Length: {size}\r\n\r\n".encode()
                )
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            for _ in range(size // len(chunk)):
                sock.sendall(chunk)
            _, peak = tracemalloc.get_traced_memory()
            assert read_all(sock).endswith(b"ok") or way == "tunnel"
            sock.close()
        finally:
            tracemalloc.stop()
        assert peak - before < 24 << 20, f"{(peak - before) >> 20} MiB"
        wait_for(lambda: bool(counted), "the server")
        assert counted[0] >= size
        record = outside.records(1)[0]
        assert size <= record.bytes_out < size + 1000
        outside.end()
