"""Attack: speak HTTP/2, which nobody reads, to a host with rules about its requests."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

import pytest

from egress_parts import read_all
from keyed_parts import HOST
from restricted_parts import judging

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from restricted_parts import Judged

pytestmark = pytest.mark.attack
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


@pytest.fixture
def judged(tmp_path: Path) -> Generator[Judged]:
    with judging(tmp_path) as found:
        found.reach(f"GET@{HOST}/acme/*")
        yield found


def test_tls_agrees_on_http_1_only(judged: Judged) -> None:
    context = judged.gateway.trust()
    context.set_alpn_protocols(["h2", "http/1.1"])
    sock = judged.gateway.tunnel(HOST, judged.echo.port)
    with context.wrap_socket(sock, server_hostname=HOST) as tls:
        assert tls.selected_alpn_protocol() == "http/1.1"
    context = judged.gateway.trust()
    context.set_alpn_protocols(["h2"])
    sock = judged.gateway.tunnel(HOST, judged.echo.port)
    with contextlib.suppress(ssl.SSLError), context.wrap_socket(sock, server_hostname=HOST) as tls:
        assert tls.selected_alpn_protocol() is None


def test_prior_knowledge_is_no_request(judged: Judged) -> None:
    for sent in (PREFACE, b"\r\n" + PREFACE):
        assert judged.say(sent).startswith(b"HTTP/1.1 400 ")
        with judged.gateway.tunnel(HOST, judged.web.port) as sock:
            sock.sendall(sent)
            assert read_all(sock).startswith(b"HTTP/1.1 400 ")
    assert judged.arrived == []
    assert {one.allowed for one in judged.gateway.records(4)} == {False}
