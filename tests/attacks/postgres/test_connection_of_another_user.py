"""Attack: name a connection that somebody else was granted, one that is not there, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connection_parts import MARK, named, startup
from egress_parts import OTHER, SESSION, read_all

if TYPE_CHECKING:
    from connection_parts import FakeServer, Switched

pytestmark = pytest.mark.attack
HELLO = startup(user="x", database="sales")


def _said(switched: Switched, name: str, session_id: str) -> bytes:
    return switched.ask(named(name, HELLO), session_id)


def test_another_ones_connection_is_refused_as_one_that_is_not_there(
    switched: Switched, server: FakeServer
) -> None:
    refused = _said(switched, "warehouse", OTHER)
    assert refused.startswith(b"E")
    assert b"C28000\0" in refused
    assert b"warehouse is not granted to you" in refused
    assert _said(switched, "warehous2", OTHER) == refused.replace(b"warehouse", b"warehous2")
    assert server.startups == []
    for record in switched.records(2):
        assert (record.allowed, record.address, record.session_id) == (False, "", OTHER)
        assert record.host.startswith("warehous")
    # In neither place does it say where the connection leads.
    assert str(server.port).encode() not in refused
    with switched.connect(SESSION) as sock:
        sock.sendall(named("warehouse", HELLO))
        assert sock.recv(9)[:1] == b"R"  # the one who was granted it gets in


@pytest.mark.parametrize("name", ["", "x" * 41, "x" * 255])
def test_names_that_no_connection_has_end_the_connection(switched: Switched, name: str) -> None:
    assert switched.ask(MARK + bytes([len(name)]) + name.encode() + HELLO, ended=True) == b""
    assert switched.kept.started == []


@pytest.mark.parametrize(
    "name", ["WAREHOUSE", "warehouse\0", "../warehouse", "ware\n\x1b[31mhouse", "w\xfcrm"]
)
def test_names_that_look_alike_are_others(switched: Switched, server: FakeServer, name: str) -> None:
    encoded = name.encode()
    said = switched.ask(MARK + bytes([len(encoded)]) + encoded + HELLO)
    assert b"is not granted to you" in said
    (record,) = switched.records(1)
    assert record.host.isprintable()
    assert server.startups == []


def test_an_ordinary_tunnel_to_the_same_place_is_not_opened_by_the_connection(
    switched: Switched, server: FakeServer
) -> None:
    place = f"127.0.0.1:{server.port}"
    answer = switched.ask(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 403 ")
    with switched.connect(SESSION) as sock:
        sock.sendall(b"\5\1\0")
        assert sock.recv(2) == b"\5\0"
        sock.sendall(b"\5\1\0\1\x7f\0\0\1" + server.port.to_bytes(2, "big"))
        assert read_all(sock)[1] == 2
    assert server.startups == []
