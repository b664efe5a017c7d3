"""A program sends a key out that a policy keeps in, in forms that are meant not to be read."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import queue
import socket
import time
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from egress_parts import NameServer, Raw, Web, read_all, serving
from nbkeep.egress.leaving.interface import Place, Sent
from nbkeep.egress.leaving.scanner import JailedScanner
from nbkeep.egress.leaving.told import EVERYTHING
from nbkeep.egress.leaving.unpack import Unpacked
from nbkeep.egress.leaving.words import words_of
from nbkeep.rendering import jail
from upload_parts import MIB, Examining, made_key, plain, scanner_that_stays, send_slowly

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from nbkeep.egress.leaving.scanner import JailedScanner

pytestmark = pytest.mark.attack
NAME = "web.acme.local"
KEY = made_key()


@pytest.fixture(scope="module")
def scanner() -> Generator[JailedScanner]:
    with scanner_that_stays() as found:
        yield found


@pytest.fixture(scope="module")
def web() -> Generator[Web]:
    with serving(Web()) as server:
        yield server


@pytest.fixture
def gate(tmp_path: Path, scanner: JailedScanner, web: Web) -> Generator[Examining]:
    found = Examining(tmp_path, NameServer(web_acme_local=[["127.0.0.1"]]), scanner=scanner)
    found.decide(f"{NAME}:{web.port} 127.0.0.1:{web.port}", secret="deny", unread="deny")
    web.seen.clear()
    yield found
    found.end()


def zipped(name: str, data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return target.getvalue()


def form(data: bytes, *, more: str = "", name: str = "data.bin") -> bytes:
    head = f'--=mark=\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n{more}\r\n'
    return head.encode() + data + b"\r\n--=mark=--\r\n"


FORM = 'Content-Type: multipart/form-data; boundary="=mark="\r\n'
TEXT = f"token = '{KEY}'".encode()
DISGUISED = {
    "in two strings": (f"token = '{KEY[:9]}' + '{KEY[9:]}'".encode(), ""),
    "in base64": (base64.b64encode(TEXT), "Content-Type: text/plain\r\n"),
    "in base64 of gzip": (base64.b64encode(gzip.compress(TEXT * 3)), ""),
    "in hex": (TEXT.hex().encode(), ""),
    "in a form": (b"a=1&b=" + KEY.replace("_", "%5F").encode(), ""),
    "gzip": (gzip.compress(TEXT), "Content-Encoding: gzip\r\n"),
    "gzip that is not said": (gzip.compress(TEXT), "Content-Type: text/plain\r\n"),
    "gzip twice": (gzip.compress(gzip.compress(TEXT)), "Content-Encoding: gzip, gzip\r\n"),
    "two gzips": (gzip.compress(b"harmless") + gzip.compress(TEXT), "Content-Encoding: gzip\r\n"),
    "deflate": (zlib.compress(TEXT), "Content-Encoding: deflate\r\n"),
    "deflate without its head": (zlib.compress(TEXT)[2:-4], "Content-Encoding: deflate\r\n"),
    "a file in a form": (form(TEXT), FORM),
    "a file in a form, called a picture": (form(TEXT, more="Content-Type: image/png\r\n", name="a.png"), FORM),
    "a file in base64 in a form": (
        form(base64.b64encode(zipped("a.txt", TEXT)), more="Content-Transfer-Encoding: base64\r\n"), FORM
    ),
    "a form that is said to be something else": (form(zipped("a.txt", TEXT)), "Content-Type: image/png\r\n"),
    "a form in gzip": (gzip.compress(form(TEXT)), FORM + "Content-Encoding: gzip\r\n"),
    "an archive in JSON": (json.dumps({"file": base64.b64encode(zipped("k", TEXT)).decode()}).encode(), ""),
    "a data URL in JSON": (
        json.dumps({"a": ["data:application/zip;base64," + base64.b64encode(zipped("k", TEXT)).decode()]}).encode(),
        "Content-Type: application/json\r\n",
    ),
    "wide characters": (KEY.encode("utf-16"), "Content-Type: text/plain; charset=utf-16\r\n"),
    "chunks as AWS signs them": (
        f"{len(TEXT):x};chunk-signature={'0' * 64}\r\n".encode() + TEXT + b"\r\n"
        + f"0;chunk-signature={'0' * 64}\r\n\r\n".encode(),
        "Content-Encoding: aws-chunked\r\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", DISGUISED)
def test_a_key_is_found(gate: Examining, web: Web, how: str) -> None:
    body, more = DISGUISED[how]
    answer = gate.ask(plain(f"{NAME}:{web.port}", body, more=more)).decode()
    assert "holds a secret (GitHub token)" in answer
    assert KEY not in answer
    assert web.seen == []


UNREADABLE = {
    "an unknown encoding": (b"\x1f\x9d\x90", "Content-Encoding: compress\r\n"),
    "gzip that is broken": (gzip.compress(TEXT)[:-12], "Content-Encoding: gzip\r\n"),
    "what says it is gzip": (b"plain text", "Content-Encoding: gzip\r\n"),
    "a form without its mark": (TEXT[:5], 'Content-Type: multipart/form-data; boundary="other"\r\n'),
    "bytes": (bytes(range(256)) * 20, "Content-Type: text/plain\r\n"),
    "a bomb": (gzip.compress(bytes(160 * MIB)), "Content-Encoding: gzip\r\n"),
}


@pytest.mark.parametrize("how", UNREADABLE)
def test_what_cannot_be_read_is_judged_as_that(gate: Examining, web: Web, how: str) -> None:
    body, more = UNREADABLE[how]
    answer = gate.ask(plain(f"{NAME}:{web.port}", body, more=more)).decode()
    assert answer.startswith("HTTP/1.1 403 Blocked by nbkeep")
    assert "The policy for what could not be examined says deny" in answer
    assert web.seen == []


def test_a_body_in_chunks_without_a_length_is_read_whole(gate: Examining, web: Web) -> None:
    head = f"POST http://{NAME}:{web.port}/x HTTP/1.1\r\nHost: {NAME}:{web.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = "".join(f"1\r\n{letter}\r\n" for letter in TEXT.decode())
    assert b"holds a secret" in gate.ask(f"{head}{pieces}0\r\n\r\n".encode())
    assert web.seen == []
    clean = "5\r\nhello\r\n" * 100
    assert b"got 500" in gate.ask(f"{head}{clean}0\r\n\r\n".encode())


def test_a_body_without_an_end_is_cut_at_what_is_read(gate: Examining, web: Web) -> None:
    head = f"POST http://{NAME}:{web.port}/x HTTP/1.1\r\nHost: {NAME}:{web.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with gate.connect() as sock:
        send_slowly(sock, head.encode(), *([b"100000\r\n" + b"x" * MIB + b"\r\n"] * 8))
        assert b"too large to be examined" in read_all(sock)
    assert web.seen == []


def test_a_second_request_in_the_same_connection_is_not_sent(gate: Examining, web: Web) -> None:
    first = plain(f"{NAME}:{web.port}", b"hello")
    second = plain(f"{NAME}:{web.port}", TEXT, path="/second")
    assert b"got 5" in gate.ask(first + second)
    assert [path for _, path, _ in web.seen] == ["/x"]


def test_a_body_after_100_continue_is_read_before_anything_is_sent(gate: Examining, web: Web) -> None:
    head = plain(f"{NAME}:{web.port}", b"", more="Expect: 100-continue\r\n")
    head = head.replace(b"Content-Length: 0", b"Content-Length: %d" % len(TEXT))
    with gate.connect() as sock:
        sock.sendall(head)
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        assert web.seen == []
        sock.sendall(TEXT)
        assert b"holds a secret" in read_all(sock)
    assert web.seen == []


def test_a_slow_body_reaches_nobody_before_its_end(gate: Examining, web: Web) -> None:
    request = plain(f"{NAME}:{web.port}", b"harmless " * 10)
    with gate.connect() as sock:
        sock.sendall(request[:-5])
        time.sleep(0.3)
        assert web.seen == []
        sock.sendall(request[-5:])
        assert b"got 90" in read_all(sock)


def test_http_2_in_clear_is_refused_in_words(gate: Examining, web: Web) -> None:
    with gate.tunnel(NAME, web.port) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        assert read_all(sock).startswith(b"HTTP/1.1 400 Bad Request by nbkeep")
    assert web.seen == []


def test_a_web_socket_is_not_read_and_so_refused(gate: Examining, web: Web) -> None:
    more = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    answer = gate.ask(plain(f"{NAME}:{web.port}", b"", method="GET", more=more)).decode()
    assert answer.startswith(
        "HTTP/1.1 403 Blocked by nbkeep: what was to be sent to web.acme.local becomes websocket"
    )
    assert web.seen == []


HEADS = {
    "accept": {"more": f"Accept: {KEY}\r\n"},
    "a kind in Accept": {"more": f"Accept: text/html, text/{KEY}\r\n"},
    "a tag": {"more": f'If-None-Match: "{KEY}"\r\n'},
    "content type": {"more": f"Content-Type: text/plain; boundary={KEY}\r\n"},
    "range": {"more": f"Range: bytes={KEY}\r\n"},
    "user agent": {"more": f"User-Agent: curl/8.5.0 {KEY}\r\n"},
    "metadata": {"more": f"x-amz-meta-note: {KEY}\r\n"},
    "metadata of another": {"more": f"x-ms-meta-note: {KEY}\r\n"},
    "a header's name": {"more": f"{KEY}: 1\r\n"},
    "a path": {"path": f"/{KEY}"},
    "a path in escapes": {"path": "/" + "".join(f"%{ord(one):02x}" for one in KEY)},
}  # fmt: skip


@pytest.mark.parametrize("where", HEADS)
def test_a_key_in_a_head_is_found(gate: Examining, web: Web, where: str) -> None:
    gate.decide(f"{NAME}:{web.port} 127.0.0.1:{web.port}", secret="deny")
    answer = gate.ask(plain(f"{NAME}:{web.port}", b"", method="GET", **HEADS[where]))
    assert b"holds a secret (GitHub token)" in answer
    assert web.seen == []


def test_an_address_of_mail_in_a_short_path_is_found(gate: Examining, web: Web) -> None:
    gate.decide(f"{NAME}:{web.port} 127.0.0.1:{web.port}", personal="deny")
    request = plain(f"{NAME}:{web.port}", b"", method="GET", path="/jane@acme.com")
    assert b"holds personal data" in gate.ask(request)
    assert web.seen == []


@pytest.mark.parametrize("method", [KEY, "A" * 21, "post", "GE-T"])
def test_a_method_is_a_word_in_capital_letters(gate: Examining, web: Web, method: str) -> None:
    answer = gate.ask(plain(f"{NAME}:{web.port}", b"", method=method))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request by nbkeep")
    assert web.seen == []


def test_what_programs_usually_say_is_nothing_to_be_looked_at() -> None:
    """It costs nothing then: nobody looks."""
    usual = (
        (b"host", b"a.example"), (b"user-agent", b"python-requests/2.31.0"), (b"connection", b"keep-alive"),
        (b"accept", b"text/html,application/xhtml+xml,application/vnd.pypi.simple.v1+json; q=0.2,*/*;q=0.8"),
        (b"accept-encoding", b"gzip, deflate, br"), (b"accept-language", b"en-GB,en;q=0.5"),
        (b"range", b"bytes=0-1023"), (b"if-modified-since", b"Sun, 06 Nov 1994 08:49:37 GMT"),
        (b"authorization", b"Bearer x"), (b"x-amz-date", b"20261122T000000Z"),
    )  # fmt: skip
    sent = Sent(Place("ses-1", "a.example", 443), "GET", b"/api/v1/things.json", usual, lambda: EVERYTHING)
    assert not words_of(sent)


UPGRADE = "Upgrade: {}\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"


@pytest.mark.parametrize("is_tunnelled", [False, True])
def test_a_closed_host_takes_no_web_socket(gate: Examining, web: Web, *, is_tunnelled: bool) -> None:
    """Also where what is not read may go: nothing of what would be sent then is a request."""
    gate.decide(f"{NAME}:{web.port} 127.0.0.1:{web.port}", secret="deny")
    gate.say(web_acme_local="closed")
    request = plain(f"{NAME}:{web.port}", b"", method="GET", more=UPGRADE.format("websocket"))
    if is_tunnelled:
        with gate.tunnel(NAME, web.port) as sock:
            sock.sendall(request)
            answer = read_all(sock)
    else:
        answer = gate.ask(request)
    assert b"403 Blocked by nbkeep: no other protocol is spoken" in answer
    assert gate.records(1)[-1].rule_id.startswith("gate upload: closed")
    assert web.seen == []


def test_a_web_socket_ends_when_its_host_is_closed(gate: Examining) -> None:
    def speak(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        sock.recv(100)

    with serving(Raw(speak)) as server:
        gate.decide(f"{NAME}:{server.port} 127.0.0.1:{server.port}", secret="deny")
        with gate.connect() as sock:
            sock.sendall(plain(f"{NAME}:{server.port}", b"", method="GET", more=UPGRADE.format("websocket")))
            assert sock.recv(1000).startswith(b"HTTP/1.1 101")
            gate.say(web_acme_local="closed")
            assert read_all(sock) == b""


def test_a_request_that_asks_for_another_protocol_is_read_all_the_same(gate: Examining, web: Web) -> None:
    gate.decide(f"{NAME}:{web.port} 127.0.0.1:{web.port}", secret="deny")
    place = f"{NAME}:{web.port}"
    for request in (
        plain(place, TEXT, more=UPGRADE.format("h2c")),
        plain(place, b"", method="GET", more=UPGRADE.format("websocket"), path=f"/x?note={KEY}"),
        plain(place, b"", method="GET", more=UPGRADE.format(KEY)),
    ):
        assert b"holds a secret (GitHub token)" in gate.ask(request)
    assert web.seen == []
    assert b"got 5" in gate.ask(plain(place, b"hello", more=UPGRADE.format("h2c")))


@pytest.mark.parametrize("is_read", [False, True])
def test_a_body_that_goes_on_ends_when_it_may_not_any_more(gate: Examining, *, is_read: bool) -> None:
    """What is larger than is read may pass as such, or nothing is read: until something else is decided."""
    got = bytearray()

    def hear(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while more := sock.recv(MIB):
                got.extend(more)

    with serving(Raw(hear)) as server:
        place = f"{NAME}:{server.port}"
        gate.decide(f"{place} 127.0.0.1:{server.port}", **({"secret": "deny"} if is_read else {}))
        gate.bodies.most = 1000
        head = f"POST http://{place}/x HTTP/1.1\r\nHost: {place}\r\nContent-Length: 4000\r\n\r\n"
        with gate.connect() as sock:
            sock.sendall(head.encode() + b"x" * 2000)
            while got.count(b"x") < 2000:
                time.sleep(0.01)
            gate.decide(f"{place} 127.0.0.1:{server.port}", secret="deny", unread="deny")
            assert sock.recv(100) == b""


def test_without_an_examiner_nothing_is_sent_that_would_be_examined(
    gate: Examining, web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is no document that cannot be read, which may go where that is allowed."""
    monkeypatch.setattr(jail, "find", lambda: None)
    gate.uploads.scanner = JailedScanner()
    gate.decide(f"{NAME}:{web.port} 127.0.0.1:{web.port}", secret="deny")
    answer = gate.ask(plain(f"{NAME}:{web.port}", b"hello"))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"cannot be examined now: nothing of it was sent" in answer
    assert web.seen == []


