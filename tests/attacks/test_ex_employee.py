"""Somebody whose account was disabled goes on with everything that they still hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from platform_parts import Person, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_parts import Platform, Session

pytestmark = [pytest.mark.attack, pytest.mark.e2e]
SOON_S = 10  # the account's own doors
VISIT_S = 60  # doors of other people's servers: the hub's and the server's memory of the last yes


def disable(platform: Platform, person: Person) -> None:
    done = platform.run("user", "disable", person.name, "--reason", "has left", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr


def api_token(person: Person) -> str:
    page = person.get("/portal/account")
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    made = person.web.post(
        f"{person.platform.url}/api/v1/tokens", json={"name": "kept", "scopes": ["self"], "expires_in": "30d"},
        headers={"X-CSRF-Token": csrf, "Origin": person.platform.url, "Sec-Fetch-Site": "same-origin"},
    )  # fmt: skip
    assert made.status_code in {200, 201}, made.text
    return str(made.json()["token"])


def closes(receive: Callable[[], Any], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            receive()
        except TimeoutError:
            continue
        except ConnectionClosed:
            return True
    return False


def test_everything_that_they_hold_ends_within_seconds(platform: Platform) -> None:
    person = platform.person()
    person.sign_in()
    session = person.start()
    session.open()
    kernel = session.kernel()
    token = api_token(person)
    bearer = {"Authorization": f"Bearer {token}"}
    anonymous = httpx.Client()
    platform.keep("ex-employee", anonymous)
    assert anonymous.get(f"{platform.url}/api/v1/me", headers=bearer).status_code == 200
    with session.channel(kernel) as channel:
        disable(platform, person)
        since = time.monotonic()
        assert anonymous.get(f"{platform.url}/api/v1/me", headers=bearer).status_code == 401
        page = person.get("/portal/")
        assert (
            page.status_code == 403 or page.url.path == "/hub/login"
        )  # the form once the hub has asked again
        assert Person(platform, person.name).sign_in().status_code == 403
        wait_for(
            lambda: session.state in {"stopping", "suspended", "stopped"}, SOON_S, "the session to be stopped"
        )
        assert closes(lambda: channel.recv(timeout=1), SOON_S)
        wait_for(lambda: session.state in {"suspended", "stopped"}, SOON_S, "the session to be over")
        assert time.monotonic() - since < 3 * SOON_S
    assert session.view["stop"]["reason"] == "user-disabled"
    assert session.call("GET", "api/kernels").status_code >= 300


def visit(admin: Person, session: Session) -> None:
    page = admin.get(f"/portal/sessions/{session.id}/enter")
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    admin.web.post(page.url, data={"reason": "Ticket 42 asked for help", "csrf": csrf},
                   headers={"Origin": admin.platform.url, "Sec-Fetch-Site": "same-origin"})  # fmt: skip
    assert session.open(admin).status_code == 200


def test_a_former_admin_does_not_stay_in_the_session_that_they_visit(platform: Platform) -> None:
    """Neither by the cookie of that server nor by a connection that was open already."""
    owner, admin = platform.person(), platform.person(role="notebook.admin")
    platform.person(role="notebook.admin")  # the last one could not be disabled
    owner.sign_in()
    admin.sign_in()
    session = owner.start()
    session.open()
    kernel = session.kernel()
    visit(admin, session)
    with session.channel(kernel, visitor=admin) as channel:
        assert session.call("GET", "api/kernels", visitor=admin).status_code == 200
        disable(platform, admin)
        assert closes(lambda: channel.recv(timeout=1), VISIT_S)
    assert session.call("GET", "api/kernels", visitor=admin).status_code == 403
    assert session.state == "ready"
    assert session.execute(kernel, "print('goes on')") == "goes on\n"
