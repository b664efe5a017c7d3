"""Declared connections to anything: bytes pass as they are; and how relays follow what is declared."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

import pytest

from connection_parts import Inside, Switched, look_often, when_open
from egress_parts import OTHER, SESSION, NameServer, Raw, read_all, serving, wait_for
from nbkeep.egress.connections import FILE_NAME
from nbkeep_runtime.sandbox.listeners import Listeners
from postgres_parts import free_port

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


def _echo(sock: socket.socket) -> None:
    sock.sendall(b"hello\n")  # servers may speak first
    while data := sock.recv(65536):
        sock.sendall(data)


@pytest.fixture(scope="module")
def server() -> Generator[Raw]:
    with serving(Raw(_echo)) as found:
        yield found


@pytest.fixture
def switched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Switched]:
    look_often(monkeypatch)
    found = Switched(tmp_path, NameServer())
    found.reach("")
    found.reach("", OTHER)
    yield found
    found.end()


@pytest.fixture
def inside(switched: Switched) -> Generator[Inside]:
    found = Inside(switched)
    yield found
    found.end()


def _connect(port: int) -> socket.socket:
    sock = when_open(lambda: socket.create_connection(("127.0.0.1", port), 30))
    sock.settimeout(30)
    return sock


@pytest.mark.usefixtures("inside")
def test_bytes_pass_both_ways_whatever_they_are(switched: Switched, server: Raw) -> None:
    port = switched.declare(server.port, "queue", is_tcp=True).local_port
    switched.grant("queue")
    sent = b"\x01\x05GET / HTTP/1.1\r\n\r\n\x16\x03\x01" + os.urandom(3_000_000)
    with _connect(port) as sock:
        assert sock.recv(6) == b"hello\n"
        got = b""
        for at in range(0, len(sent), 65536):
            sock.sendall(sent[at : at + 65536])
            while len(got) < at:
                got += sock.recv(65536)
        sock.shutdown(socket.SHUT_WR)
        assert got + read_all(sock) == sent
    (record,) = switched.records(1)
    assert (record.protocol, record.rule_source, record.bytes_out) == ("tcp", "connection queue", len(sent))


@pytest.mark.usefixtures("inside")
def test_without_a_grant_it_ends_at_once_and_is_on_record(switched: Switched, server: Raw) -> None:
    port = switched.declare(server.port, "queue", is_tcp=True).local_port
    switched.grant("queue", OTHER)
    with _connect(port) as sock:
        assert read_all(sock) == b""
    (record,) = switched.records(1)
    assert (record.allowed, record.host, record.port, record.protocol) == (False, "queue", 0, "tcp")
    assert "not granted" in record.reason


@pytest.mark.usefixtures("inside")
def test_open_ones_end_with_the_grant_others_go_on(switched: Switched, server: Raw) -> None:
    one, two = (switched.declare(server.port, name, is_tcp=True).local_port for name in ("one", "two"))
    switched.grant("one")
    switched.grant("two")
    with _connect(one) as first, _connect(two) as second:
        assert (first.recv(6), second.recv(6)) == (b"hello\n", b"hello\n")
        switched.ungrant("one")
        assert read_all(first) == b""
        second.sendall(b"still")
        assert second.recv(5) == b"still"


def test_the_relay_reads_names_and_ports_and_nothing_else(switched: Switched, server: Raw) -> None:
    switched.declare(server.port, "queue", is_tcp=True)
    text = (switched.path(SESSION).parent / FILE_NAME).read_text()
    local = switched.declared["queue"].local_port
    assert json.loads(text) == {"connections": [{"name": "queue", "port": local}]}
    assert (switched.path(SESSION).parent / FILE_NAME).stat().st_mode & 0o777 == 0o644


def test_listeners_follow_the_file_and_survive_one_that_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(monkeypatch)
    file = tmp_path / "connections.json"
    found = Listeners(("127.0.0.1", free_port()), str(file))

    def told(*connections: tuple[str, int]) -> set[str]:
        fresh = tmp_path / "fresh"
        fresh.write_text(
            json.dumps({"connections": [{"name": name, "port": port} for name, port in connections]})
        )
        fresh.rename(file)
        return followed()

    def followed() -> set[str]:
        for one in found.follow():
            one.sock.close()
        return {one.name for one in found.all()} - {""}

    assert followed() == set()
    one, two = free_port(), free_port()
    assert told(("one", one), ("two", two), ("low", 80), ("high", 70000), ("n" * 41, 5000)) == {"one", "two"}
    for broken in ("", "[]", "{", '{"connections": [1]}', '{"connections": [{"name": "x", "port": "y"}]}'):
        (tmp_path / "fresh").write_text(broken)
        (tmp_path / "fresh").rename(file)
        assert followed() == {"one", "two"}, broken
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert told(("mine", port), ("two", two)) == {"two"}  # a program in the sandbox has that port
    wait_for(lambda: followed() == {"mine", "two"}, "the port that is free now")
    assert told(("renamed", two)) in ({"renamed"}, set[str]())
    wait_for(lambda: followed() == {"renamed"}, "the new name at the same port")
    found.close()
