"""Attack: a first message that never ends, is huge, or asks for encryption for ever."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from connection_parts import Switched, named, startup
from egress_parts import NameServer, read_all
from nbkeep.egress.talk import Limits

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from connection_parts import FakeServer
    from egress_parts import Authority

pytestmark = pytest.mark.attack
SSL = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
GSS = (8).to_bytes(4, "big") + (80877104).to_bytes(4, "big")


@pytest.fixture
def hasty(tmp_path: Path, authority: Authority, server: FakeServer) -> Generator[Switched]:
    """A gateway that has a second for what a program wants."""
    found = Switched(tmp_path, NameServer(), limits=Limits(head_s=1.0), roots=authority.file)
    found.reach("")
    found.declare(server.port, tls="verify")
    found.grant()
    yield found
    found.end()


@pytest.mark.parametrize("length", [0, 4, 7, 10_005, 1 << 20, 0x16030100, 0xFFFFFFFF])
def test_an_odd_length_is_refused_before_it_is_read(
    switched: Switched, server: FakeServer, length: int
) -> None:
    said = switched.ask(named("warehouse", length.to_bytes(4, "big")))
    assert b"no start of PostgreSQL's protocol" in said
    assert server.startups == []


@pytest.mark.parametrize("first", [b"", startup(user="x", database="sales")[:-3], SSL, SSL + b"\0"])
def test_who_is_slow_is_told_so_and_cut(hasty: Switched, server: FakeServer, first: bytes) -> None:
    with hasty.connect() as sock:
        sock.sendall(named("warehouse", first))
        said = read_all(sock)
    assert b"too slow" in said
    assert server.startups == []


def test_a_byte_now_and_then_does_not_keep_it_open(hasty: Switched, server: FakeServer) -> None:
    data = startup(user="x", database="sales", application_name="n" * 100)
    with hasty.connect() as sock:
        sock.sendall(named("warehouse"))
        began_s = time.monotonic()
        with pytest.raises(OSError, match=r"."):
            for byte in data:
                sock.sendall(bytes([byte]))
                time.sleep(0.1)
        assert time.monotonic() - began_s < len(data) * 0.1
    assert server.startups == []


def test_a_name_that_does_not_come_is_not_waited_for(hasty: Switched) -> None:
    assert hasty.ask(named("warehouse")[:5]) == b""


def test_encryption_is_declined_twice_and_then_no_more(switched: Switched, server: FakeServer) -> None:
    said = switched.ask(named("warehouse", (SSL + GSS) * 20))
    assert said.startswith(b"NNN")
    assert b"again and again" in said
    assert said.count(b"N") < 8
    assert server.startups == []
