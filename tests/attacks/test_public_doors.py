"""Odd paths and headers at the public port, to reach what is only for the platform's own processes."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from platform_parts import Platform

pytestmark = [pytest.mark.attack, pytest.mark.e2e]

CHECK = "internal/v1/hub/users/admin/check"
PATHS = [
    f"/{CHECK}", f"//{CHECK}", f"/api/../{CHECK}", f"/api/%2e%2e/{CHECK}", f"/api/..%2f{CHECK}", f"/api/..;/{CHECK}",
    f"/portal/../{CHECK}", f"/portal//../{CHECK}", f"/portal/%2e%2e%2f{CHECK}", f"/api/v1/../../{CHECK}",
    f"/API/../{CHECK}", f"/portal%2f..%2f{CHECK}", f"/api\\..\\{CHECK}", f"/hub/../{CHECK}", f"/portal/static/../../{CHECK}",
    "/api/routes", "/v1/sessions", "/v1/host", f"/metrics/../{CHECK}", f"/metrics/%2e%2e/{CHECK}",
]  # fmt: skip
HEADERS: list[dict[str, str]] = [
    {},
    {"X-Forwarded-For": "", "X-Forwarded-Host": "", "X-Forwarded-Proto": "", "X-Forwarded-Port": ""},
    {"Connection": "close, x-forwarded-for, x-forwarded-host, x-forwarded-proto, x-forwarded-port"},
    {"X-Forwarded-Prefix": "/internal", "X-Original-URL": f"/{CHECK}", "X-Rewrite-URL": f"/{CHECK}"},
    {"Transfer-Encoding": "chunked", "X-Http-Method-Override": "GET"},
]
OUTSIDE = {400, 401, 403, 404, 405, 302}


def ask(platform: Platform, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Send a request exactly as it is written: clients tidy paths up."""
    wire = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=20)
    try:
        wire.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        wire.putheader("Host", f"localhost:{platform.port}")
        for name, value in headers.items():
            wire.putheader(name, value)
        wire.endheaders()
        if "Transfer-Encoding" in headers:
            wire.send(b"0\r\n\r\n")
        answer = wire.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        wire.close()


def secret(platform: Platform, name: str) -> str:
    return (platform.data_dir / "secrets" / name).read_text().strip()


@pytest.mark.parametrize("path", PATHS)
def test_inner_doors_are_not_there_even_with_the_right_token(platform: Platform, path: str) -> None:
    for name in ("hub-token", "warden-token", "proxy-token", "operator-token", "gateway-token"):
        for method in ("GET", "POST"):
            given = {"Authorization": f"Bearer {secret(platform, name)}"}
            status, text = ask(platform, method, path, given)
            assert status in OUTSIDE, (name, method, status, text)
            assert '"active"' not in text
            assert '"alive"' not in text


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: ", ".join(headers) or "none")
def test_the_operator_s_token_works_on_the_socket_only(platform: Platform, headers: dict[str, str]) -> None:
    given = {"Authorization": f"Bearer {secret(platform, 'operator-token')}"} | headers
    for path in ("/api/v1/users", "/api/v1/me", "/api/v1/config"):
        status, text = ask(platform, "GET", path, given)
        assert status in {400, 401}, (path, status, text[:200])
    assert platform.office.get("/users").status_code == 200


@pytest.mark.parametrize("name", ["office-hub-token", "hub-token", "operator-token"])
def test_tokens_of_the_platform_are_no_tokens_of_the_rest_api(platform: Platform, name: str) -> None:
    status, _ = ask(platform, "GET", "/api/v1/me", {"Authorization": f"Bearer {secret(platform, name)}"})
    assert status == 401


@pytest.mark.parametrize("host", ["localhost:1.evil.example", "a b", "[", "localhost:99999999", "x" * 2000])
def test_a_malformed_host_learns_nothing_of_this_machine(platform: Platform, host: str) -> None:
    wire = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=20)
    try:
        for path in ("/portal/", "/portal/sessions/x?a=b", "/portal/sign-in", "/api/v1/me", "/hub/login"):
            wire.request("GET", path, headers={"Host": host})
            answer = wire.getresponse()
            said = str(answer.getheaders()) + answer.read().decode(errors="replace")
            assert str(platform.data_dir) not in said, path
            assert "Traceback" not in said, path
            assert answer.status < 500, path
    finally:
        wire.close()


NEXT = ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "http:evil.example",
        "///evil.example", "/%09/evil.example", "http://localhost@evil.example/", "javascript:alert(1)",
        "http://evil.localhost/x"]  # fmt: skip


@pytest.mark.parametrize("target", NEXT)
def test_signing_in_leads_to_no_other_site(platform: Platform, target: str) -> None:
    person = platform.person()
    person.sign_in()
    for path in ("/hub/login", "/portal/sign-in"):
        answer = person.web.get(f"{platform.url}{path}", params={"next": target})
        for _ in range(6):
            where = answer.headers.get("location", "")
            if not where:
                break
            there = answer.url.join(where)
            assert there.host in {"localhost", "127.0.0.1"}, (path, where)
            answer = person.web.get(there)