def test_many_empty_pieces_are_not_unpacked_for_ever() -> None:
    data = gzip.compress(b"") * 200_000
    body = Unpacked(data, "body", (("content-encoding", "gzip"),))
    assert len(list(body.documents())) == 1
    assert body.unread == ["is encoded in a way that is not read"]


def test_a_body_takes_no_place_while_its_answer_comes(gate: Examining) -> None:
    def hear(sock: socket.socket) -> None:
        got = b""
        while not got.endswith(b"hello"):
            got += sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        sock.recv(10)

    with serving(Raw(hear)) as server:
        place = f"{NAME}:{server.port}"
        gate.decide(f"{place} 127.0.0.1:{server.port}", secret="deny")
        with gate.connect() as sock:
            sock.sendall(plain(place, b"hello"))
            assert sock.recv(1000).startswith(b"HTTP/1.1 200")
            assert gate.bodies.used == {}


def test_a_web_socket_passes_where_what_is_not_read_may_go(gate: Examining) -> None:
    def speak(sock: socket.socket) -> None:
        head = sock.recv(65536)
        assert b"Upgrade: websocket" in head
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst"
        )
        sock.sendall(b"back " + sock.recv(100))

    with serving(Raw(speak)) as server:
        gate.decide(f"{NAME}:{server.port} 127.0.0.1:{server.port}", secret="deny")
        more = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        with gate.connect() as sock:
            sock.sendall(plain(f"{NAME}:{server.port}", b"", method="GET", more=more))
            head = b""
            while b"first" not in head:
                head += sock.recv(1000)
            assert head.startswith(b"HTTP/1.1 101")
            sock.sendall(b"frame")
            assert read_all(sock) == b"back frame"


