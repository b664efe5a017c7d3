"""Cross-site request forgery: a foreign page, or a notebook's output, makes a signed-in browser send a request."""

from __future__ import annotations

import pytest

from nbkeep.model.actor import Role
from portal_parts import PUBLIC, SAME_ORIGIN, Portal, portal

__all__ = ["portal"]
pytestmark = pytest.mark.attack
FORGED = {
    "another site": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "script in a session's output": {"Origin": "http://jane.localhost:8000", "Sec-Fetch-Site": "same-site"},
    "a sandboxed frame": {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    "typed or unknown": {"Sec-Fetch-Site": "none"},
    "an old browser, another site": {"Origin": "https://evil.example"},
    "no word of where from": {},
    "our name in another port": {"Origin": "http://localhost:9999"},
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
def test_a_request_from_elsewhere_starts_nothing_even_with_the_right_token(
    portal: Portal, headers: dict[str, str]
) -> None:
    jane = portal.person()
    form = {"profile": "notebook-cpu-small", "csrf": jane.csrf}
    answer = jane.client.post("/portal/sessions", data=form, headers=headers, follow_redirects=False)
    assert (answer.status_code, "forged-request" in answer.text) == (403, True)
    assert not portal.office.hub.calls


@pytest.mark.parametrize("token", ["", "guess", "ä"])
def test_a_request_without_the_token_of_this_browser_starts_nothing(portal: Portal, token: str) -> None:
    jane = portal.person()
    form = {"profile": "notebook-cpu-small", "csrf": token}
    answer = jane.client.post("/portal/sessions", data=form, headers=SAME_ORIGIN, follow_redirects=False)
    assert answer.status_code == 403


def test_the_token_of_another_person_is_of_no_use(portal: Portal) -> None:
    jane, mallory = portal.person("jane"), portal.person("mallory")
    form = {"profile": "notebook-cpu-small", "csrf": mallory.csrf}
    answer = jane.client.post("/portal/sessions", data=form, headers=SAME_ORIGIN, follow_redirects=False)
    assert answer.status_code == 403


def test_no_get_changes_anything(portal: Portal) -> None:
    """Every form's address, opened as a link."""
    jane = portal.person()
    session_id = portal.office.ready(jane.actor)
    ops = portal.person("ops", Role.ADMIN)
    before = ops.get("/admin/config/file")
    for path in ("/sign-out", "/welcome", f"/sessions/{session_id}/extend", f"/sessions/{session_id}/stop",
                 "/account/password", "/account/tokens", "/admin/users/jane/status", "/admin/users/jane/reset-link",
                 "/admin/profiles/notebook-cpu-small/delete", "/admin/volumes/jane", "/admin/audit/export"):  # fmt: skip
        ops.client.get(f"/portal{path}", follow_redirects=False)
    assert ops.get("/admin/config/file") == before
    assert portal.office.row(session_id).state == "ready"


@pytest.mark.parametrize("headers", [{}, {"Origin": PUBLIC}, {"Sec-Fetch-Site": "same-origin"}])
def test_the_rest_api_takes_the_cookie_only_with_the_token_in_a_header(
    portal: Portal, headers: dict[str, str]
) -> None:
    jane = portal.person()
    body = {"profile": "notebook-cpu-small"}
    assert jane.client.get("/api/v1/me").status_code == 200
    assert jane.client.post("/api/v1/sessions", json=body, headers=headers).status_code == 403
    good = SAME_ORIGIN | {"X-CSRF-Token": jane.csrf}
    assert jane.client.post("/api/v1/sessions", json=body, headers=good).status_code == 201


def test_a_link_that_sets_a_password_is_used_only_from_its_own_page(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    shown = ops.post("/admin/users", email="kim@acme.com").text
    link = shown[shown.index("/portal/join/") :].partition('"')[0]
    password = {"password": "marmot lends seven kites", "again": "marmot lends seven kites"}
    answer = portal.stranger().post(link, data=password, headers=FORGED["another site"])
    assert answer.status_code == 403
