"""A notebook's output tries what its own origin, NAME.localhost, has of the hub and of the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from platform_parts import Platform, Session

pytestmark = [pytest.mark.attack, pytest.mark.e2e]


@pytest.fixture(scope="module")
def session(platform: Platform) -> Session:
    person = platform.person()
    person.sign_in()
    made = person.start()
    made.open()
    return made


def origin(session: Session) -> str:
    return session.url.split("/user/")[0]


@pytest.mark.parametrize("path", ["hub/login", "hub/api/user", "hub/home", "hub/oauth_login", "hub/logout", "portal/",
                                  "portal/account", "api/v1/me", "api/v1/healthz"])  # fmt: skip
def test_no_page_of_hub_portal_or_api_is_served_there(session: Session, path: str) -> None:
    """A sign-in page under the session's host name would be read, while one types, by the notebook's script."""
    answer = session.owner.web.get(f"{origin(session)}/{path}")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{session.platform.url}/hub/")


@pytest.mark.parametrize("path", ["hub/login", "hub/api/users/x/tokens", "portal/sessions", "api/v1/tokens"])
def test_nothing_there_takes_a_form(session: Session, path: str) -> None:
    answer = session.owner.web.post(f"{origin(session)}/{path}", data={"username": "a", "password": "b"})
    assert answer.status_code in {403, 404, 405}


def test_another_person_s_host_name_leads_to_no_server(platform: Platform, session: Session) -> None:
    other = platform.person()
    url = session.url.replace(f"//{session.owner.name}.", f"//{other.name}.")
    answer = session.owner.web.get(f"{url}api/status")
    assert answer.status_code == 302
    assert "/hub/" in answer.headers["location"]
