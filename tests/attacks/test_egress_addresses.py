"""No name leads to this machine, its link, its cloud's metadata or a network that nobody named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from egress_parts import NameServer, Outside, Web, serving

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack


@pytest.fixture(scope="module")
def web() -> Generator[Web]:
    with serving(Web()) as server:
        yield server


@pytest.fixture
def outside(tmp_path: Path, web: Web) -> Generator[Outside]:
    web.seen.clear()
    found = Outside(tmp_path, NameServer())
    yield found
    found.end()


def ask(outside: Outside, host: str, port: int) -> str:
    where = f"{host}:{port}"
    return outside.ask(f"GET http://{where}/secret HTTP/1.1\r\nHost: {where}\r\n\r\n".encode()).decode()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "10.0.0.1", "192.168.1.1", "fe80::1", "0.0.0.0",  # noqa: S104
     "64:ff9b::7f00:1", "fd00:ec2::254"],
)  # fmt: skip
@pytest.mark.parametrize("public", [True, False])
def test_a_public_name_that_points_inside_is_refused(
    outside: Outside, web: Web, address: str, *, public: bool
) -> None:
    outside.names.answers["evil.example"] = [[address]]
    outside.reach(f"*.example:{web.port}", public=public)
    answer = ask(outside, "evil.example", web.port)
    assert answer.startswith("HTTP/1.1 403 Blocked by nbkeep: evil.example "), answer
    assert web.seen == []
    assert outside.records(1)[0].address == "", "nothing was connected to"


@pytest.mark.parametrize("inside", ["127.0.0.2", "169.254.169.254", "10.1.2.3"])
def test_a_name_that_changes_its_address_gains_nothing(outside: Outside, web: Web, inside: str) -> None:
    """Allowed when it is looked at, inside when it is connected to: there is no second look-up."""
    outside.names.answers["evil.example"] = [["127.0.0.1"], [inside]]
    outside.reach(f"*.example:{web.port} 127.0.0.1:{web.port}")
    assert ask(outside, "evil.example", web.port).startswith("HTTP/1.1 200 ")
    assert outside.names.asked == ["evil.example"], "one look-up for one connection"
    assert outside.records(1)[0].address == "127.0.0.1"
    assert " 403 " in ask(outside, "evil.example", web.port)
    assert len(web.seen) == 1


def test_of_several_addresses_only_those_that_are_allowed_are_used(outside: Outside, web: Web) -> None:
    outside.names.answers["mixed.example"] = [["169.254.169.254", "10.0.0.1", "127.0.0.1"]]
    outside.reach(f"*.example:{web.port} 127.0.0.1:{web.port}")
    assert ask(outside, "mixed.example", web.port).startswith("HTTP/1.1 200 ")
    assert outside.records(1)[0].address == "127.0.0.1"


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "localhost", "localhost.", "[::1]",
     "[::ffff:127.0.0.1]", "\uff11\uff12\uff17.0.0.1", "127.0.0.1.nip.example", "0", "[::]", "[fe80::1%25lo]"],
)  # fmt: skip
def test_other_ways_to_write_this_machine_are_refused(outside: Outside, web: Web, host: str) -> None:
    for name in ("localhost", "127.0.0.1.nip.example"):
        outside.names.answers[name] = [["127.0.0.1"]]
    outside.reach("*:* 0.0.0.0/0:* [::/0]:*", public=True)
    where = f"{host}:{web.port}".encode()
    for request in (b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n\r\n" % (where, where),
                    b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (where, where)):  # fmt: skip
        answer = outside.ask(request)
        assert answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 ")), answer
    name = host.encode()
    answer = outside.ask(
        b"\x05\x01\x00\x05\x01\x00\x03" + bytes([len(name)]) + name + web.port.to_bytes(2, "big")
    )
    assert answer[2:4] == b"\x05\x02", answer
    assert (
        outside.ask(b"\x05\x01\x00\x05\x01\x00\x01\x7f\0\0\1" + web.port.to_bytes(2, "big"))[2:4]
        == b"\x05\x02"
    )
    assert web.seen == []


@pytest.mark.parametrize(
    "host",
    [
        "evilacme.local",
        "acme.local",
        "acme.local.evil.example",
        "web.acme.local.",
        "xacme.local",
        "a.acme.locall",
    ],
)
def test_a_wildcard_reaches_no_further_than_it_says(outside: Outside, web: Web, host: str) -> None:
    outside.names.answers[host.rstrip(".")] = [["127.0.0.1"]]
    outside.reach(f"*.acme.local:{web.port} 127.0.0.1:{web.port}")
    expected = 200 if host == "web.acme.local." else 403
    assert ask(outside, host, web.port).startswith(f"HTTP/1.1 {expected} ")
    assert ("evil" in "".join(outside.names.asked)) is False


def test_a_redirect_to_a_denied_host_ends_there(outside: Outside, web: Web) -> None:
    outside.names.answers["web.acme.local"] = [["127.0.0.1"]]
    outside.reach(f"web.acme.local:{web.port} 127.0.0.1:{web.port}")
    where = f"web.acme.local:{web.port}"
    answer = outside.ask(
        f"GET http://{where}/to?url=http://evil.example/ HTTP/1.1\r\nHost: {where}\r\n\r\n".encode()
    )
    assert b"Location: http://evil.example/" in answer, "it is the program that follows it"
    assert ask(outside, "evil.example", 80).startswith("HTTP/1.1 403 ")


def test_the_same_name_server_name_and_port_must_be_allowed_together(outside: Outside, web: Web) -> None:
    outside.names.answers["web.acme.local"] = [["127.0.0.1"]]
    outside.reach(f"web.acme.local:{web.port + 1} 127.0.0.1:{web.port}")
    assert ask(outside, "web.acme.local", web.port).startswith("HTTP/1.1 403 ")
    outside.reach(f"web.acme.local:{web.port} 127.0.0.1:{web.port + 1}")
    assert ask(outside, "web.acme.local", web.port).startswith("HTTP/1.1 403 ")
    assert web.seen == []
