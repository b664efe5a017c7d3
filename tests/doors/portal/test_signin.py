"""Sign-in by the hub's OAuth: whole flow against a small hub on a socket, and everything that must not work."""

from __future__ import annotations

import hashlib
import json
import socket
import socketserver
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx import Client, Response

from nbkeep.doors.portal.browser import cookie_name
from nbkeep.model.actor import OPERATOR
from nbkeep.people.users import change_user
from nbkeep.store.tables import UserRow
from portal_parts import PUBLIC, Portal, make_portal


class SmallHub(socketserver.ThreadingUnixStreamServer):
    """The two calls of a hub's OAuth that the office makes: code against token, token against name."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        super().__init__(path, _Answer)
        self.codes: dict[str, dict[str, str]] = {}  # code → {name, challenge}
        self.hosts: list[str] = []

    def allow(self, authorize_url: str, name: str) -> str:
        """Do what the hub does when a person signs in: return the address that it redirects to."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(authorize_url).query).items()}
        assert asked["client_id"] == "service-nbkeep-office"
        assert asked["code_challenge_method"] == "S256"
        code = f"code{len(self.codes)}"
        self.codes[code] = {"name": name, "challenge": asked["code_challenge"]}
        return f"{urlsplit(asked['redirect_uri']).path}?code={code}&state={asked['state']}"


class _Answer(BaseHTTPRequestHandler):
    server: SmallHub  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        self.server.hosts.append(self.headers["Host"])
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        grant = self.server.codes.pop(form["code"], None)
        proof = (
            urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        )
        right_secret = form["client_secret"] == "office-hub-token of this test, long enough"
        if grant is None or proof != grant["challenge"] or not right_secret:
            self._send(400, {"error": "invalid_grant"})
        else:
            self._send(200, {"access_token": f"token-of-{grant['name']}"})

    def do_GET(self) -> None:
        self._send(200, {"name": self.headers["Authorization"].removeprefix("Bearer token-of-")})

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, status: int, value: dict[str, str]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def hub(portal: Portal) -> Iterator[SmallHub]:
    path = portal.office.settings.hub_socket
    path.parent.mkdir(parents=True)
    with SmallHub(str(path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def begin(client: Client, next_: str = "/portal/") -> str:
    answer = client.get("/portal/sign-in", params={"next": next_}, follow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["location"]


def sign_in(client: Client, hub: SmallHub, name: str = "jane", next_: str = "/portal/") -> Response:
    return client.get(hub.allow(begin(client, next_), name), follow_redirects=False)


def test_a_page_leads_through_the_hub_and_back_to_itself(portal: Portal, hub: SmallHub) -> None:
    portal.office.user("jane")
    client = portal.stranger()
    first = client.get("/portal/files", follow_redirects=False)
    assert first.headers["location"] == "/portal/sign-in?next=/portal/files"
    answer = sign_in(client, hub, next_="/portal/files")
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal/files")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/portal/files").status_code == 200
    assert hub.hosts == ["localhost:8000"]


def test_over_https_the_cookie_is_secure_and_no_other_host_can_plant_it(short_dir: Any) -> None:
    portal = make_portal(short_dir, "https://nb.acme.com")
    answer = portal.stranger().get("https://nb.acme.com/portal/sign-in", follow_redirects=False)
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"]
    assert cookie_name("https://nb.acme.com") == "__Host-nbkeep"
    portal.office.close()


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/portal/../hub",
        "/hub/logout",
        "/portal/\\evil",
        "javascript:x",
        "/portal/\r\nX: y",
    ],
)
def test_the_way_back_stays_inside_the_portal(portal: Portal, hub: SmallHub, target: str) -> None:
    portal.office.user("jane")
    where = sign_in(portal.stranger(), hub, next_=target).headers["location"]
    assert where == "/portal/"


def test_a_code_brought_by_another_browser_signs_nobody_in(portal: Portal, hub: SmallHub) -> None:
    """Login CSRF: an attacker's finished flow is of no use in the victim's browser."""
    portal.office.user("mallory")
    victim = portal.stranger()
    answer = victim.get(hub.allow(begin(portal.stranger()), "mallory"), follow_redirects=False)
    assert answer.status_code == 400
    assert "sign-in-expired" in answer.text
    assert "nbkeep" not in victim.cookies


def test_a_flow_ends_after_ten_minutes(portal: Portal, hub: SmallHub) -> None:
    portal.office.user("jane")
    client = portal.stranger()
    back = hub.allow(begin(client), "jane")
    portal.office.clock.advance(601)
    assert client.get(back).status_code == 400


