"""JupyterHub's own doors: forged starts are refused, and other people's servers stay closed without a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_parts import Person

if TYPE_CHECKING:
    from platform_parts import Platform, Session


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Person:
    """Somebody signed in."""
    person = platform.person()
    person.sign_in()
    return person


@pytest.fixture(scope="module")
def session(owner: Person) -> Session:
    """A running session of theirs."""
    return owner.start()


@pytest.mark.parametrize("path", ["servers/forged", "server"])
def test_a_start_with_forged_options_is_refused_even_for_the_office_s_token(
    platform: Platform, owner: Person, session: Session, path: str
) -> None:
    platform.hub.post(f"/users/{owner.name}")
    for options in ({"session": session.id}, {"session": "ses_00000000000000000000"}, {"session": ["x"]}, {}):
        answer = platform.hub.post(f"/users/{owner.name}/{path}", json=options)
        assert answer.status_code in {400, 403}, answer.text
    running = platform.hub.get(f"/users/{owner.name}").json()["servers"]
    assert set(running) <= {session.name}


def test_somebody_else_cannot_start_with_another_s_admitted_session(
    platform: Platform, session: Session
) -> None:
    thief = platform.person()
    thief.sign_in()
    answer = platform.hub.post(f"/users/{thief.name}/servers/{session.name}", json={"session": session.id})
    assert answer.status_code in {400, 403}
    assert "not-admitted" in answer.text or "no session was admitted" in answer.text


@pytest.mark.parametrize("path", ["/hub/spawn", "/hub/spawn/{name}", "/hub/spawn/{name}/x?session=forged", "/hub/home",
                                  "/hub/token", "/hub/admin"])  # fmt: skip
def test_pages_of_jupyterhub_lead_to_the_portal(owner: Person, path: str) -> None:
    page = owner.get(path.format(name=owner.name))
    assert page.url.path == "/portal/"


def test_a_person_has_no_power_over_servers_or_tokens_in_the_hub(platform: Platform, owner: Person) -> None:
    for method, path in (
        ("POST", "servers/x"),
        ("POST", "tokens"),
        ("DELETE", "servers/x"),
        ("POST", "server"),
    ):
        answer = owner.web.request(method, f"{platform.url}/hub/api/users/{owner.name}/{path}", json={},
                                   headers={"Referer": f"{platform.url}/hub/home"})  # fmt: skip
        assert answer.status_code in {403, 404}, (method, path, answer.text)


def test_a_tab_that_begins_to_sign_in_again_and_again_is_still_let_in(
    platform: Platform, owner: Person, session: Session
) -> None:
    """Each beginning leaves a cookie; hundreds would fill the request header, and no page would be sent."""
    browser = Person(platform, owner.name)
    for _ in range(120):
        begun = browser.web.get(session.url + "lab")
        assert begun.status_code == 302, begun.text
    assert sum("oauth-state" in one.name for one in browser.web.cookies.jar) <= 5
    browser.sign_in()
    assert session.open(browser).url.path.endswith("/lab")


def test_another_person_does_not_get_in(platform: Platform, session: Session) -> None:
    stranger = platform.person()
    stranger.sign_in()
    page = session.open(stranger)
    assert page.status_code == 404
    assert page.url.host == "localhost"


def test_an_admin_gets_in_with_a_reason_only(platform: Platform, owner: Person, session: Session) -> None:
    admin = platform.person(role="notebook.admin")
    admin.sign_in()
    assert session.open(admin).status_code == 404
    page = admin.get(f"/portal/sessions/{session.id}/enter")
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    given = admin.web.post(page.url, data={"reason": "Ticket 42 asked for help", "csrf": csrf},
                           headers={"Origin": platform.url, "Sec-Fetch-Site": "same-origin"})  # fmt: skip
    assert given.status_code == 200, given.text
    lab = session.open(admin)
    assert lab.status_code == 200
    assert lab.url.host == f"{owner.name}.localhost"
    assert "Ticket 42 asked for help" in owner.get("/portal/").text


def test_the_internal_api_is_not_there_for_browsers(platform: Platform, owner: Person) -> None:
    for path in (
        "/internal/v1/hub/launch",
        "/portal/%2e%2e/internal/v1/hub/launch",
        "/api/../internal/v1/session",
    ):
        assert owner.web.post(platform.url + path, json={}).status_code in {401, 403, 404, 405}