def test_what_is_neither_tls_nor_http_is_refused_and_a_server_may_speak_first(gate: Examining) -> None:
    got: queue.Queue[bytes] = queue.Queue()

    def speak(sock: socket.socket) -> None:
        sock.sendall(b"SSH-2.0-server\r\n")
        with contextlib.suppress(ConnectionError):
            while piece := sock.recv(1000):
                got.put(piece)
        got.put(b"")

    with serving(Raw(speak)) as server:
        hosts = f"{NAME}:{server.port} 127.0.0.1:{server.port}"
        gate.decide(hosts, secret="deny", unread="deny")
        with gate.tunnel(NAME, server.port) as sock:
            assert sock.recv(100) == b"SSH-2.0-server\r\n"
            sock.sendall(b"\x00\x00\x01SSH-2.0-client\r\n")
            assert read_all(sock) == b""
        assert gate.records(1)[-1].rule_id == "gate upload: deny unread"
        assert got.get(timeout=10) == b""
        gate.decide(hosts, secret="deny")
        with gate.tunnel(NAME, server.port) as sock:
            sock.sendall(b"\x00\x00\x01hello")
            assert got.get(timeout=10) == b"\x00\x00\x01hello"


def test_a_key_in_the_rest_of_what_is_too_large_is_not_said_to_be_clean(gate: Examining, web: Web) -> None:
    gate.decide(f"{NAME}:{web.port} 127.0.0.1:{web.port}", secret="deny")
    assert b"got" in gate.ask(plain(f"{NAME}:{web.port}", b"x" * (5 * MIB) + TEXT))
    assert "is too large to be examined" in gate.records(1)[-1].reason
