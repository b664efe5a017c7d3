"""What the first bytes in a tunnel are taken for."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.egress.hello import MOST_BYTES, look


def client_hello(name: str | None) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = False
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def in_records(hello: bytes, size: int) -> bytes:
    """Return the same message spread over records of this size."""
    body = hello[5:]
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(hello[:3] + len(part).to_bytes(2, "big") + part for part in parts)


@pytest.mark.parametrize("name", ["pypi.org", "a-b.c.example", None])
def test_the_server_name_is_read_however_it_is_cut(name: str | None) -> None:
    hello = client_hello(name)
    for data in (hello, hello + b"more", in_records(hello, 1), in_records(hello, 7), in_records(hello, 100)):
        assert look(data).kind == "tls"
        assert look(data).server_name == name
    for length in range(len(hello)):
        assert look(hello[:length]).kind == "more"


def test_two_server_names_are_none() -> None:
    def extension(name: bytes) -> bytes:
        entry = b"\0" + len(name).to_bytes(2, "big") + name
        names = len(entry).to_bytes(2, "big") + entry
        return b"\0\0" + len(names).to_bytes(2, "big") + names

    def hello(extensions: bytes) -> bytes:
        body = b"\3\3" + b"r" * 32 + b"\0" + b"\0\2\x13\1" + b"\1\0"
        body += len(extensions).to_bytes(2, "big") + extensions
        message = b"\1" + len(body).to_bytes(3, "big") + body
        return b"\x16\3\1" + len(message).to_bytes(2, "big") + message

    assert look(hello(extension(b"good.example"))).server_name == "good.example"
    assert look(hello(extension(b"good.example") + extension(b"evil.example"))).kind == "broken"
    assert look(hello(extension(b"good.ex\xffmple"))).kind == "broken"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GET / HTTP/1.1\r\n", "http"), (b"get / http/1.1\n", "http"), (b"\r\n\r\nGET / HTTP/1.1\r\n", "http"),
        (b"  GET / HTTP/1.1\r\n", "http"), (b"PRI * HTTP/2.0\r\n", "http"), (b"GET / HTT", "more"),
        (b"SSH-2.0-OpenSSH_9\r\n", "other"), (b"EHLO me\r\n", "other"), (b"\0\0\0\x08\4\xd2\x16/", "other"),
        (b"AMQP\0\0\x09\1", "other"), (b"", "more"), (b"x" * MOST_BYTES, "broken"),
        (b" " * MOST_BYTES, "broken"), (b"\x16\3\1\0\0", "broken"), (b"\x16\2\1\0\5hello", "broken"),
        (b"\x16\3\1\0\5\2\0\0\1x", "broken"),
    ],
)  # fmt: skip
def test_what_else_there_is(data: bytes, kind: str) -> None:
    assert look(data).kind == kind


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    look(data)
    look(b"\x16\3\1" + data)
    look(b"\x16\3\1\1\0\1\0\0\xfc" + data)
