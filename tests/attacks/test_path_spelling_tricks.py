"""Attack: write a path so that the rules read another one than the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keyed_parts import HOST
from restricted_parts import judging

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from restricted_parts import Judged

pytestmark = pytest.mark.attack

TRICKS = [
    "/acme/../admin", "/acme/./../admin", "/acme/%2e%2e/admin", "/acme/.%2E/admin", "/acme/%252e%252e/admin",
    "//admin", "/acme//../admin", "/./admin", "/%2e/admin", "/acme/..;/admin", "/acme;/../admin", "/admin;x=1",
    "/;/admin", "/acme/..%2fadmin", "/acme%2f..%2fadmin", "/acme/..%5cadmin", "/acme/..\\admin", "/\\admin",
    "/admin%00", "/admin%00.csv", "/admin%20", "/admin.", "/admin%09", "/%u0061dmin", "/%61dmin%", "/admin%23x",
    "/admin%3fx", "/acme/%c0%ae%c0%ae/admin", "/acme/%ef%bc%8e%ef%bc%8e/admin", "/acme/..%c0%afadmin",
    "/acme/..%ef%bc%8fadmin", "/acme/%E2%80%A5/admin",
    "/acme/..%E2%88%95admin", "/acme/..%E2%81%84admin", "/acme%E2%88%96admin", "/%20admin", "/admin%C2%A0",
    "/admin%E2%80%83", "/%E3%80%80admin", "/admin%C2%85", "/admin%E2%80%A8x",
]  # fmt: skip
# The same path, for servers and for the rules.
SAME = [
    "/admin",
    "/%61dmin",
    "/%61%64%6D%69%6E",
    "/Admin",
    "/ADMIN",
    "/admin?x=/acme/",
    "/admin?",
    "/admin%CC%81",
    "/ad%C2%ADmin",
    "/%EF%BD%81dmin",
]


@pytest.fixture
def judged(tmp_path: Path) -> Generator[Judged]:
    with judging(tmp_path) as found:
        yield found


def test_no_spelling_opens_what_is_not_allowed(judged: Judged) -> None:
    judged.reach(f"{HOST}/acme/*")
    assert judged.ask("GET", "/acme/x")[0] == 200
    for path in (*TRICKS, *SAME):
        status, said = judged.ask("GET", path)
        assert status in {400, 403}, (path, said)
    assert judged.arrived == ["GET /acme/x"]


def test_no_spelling_reaches_what_is_denied(judged: Judged) -> None:
    judged.reach(HOST, f"{HOST}/admin*")
    assert judged.ask("GET", "/acme/x")[0] == 200
    for path in (*TRICKS, *SAME):
        status, said = judged.ask("GET", path)
        assert status in {400, 403}, (path, said)
        assert status == 400 or "admin*" in said, "the rule is named"
    assert judged.arrived == ["GET /acme/x"]


def test_in_clear_neither(judged: Judged) -> None:
    judged.reach(HOST, f"{HOST}/admin*")
    for path in (*TRICKS, *SAME, "?x", "?/../admin"):
        answer = judged.clear("GET", path)
        if path.startswith("?"):
            assert b" 200 " in answer[:20], "no path is the root"
        else:
            assert answer[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 403"}, (path, answer)
    assert [one for one in judged.arrived if "admin" in one.partition("?")[0]] == []


@pytest.mark.parametrize(
    "target",
    [
        "*",
        "admin",
        "http://{host}/admin",
        "https://{host}/admin",
        "//{host}/admin",
        "/acme/x#/../admin",
        "/adm\xefn",
    ],
)
def test_targets_of_other_forms_are_no_path(judged: Judged, target: str) -> None:
    judged.reach(f"{HOST}/acme/*")
    line = f"GET {target.format(host=HOST)} HTTP/1.1\r\nHost: {HOST}:{judged.echo.port}\r\n\r\n"
    assert judged.say(line.encode("latin-1"))[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 403"}
    assert judged.arrived == []


def test_headers_that_name_another_path_are_refused(judged: Judged) -> None:
    judged.reach(f"{HOST}/acme/*")
    copies = ("Destination", "X-Amz-Copy-Source", "x-amz-rename-source", "X-Copy-From")
    copies += ("x-goog-copy-source", "X-Ms-Copy-Source", "X-Ms-Rename-Source", "x_oss_copy_source")
    urls = ("X-Original-URL", "X-Rewrite-URL", "x_original_url", "X-Original-URI", "X-Forwarded-Uri")
    for name in (*urls, "X-WAWS-Unencoded-URL", *copies):
        status, said = judged.ask("GET", "/acme/x", {name: "/admin"})
        assert (status, "may reach another path by its header" in said) == (403, True), name
    assert judged.arrived == []