def test_a_browser_that_begins_again_and_again_keeps_a_few_sign_ins_and_the_newest_work(
    portal: Portal, hub: SmallHub
) -> None:
    """Else the cookies of a tab that reloads fill the request header, and no page is sent any more."""
    portal.office.user("jane")
    client = portal.stranger()
    begun = [begin(client) for _ in range(200)]
    assert len(client.cookies) <= 5
    for authorize_url, status in ((begun[0], 400), (begun[-2], 303), (begun[-1], 303)):
        answer = client.get(hub.allow(authorize_url, "jane"), follow_redirects=False)
        assert answer.status_code == status


@pytest.mark.parametrize("name", ["nbkeep-signin-\xe4", "nbkeep-signin-a b", "nbkeep-signin-,;"])
def test_a_malformed_cookie_keeps_nobody_from_signing_in(portal: Portal, name: str) -> None:
    cookies = "; ".join(f"{name}{number}=x" for number in range(20)).encode("latin-1")
    headers = {b"Cookie": cookies}
    answer = portal.stranger().get("/portal/sign-in", headers=headers, follow_redirects=False)
    assert answer.status_code == 303


def test_a_code_works_once(portal: Portal, hub: SmallHub) -> None:
    portal.office.user("jane")
    client = portal.stranger()
    back = hub.allow(begin(client), "jane")
    hub.codes["code0"]["challenge"] = "of another flow"
    answer = client.get(back, follow_redirects=False)
    assert (answer.status_code, "sign-in-refused" in answer.text) == (403, True)


@pytest.mark.parametrize("status", ["disabled", "invited"])
def test_somebody_who_is_not_active_is_told_so(portal: Portal, hub: SmallHub, status: str) -> None:
    portal.office.user("jane", status=status)
    answer = sign_in(portal.stranger(), hub)
    assert (answer.status_code, "not active" in answer.text) == (403, True)


def test_a_hub_that_breaks_off_is_said_and_nobody_is_signed_in(portal: Portal) -> None:
    portal.office.user("jane")
    client = portal.stranger()
    state = parse_qs(urlsplit(begin(client)).query)["state"][0]
    path = portal.office.settings.hub_socket
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def break_off() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=break_off)
        thread.start()
        answer = client.get(f"/portal/oauth_callback?code=x&state={state}")
        thread.join()
    assert (answer.status_code, "hub-away" in answer.text) == (503, True)


def test_a_sign_in_ends_after_twelve_hours(portal: Portal) -> None:
    jane = portal.person()
    portal.office.clock.advance(12 * 3600 - 1)
    assert jane.client.get("/portal/account", follow_redirects=False).status_code == 200
    portal.office.clock.advance(1)
    assert jane.client.get("/portal/account", follow_redirects=False).status_code == 303


def test_disabling_somebody_ends_their_sign_in_at_once(portal: Portal) -> None:
    jane = portal.person()
    with portal.office.store.write() as tx:
        change_user(tx, portal.office.clock, OPERATOR, "jane", status="disabled")
    assert jane.client.get("/portal/account", follow_redirects=False).status_code == 303


def test_a_new_password_voids_older_sign_ins(portal: Portal) -> None:
    jane = portal.person()
    portal.office.clock.advance(5)
    with portal.office.store.write() as tx:
        tx.get_one(UserRow, jane.actor.id).sessions_valid_from = portal.office.clock.now()
    assert jane.client.get("/portal/account", follow_redirects=False).status_code == 303


def test_signing_out_of_the_hub_signs_out_here(portal: Portal, hub: SmallHub) -> None:
    """JupyterLab's own “Log out” clears the hub's cookies and knows nothing of ours."""
    portal.office.user("jane")
    client = portal.stranger()
    client.cookies.set("jupyterhub-session-id", "hub-session-1")
    sign_in(client, hub)
    assert client.get("/portal/account", follow_redirects=False).status_code == 200
    client.cookies.delete("jupyterhub-session-id")
    assert client.get("/portal/account", follow_redirects=False).status_code == 303


def test_signing_out_ends_both_sign_ins(portal: Portal) -> None:
    answer = portal.person().post("/sign-out")
    assert answer.headers["location"] == "/hub/logout"
    assert 'nbkeep=""' in answer.headers["set-cookie"]


def test_whoever_came_by_another_host_name_goes_on_by_the_public_one(portal: Portal) -> None:
    answer = portal.stranger().get(
        "http://127.0.0.1:8000/portal/sign-in?next=/portal/files", follow_redirects=False
    )
    assert answer.headers["location"] == f"{PUBLIC}/portal/sign-in?next=/portal/files"


def test_a_clock_that_went_back_is_said_instead_of_going_in_circles(portal: Portal, hub: SmallHub) -> None:
    portal.office.user("jane")
    client = portal.stranger()
    portal.office.clock.advance(-3600)
    answer = sign_in(client, hub)
    assert (answer.status_code, "clock-went-back" in answer.text) == (503, True)
