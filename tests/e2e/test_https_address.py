"""Behind a proxy with a certificate: https addresses everywhere, no cookie that travels in clear."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx

from platform_parts import PASSWORD, Person, wait_for

if TYPE_CHECKING:
    from platform_parts import Platform

URL = "https://nb.example.com"


class TlsInFront(httpx.HTTPTransport):
    """What such a proxy does: it takes https for every name and says so to the proxy of nbkeep."""

    def __init__(self, port: int) -> None:
        super().__init__(limits=httpx.Limits(max_keepalive_connections=0))
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.scheme == "https", request.url
        there = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        headers = [*request.headers.raw, (b"X-Forwarded-Proto", b"https"), (b"X-Forwarded-For", b"203.0.113.7"),
                   (b"X-Forwarded-Host", request.url.host.encode())]  # fmt: skip
        return super().handle_request(
            httpx.Request(request.method, there, headers=headers, stream=request.stream,
                          extensions=request.extensions)
        )  # fmt: skip


def test_a_person_signs_in_starts_and_opens_a_session(own_platform: Platform) -> None:
    done = own_platform.run("up", "--url", URL, "--port", str(own_platform.port))
    assert done.returncode == 0, done.stderr
    assert f"{URL}/portal/join/" in done.stdout
    facts = json.loads(own_platform.run("doctor", "--json").stdout)
    assert next(fact for fact in facts if fact["id"] == "transport")["status"] == "holds"

    made = own_platform.office.post("/users", json={"email": "jane@example.org", "name": "jane"}).json()
    person = Person(own_platform, "jane")
    person.web = httpx.Client(transport=TlsInFront(own_platform.port), timeout=60)
    own_platform.keep("jane", person.web)
    form = {"username": "jane", "password": PASSWORD, "again": PASSWORD}
    assert made["link"].startswith(f"{URL}/portal/join/")
    assert person.web.post(made["link"], data=form, headers={"Origin": URL}).status_code == 303
    page = person.web.get(f"{URL}/portal/", follow_redirects=True)
    xsrf = next(cookie.value for cookie in person.web.cookies.jar if "_xsrf" in cookie.name)
    signed = person.web.post(page.url, data={"username": "jane", "password": PASSWORD, "_xsrf": xsrf or ""},
                             headers={"Origin": URL}, follow_redirects=True)  # fmt: skip
    assert signed.status_code == 200, signed.text
    assert str(signed.url).startswith(f"{URL}/portal/")

    office = own_platform.office
    session = office.post(
        "/sessions", json={"profile": "notebook-cpu-small", "name": "w", "user": "jane"}
    ).json()
    path = f"/sessions/{session['session_id']}"
    wait_for(lambda: office.get(path).json()["state"] == "ready", 60, "the session to be ready")
    assert office.get(path).json()["url"] == "https://jane.nb.example.com/user/jane/w/lab"
    lab = person.web.get("https://jane.nb.example.com/user/jane/w/lab", follow_redirects=True)
    assert lab.status_code == 200, lab.text
    assert str(lab.url).startswith("https://jane.nb.example.com/user/jane/w/lab")
    assert [(one.name, one.domain) for one in person.web.cookies.jar if not one.secure] == []
    assert any(cookie.name.startswith("__Host-jupyterhub") for cookie in person.web.cookies.jar)
