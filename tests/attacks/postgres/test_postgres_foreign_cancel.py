"""Attack: cancel what others do, with a key that was guessed, seen elsewhere, or is of a connection that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connection_parts import READY, named, startup
from egress_parts import OTHER, SESSION, wait_for

if TYPE_CHECKING:
    import socket

    from connection_parts import FakeServer, Switched

pytestmark = pytest.mark.attack
KEY = b"\0\0\0\7\1\2\3\4"  # as in READY
CANCEL = (16).to_bytes(4, "big") + (80877102).to_bytes(4, "big")


def _open(switched: Switched, session_id: str = SESSION) -> socket.socket:
    sock = switched.connect(session_id)
    sock.sendall(named("warehouse", startup(user="x", database="sales")))
    said = b""
    while not said.endswith(READY[-6:]):
        said += sock.recv(4096)
    return sock


def _cancel(switched: Switched, key: bytes, session_id: str = SESSION, name: str = "warehouse") -> bytes:
    return switched.ask(named(name, CANCEL + key), session_id)


def test_only_keys_of_ones_own_open_connections_are_passed_on(switched: Switched, server: FakeServer) -> None:
    switched.grant(session_id=OTHER)
    switched.declare(server.port, "second", tls="verify")
    switched.grant("second")
    sock = _open(switched)
    # Known to another session, guessed, and for another connection of the same session.
    assert b"none of this session's" in _cancel(switched, KEY, OTHER)
    assert b"none of this session's" in _cancel(switched, KEY[:-1] + b"\5")
    assert b"none of this session's" in _cancel(switched, KEY, name="second")
    assert server.cancelled == []
    assert _cancel(switched, KEY) == b""
    wait_for(lambda: server.cancelled == [KEY], "the cancel request")
    sock.close()
    wait_for(lambda: any(one.method == "" and one.allowed for one in switched.kept.ended_ones), "its end")
    assert b"none of this session's" in _cancel(switched, KEY)
    assert server.cancelled == [KEY]
    refused = [one for one in switched.records(6) if not one.allowed]
    assert [(one.method, one.address) for one in refused] == [("CANCEL", "")] * 4


def test_without_the_grant_nothing_is_cancelled(switched: Switched, server: FakeServer) -> None:
    with _open(switched):
        switched.ungrant()
        assert b"is not granted to you" in _cancel(switched, KEY)
    assert server.cancelled == []
