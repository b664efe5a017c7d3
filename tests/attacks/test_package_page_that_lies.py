"""Attack: an index, or who uploads to it, says one thing of a file and sends another."""

from __future__ import annotations

import gzip
import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from packages_parts import EVIL, FILES, JSON, Index, Shop, selling, wheel

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
ONE = "nbone-1.0-py3-none-any.whl"


@pytest.fixture
def sold(tmp_path: Path) -> Generator[tuple[Shop, Index]]:
    with selling(tmp_path) as (shop, index):
        index.publish("nbone", "1.0")
        shop.rule(index.port, pins="nbone<2", deny="evil")
        yield shop, index


def test_a_file_that_is_another_one_is_cut_off_and_on_record(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    status, headers, _ = index.answers[f"/files/{ONE}"]
    for data in (wheel("nbone", "6.6"), wheel("nbone", "1.0") + b"x" * 700_000):
        index.answers[f"/files/{ONE}"] = (status, headers, data)
        with pytest.raises((http.client.IncompleteRead, ssl.SSLError, ConnectionError)):
            shop.get(index, f"/files/{ONE}", FILES)
    assert {one["outcome"] for one in shop.packages_seen()} == {"altered"}
    assert "SHA-256 differs" in shop.packages_seen()[0]["reason"]


@pytest.mark.parametrize(
    "lie",
    [
        {"filename": ONE, "url": "/files/nbone-2.0-py3-none-any.whl"},
        {"filename": ONE, "url": "/files/evil-1.0-py3-none-any.whl"},
        {"filename": "evil-1.0-py3-none-any.whl", "url": "/files/evil-1.0-py3-none-any.whl"},
        {"filename": ONE, "url": f"https://jane@{FILES}/{ONE}"},
        {"filename": ONE, "url": f"ftp://{FILES}/{ONE}"},
        {"filename": ONE, "url": f"/x y/{ONE}"},
        {"filename": ONE, "url": f"/x\r\n/{ONE}"},
        {"filename": "nbone-1.0.exe", "url": "/files/nbone-1.0.exe"},
        {"filename": ["x"], "url": 7},
    ],
    ids=str,
)
def test_what_lies_about_its_name_is_left_out(sold: tuple[Shop, Index], lie: dict[str, Any]) -> None:
    shop, index = sold
    page: dict[str, Any] = {"meta": {"api-version": "1.0"}, "name": "nbone", "files": [{"hashes": {}, **lie}]}
    index.show("nbone", json.dumps(page).encode())
    assert shop.listed(index, "/simple/nbone/") == {}
    if isinstance(lie["url"], str) and lie["url"].startswith("/files/"):
        index.answers[lie["url"]] = (200, {}, b"PK evil")
        assert shop.get(index, lie["url"], FILES)[0] == 403


def test_a_file_elsewhere_is_shown_as_refused(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    page: dict[str, Any] = {
        "meta": {"api-version": "1.0"},
        "files": [{"filename": ONE, "url": f"https://{EVIL}/{ONE}", "hashes": {}}],
    }
    index.show("nbone", json.dumps(page).encode())
    assert (
        f"its file lies on {EVIL}:443, which is no host of this index"
        in shop.listed(index, "/simple/nbone/")[ONE]
    )


@pytest.mark.parametrize(
    ("data", "kind", "headers", "why"),
    [
        (b"{}", JSON, {}, "no page of a project"),
        (b'{"meta": {"api-version": "2.0"}, "files": []}', JSON, {}, "another version"),
        (b'{"files": [' + b"[" * 100_000, JSON, {}, "broken"),
        (b"\xff\xfe", JSON, {}, "broken"),
        (b"\xff\xfe", "text/html", {}, "broken"),
        (b"<a href=x>", "application/pdf", {}, "answered with application/pdf"),
        (b"{}", "", {}, "no content type"),
        (gzip.compress(b"x" * (64 << 20)), JSON, {"Content-Encoding": "gzip"}, "compressed"),
        (b" " * (65 << 20), JSON, {}, "too large"),
    ],
    ids=["empty", "version", "deep", "bytes", "html bytes", "pdf", "untyped", "bomb", "large"],
)
def test_what_is_not_understood_becomes_a_page_that_says_so(
    sold: tuple[Shop, Index], data: bytes, kind: str, headers: dict[str, str], why: str
) -> None:
    shop, index = sold
    index.show("nbone", data, kind, **headers)
    (said,) = shop.listed(index, "/simple/nbone/").values()
    assert why in said
    index.answers[f"/files/{ONE}"] = (200, {}, wheel("nbone", "1.0"))
    assert shop.get(index, f"/files/{ONE}", FILES)[0] in {403, 502}, "nor is a file fetched on its word"


def test_a_packed_file_is_refused(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    status, headers, data = index.answers[f"/files/{ONE}"]
    index.answers[f"/files/{ONE}"] = (status, {**headers, "Content-Encoding": "gzip"}, gzip.compress(data))
    assert shop.get(index, f"/files/{ONE}", FILES)[0] == 502


def test_script_in_names_stays_text(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    index.pages["nbone"][0] |= {"yanked": '"><script>x</script>', "requires-python": '>=3"><a href="/evil">'}
    index.show("nbone", json.dumps({"meta": {"api-version": "1.0"}, "files": index.pages["nbone"]}).encode())
    _, _, body = shop.get(index, "/simple/nbone/", Accept="text/html")
    assert b"<script>" not in body
    assert body.count(b"<a ") == 1
