"""Attack: ask for another role, another database, or replication in the first message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connection_parts import named, startup
from egress_parts import wait_for
from postgres_parts import PASSWORD

if TYPE_CHECKING:
    from connection_parts import FakeServer, Switched

pytestmark = pytest.mark.attack


def _arrives(switched: Switched, server: FakeServer, data: bytes) -> dict[str, str]:
    """Send it as a program, and return what the server was sent."""
    with switched.connect() as sock:
        sock.sendall(named("warehouse", data))
        wait_for(lambda: bool(server.passwords), "the log-in")
    return server.startups[-1]


def test_role_and_database_are_the_declared_ones_whatever_is_asked_for(
    switched: Switched, server: FakeServer
) -> None:
    found = _arrives(switched, server, startup(user="postgres", database="postgres", application_name="mine"))
    assert found == {"user": "reader", "database": "sales", "application_name": "mine"}
    assert server.passwords == [PASSWORD]


def test_a_second_user_in_the_same_message_changes_nothing(switched: Switched, server: FakeServer) -> None:
    body = (3 << 16).to_bytes(4, "big") + b"user\0a\0user\0postgres\0database\0sales\0\0"
    found = _arrives(switched, server, (len(body) + 4).to_bytes(4, "big") + body)
    assert (found["user"], found["database"]) == ("reader", "sales")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"user": "x", "database": "payroll"}, b"leads to the database sales alone"),
        ({"user": "x", "database": "sales", "replication": "true"}, b"replication is not served"),
        ({"user": "x", "database": "sales", "replication": "database"}, b"replication is not served"),
        ({"user": "x", "database": "sales", "replication": "tRuE"}, b"replication is not served"),
    ],
)
def test_what_is_not_declared_is_refused_before_anything_is_connected(
    switched: Switched, server: FakeServer, told: dict[str, str], words: bytes
) -> None:
    said = switched.ask(named("warehouse", startup(**told)))
    assert said.startswith(b"E")
    assert words in said
    assert b"C28000\0" in said
    assert server.startups == []


@pytest.mark.parametrize("value", ["false", "off", "0"])
def test_a_replication_that_is_turned_off_is_not_passed_on(
    switched: Switched, server: FakeServer, value: str
) -> None:
    found = _arrives(switched, server, startup(user="x", database="sales", replication=value))
    assert found == {"user": "reader", "database": "sales"}


@pytest.mark.parametrize(
    "body",
    [
        b"\0\3\0\0user\0x\0database",  # no end
        b"\0\3\0\0user\0x\0\0user\0postgres\0\0",  # two ends
        b"\0\3\0\0user\0x\0\0\0",
        b"\0\3\0\0bad name\0x\0\0",
        b"\0\3\0\0" + b"a\0b\0" * 200 + b"\0",
        b"\0\2\0\0user\0x\0\0",  # protocol 2
        b"\x04\xd2\x16\x2f" + b"more",  # a request for TLS with something in it
    ],
)
def test_a_broken_first_message_is_refused(switched: Switched, server: FakeServer, body: bytes) -> None:
    said = switched.ask(named("warehouse", (len(body) + 4).to_bytes(4, "big") + body))
    assert said.startswith(b"E")
    assert b"C08P01\0" in said
    assert server.startups == []


def test_newer_protocols_are_told_what_is_spoken(switched: Switched, server: FakeServer) -> None:
    body = (3 << 16 | 2).to_bytes(4, "big") + b"user\0x\0_pq_.secret\0y\0\0"
    with switched.connect() as sock:
        sock.sendall(named("warehouse", (len(body) + 4).to_bytes(4, "big") + body))
        assert sock.recv(1) == b"v"
    assert server.startups == [{"user": "reader", "database": "sales"}]
