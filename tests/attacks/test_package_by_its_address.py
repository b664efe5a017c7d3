"""Attack: fetch a file that the policy refuses by its address, or in any way but the one of clients."""

from __future__ import annotations

import http.client
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from egress_parts import OTHER, SESSION
from packages_parts import EVIL, FILES, INDEX, Index, Shop, selling

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack


@pytest.fixture
def sold(tmp_path: Path) -> Generator[tuple[Shop, Index]]:
    with selling(tmp_path) as (shop, index):
        for version in ("1.0", "2.0"):
            index.publish("nbone", version)
        index.publish("evil", "1.0")
        shop.rule(index.port, pins="nbone<2", deny="evil")
        yield shop, index


def test_a_refused_file_stays_refused_whether_its_page_was_read_or_not(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    for _ in range(2):
        for file in ("nbone-2.0", "evil-1.0"):
            status, _, body = shop.get(index, f"/files/{file}-py3-none-any.whl", FILES)
            assert status == 403, body
            assert b"package policy of profile pii" in body
            assert index.asked(file) == []
        assert set(shop.listed(index, "/simple/nbone/")) == {
            "nbone-1.0-py3-none-any.whl",
            "nbone-2.0-py3-none-any.whl",
        }
    status, headers, body = shop.get(index, "/files/nbone-1.0-py3-none-any.whl", FILES)
    assert (status, body) == (200, index.answers["/files/nbone-1.0-py3-none-any.whl"][2])
    assert headers["Cache-Control"] == "no-store"
    assert "ETag" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/files/nbone-2.0-py3-none-any.whl?x=nbone-1.0-py3-none-any.whl",
        "/files/./nbone-2.0-py3-none-any.whl",
        "/files//nbone-2.0-py3-none-any.whl",
        "/files/x/../nbone-2.0-py3-none-any.whl",
        "/files/nbone-2%2E0-py3-none-any.whl",
        "/files/nbone-2.0-py3-none-any.whl.metadata",
        "/files/nbone-1.0-py3-none-any.whl/../nbone-2.0-py3-none-any.whl",
        "/files/nbone-2.0-py3-none-any.whl/nbone-1.0-py3-none-any.whl",
        "/files/nbone-1.0-py3-none-any.whl/../../files/evil-1.0-py3-none-any.whl/nbone-1.0-py3-none-any.whl",
        "/files/nbone-2.0.tar.gz",
        "/files/secret.txt",
        "/pypi/evil/json",
        "/simple/",
        "/simple/nbone/../evil/",
        "/",
    ],
)
def test_no_other_way_to_write_the_address_helps(sold: tuple[Shop, Index], path: str) -> None:
    shop, index = sold
    index.answers |= {path.partition("?")[0]: (200, {"Content-Type": "application/zip"}, b"PK evil")}
    for host in (FILES, INDEX):
        status, _, body = shop.get(index, path, host)
        assert status == 403, body
        assert b"PK evil" not in body
    assert [one for one in index.asked("") if one != "/simple/nbone/"] == []


def test_many_questions_for_files_that_are_not_there_are_one_for_the_index(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    with ThreadPoolExecutor(8) as pool:
        paths = [f"/files/nbone-0.{number}.tar.gz" for number in range(24)]
        found = [pool.submit(shop.get, index, path, FILES) for path in paths]
    assert {one.result()[0] for one in found} == {403}
    assert len(index.asked("/simple/nbone/")) <= 4, "the pages at once"


def test_nothing_is_sent_to_an_index(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    for method, body in (("POST", b"x"), ("PUT", b"x"), ("DELETE", None), ("GET", b"data that leaves")):
        status, _, said = shop.ask_tls(index.port, "/simple/nbone/", host=INDEX, method=method, body=body)
        assert (status, b"nothing sent to it" in said) == (403, True)
    assert index.seen == []
    shop.get(index, "/simple/nbone/", X_Original_URL="/simple/evil/", Cookie="data", Range="bytes=0-1")
    passed = {name.lower() for name in index.seen[-1][2]}
    assert passed <= {"host", "accept", "accept-encoding", "connection", "user-agent", "authorization"}


def test_no_part_of_a_file_and_no_older_answer(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    file = "/files/nbone-1.0-py3-none-any.whl"
    status, _, body = shop.get(index, file, FILES, Range="bytes=0-9", If_None_Match='"1"')
    assert (status, len(body)) == (200, len(index.answers[file][2]))
    assert not {"Range", "If-None-Match"} & set(index.seen[-1][2])
    for answered in (206, 304, 302):
        index.answers[file] = (answered, {"Location": f"https://{EVIL}/x.whl"}, b"")
        assert shop.get(index, file, FILES)[0] == 502


def test_the_address_of_the_index_in_place_of_its_name(sold: tuple[Shop, Index]) -> None:
    """TLS to an address that a rule allows, which asks for the index in its server name."""
    shop, index = sold
    with pytest.raises(ssl.SSLError, match=r"(?i)name"):
        sock = shop.tunnel("127.0.0.1", index.port)
        with shop.trust().wrap_socket(sock, server_hostname=INDEX) as tls:
            tls.sendall(f"GET /simple/evil/ HTTP/1.1\r\nHost: {INDEX}:{index.port}\r\n\r\n".encode())
            tls.recv(100)
    assert index.seen == []


def test_plain_http_to_the_index_is_judged_too(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    with shop.connect() as sock:
        connection = http.client.HTTPConnection(INDEX, index.port)
        connection.sock = sock
        connection.request("GET", f"http://{INDEX}:{index.port}/files/evil-1.0-py3-none-any.whl")
        assert connection.getresponse().status == 403


def test_each_session_has_its_own_policy(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    shop.rule(index.port, OTHER)
    file = "/files/evil-1.0-py3-none-any.whl"
    assert shop.get(index, file, FILES, session_id=OTHER)[0] == 200
    assert shop.get(index, file, FILES, session_id=SESSION)[0] == 403


def test_a_tunnel_that_was_opened_before_there_was_a_policy_is_cut(tmp_path: Path) -> None:
    with selling(tmp_path) as (shop, index):
        index.publish("evil", "1.0")
        shop.reach(f"{INDEX}:{index.port} 127.0.0.1:{index.port}")
        context = ssl.create_default_context(cafile=str(shop.roots))
        with context.wrap_socket(shop.tunnel(INDEX, index.port), server_hostname=INDEX) as sock:
            shop.rule(index.port, deny="*")
            asked = f"GET /files/evil-1.0-py3-none-any.whl HTTP/1.1\r\nHost: {INDEX}:{index.port}\r\n\r\n"
            with pytest.raises(OSError):  # noqa: PT011  it is cut, by whatever name
                sock.sendall(asked.encode())
                assert sock.recv(100) == b""
                raise OSError
        assert "looked into now" in shop.records(1)[0].reason
        assert index.asked("evil-1.0") == []


def test_the_gateway_asks_nothing_that_the_session_may_not(sold: tuple[Shop, Index]) -> None:
    """A file is decided by its project's page, which the gateway would fetch by itself."""
    shop, index = sold
    shop.rule(index.port, refused=f"{INDEX}/simple/nbone*")
    status, _, body = shop.get(index, "/files/nbone-1.0-py3-none-any.whl", FILES)
    assert (status, b"/simple/nbone*" in body) == (403, True), body
    assert index.seen == []
    assert [one.allowed for one in shop.records(2) if one.host == INDEX] == [False]
    assert shop.get(index, "/files/evil-1.0-py3-none-any.whl", FILES)[0] == 200
