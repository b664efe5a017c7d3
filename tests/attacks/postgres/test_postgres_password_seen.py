"""Attack: see the password, in what comes back from servers that repeat it, in records, or at an impostor's."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from connection_parts import ASKS_IN_CLEAR, READY, FakeServer, message, named, startup
from egress_parts import Authority, Raw, serving, wait_for
from postgres_parts import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connection_parts import Switched

pytestmark = pytest.mark.attack
HELLO = startup(user="x", database="sales")
FORMS = (PASSWORD.encode(), quote(PASSWORD, safe="").encode(), json.dumps(PASSWORD)[1:-1].encode())


def _error(text: str) -> bytes:
    return message(b"E", b"SFATAL\0C28P01\0M" + text.encode() + b"\0\0")


def _in_an_error(password: str) -> bytes:
    return _error(f"wrong password {password!r}")


def _in_a_notice(password: str) -> bytes:
    return message(b"N", b"SNOTICE\0M" + password.encode() + b"\0\0") + READY


def _in_a_setting(password: str) -> bytes:
    return READY[:9] + message(b"S", b"was\0" + quote(password, safe="").encode() + b"\0") + READY[9:]


def _in_a_late_error(password: str) -> bytes:
    return READY[:9] + _error(f"database of {password}")


@pytest.mark.parametrize("then", [_in_an_error, _in_a_notice, _in_a_setting, _in_a_late_error])
def test_what_a_server_repeats_before_the_first_query_is_masked(
    switched: Switched, authority: Authority, then: Callable[[str], bytes]
) -> None:
    server = FakeServer(authority, then)
    with serving(server.server):
        switched.declare(server.port, "talkative", tls="verify")
        switched.grant("talkative")
        said = b""
        with switched.connect() as sock:
            sock.sendall(named("talkative", HELLO))
            sock.settimeout(10)
            while not (said.endswith(READY[-6:]) or not (more := sock.recv(65536))):
                said += more
        assert server.passwords == [PASSWORD]
    assert b"***" in said
    for form in FORMS:
        assert form not in said
    for record in switched.records(1):
        assert PASSWORD not in str(record.as_json())


def _impostor(asked: list[bytes], first: bytes, times: int = 4096) -> Raw:
    """Return a server without TLS that says something to the first message, and keeps what it is sent.

    `times`: how often it has the password hashed.
    """

    def talk(sock: socket.socket) -> None:
        asked.append(sock.recv(65536))
        sock.sendall(first)
        sock.settimeout(3)
        try:
            while data := sock.recv(65536):
                asked.append(data)
                if b"SCRAM" in data:  # it answers the challenge without knowing the password
                    nonce = data.rpartition(b"r=")[2]
                    sock.sendall(
                        message(
                            b"R",
                            (11).to_bytes(4, "big")
                            + b"r=%bxy,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=%d" % (nonce, times),
                        )
                    )
                elif b",p=" in data:
                    sock.sendall(message(b"R", (12).to_bytes(4, "big") + b"v=" + b"A" * 43 + b"=") + READY)
        except OSError:
            return

    return Raw(talk)


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (ASKS_IN_CLEAR, b"in a way that shows it"),
        (message(b"R", (5).to_bytes(4, "big") + b"salt"), b"in a way that shows it"),
        (
            message(b"R", (10).to_bytes(4, "big") + b"SCRAM-SHA-256\0\0"),
            b"did not prove that it knows the password",
        ),
        (message(b"R", (10).to_bytes(4, "big") + b"PLAIN\0\0"), b"did not prove that it knows the password"),
        (READY, b"did not prove that it knows the password"),
        (message(b"R", (7).to_bytes(4, "big")), b"a kind of authentication that nbkeep does not know"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"does not speak as PostgreSQL does"),
    ],
)
def test_a_server_that_does_not_prove_itself_learns_nothing_and_is_not_used(
    switched: Switched, first: bytes, words: bytes
) -> None:
    asked: list[bytes] = []
    impostor = _impostor(asked, first)
    with serving(impostor):
        switched.declare(impostor.port, "impostor")
        switched.grant("impostor")
        said = switched.ask(named("impostor", HELLO))
    assert said.startswith(b"E")
    assert words in said
    assert PASSWORD.encode() not in b"".join(asked)
    assert b"md5" not in b"".join(asked[1:])


@pytest.mark.parametrize("times", [600_001, 10**9, 10**300])
def test_a_server_does_not_have_the_gateway_hash_for_hours(switched: Switched, times: int) -> None:
    """What hashes is a thread of the gateway that serves all sessions, and nothing ends it."""
    asked: list[bytes] = []
    impostor = _impostor(asked, message(b"R", (10).to_bytes(4, "big") + b"SCRAM-SHA-256\0\0"), times)
    with serving(impostor):
        switched.declare(impostor.port, "impostor")
        switched.grant("impostor")
        said = switched.ask(named("impostor", HELLO))
    assert b"did not prove that it knows the password" in said
    assert not any(b",p=" in one for one in asked)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(b"N", b"does not speak TLS"), (b"E", b"does not speak TLS"), (b"SN", b"allowed, but 127.0.0.1 ended")],
)
def test_tls_that_is_declared_is_never_left_out(switched: Switched, answer: bytes, words: bytes) -> None:
    asked: list[bytes] = []
    impostor = _impostor(asked, answer)
    with serving(impostor):
        switched.declare(impostor.port, "plain", tls="require")
        switched.grant("plain")
        said = switched.ask(named("plain", HELLO))
        wait_for(lambda: bool(asked), "the question")
    assert said.startswith(b"E")
    assert words in said
    assert b"reader" not in b"".join(asked)


@pytest.mark.parametrize("is_other_host", [True, False])
def test_a_certificate_of_another_host_or_of_nobody_known_gets_nothing(
    switched: Switched, authority: Authority, tmp_path: Path, *, is_other_host: bool
) -> None:
    (tmp_path / "strange").mkdir()
    signing = authority if is_other_host else Authority.make(tmp_path / "strange")
    server = FakeServer(signing, name="other.acme.local" if is_other_host else "127.0.0.1")
    with serving(server.server):
        switched.declare(server.port, "strange", tls="verify")
        switched.grant("strange")
        said = switched.ask(named("strange", HELLO))
    assert b"is not trusted" in said
    assert server.startups == []
