"""A user forges, alters, borrows or keeps a portal cookie."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from nbkeep.doors.portal.browser import signer
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.people.users import change_user
from portal_parts import Portal, portal

__all__ = ["portal"]
pytestmark = pytest.mark.attack


def opens(portal: Portal, cookie: str, **others: str) -> bool:
    client = portal.stranger()
    client.cookies.set("nbkeep", cookie)
    for name, value in others.items():
        client.cookies.set(name.replace("_", "-"), value)
    page = client.get("/portal/account", follow_redirects=False).status_code == 200
    rest = client.get("/api/v1/me").status_code == 200
    assert page == rest  # both doors judge alike
    return page


def altered(cookie: str, **changes: object) -> str:
    body, _, signature = cookie.partition(".")
    value = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4))) | changes
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=") + "." + signature


def test_another_users_id_in_ones_own_cookie_opens_nothing(portal: Portal) -> None:
    ops, jane = portal.office.user("ops", Role.ADMIN), portal.office.user("jane")
    cookie = portal.cookie(jane)
    assert opens(portal, cookie)
    assert not opens(portal, altered(cookie, user=ops.id))
    assert not opens(portal, altered(cookie, at=9e12))


@pytest.mark.parametrize("cookie", ["", ".", "x", "x.y", "é.y", "a" * 5000, "eyJ1c2VyIjoxfQ."])
def test_an_invented_cookie_opens_nothing(portal: Portal, cookie: str) -> None:
    client = portal.stranger()
    headers = {b"cookie": f"nbkeep={cookie}".encode()}
    assert client.get("/portal/account", headers=headers, follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    "value", [{}, {"user": 1, "at": 0}, {"user": None, "at": "now"}, {"at": 1e18, "user": "x"}]
)
def test_a_well_signed_cookie_with_odd_content_opens_nothing(
    portal: Portal, value: dict[str, object]
) -> None:
    assert not opens(portal, signer(portal.whole, "browser").sign(value))


def test_the_cookie_of_a_sign_in_under_way_opens_nothing(portal: Portal) -> None:
    jane = portal.office.user("jane")
    value = {"user": jane.id, "at": portal.office.clock.now().timestamp(), "hub": ""}
    assert not opens(portal, signer(portal.whole, "sign-in").sign(value))


def test_a_cookie_kept_after_the_role_was_taken_has_no_more_power(portal: Portal) -> None:
    portal.office.user("root", Role.ADMIN)
    eve = portal.person("eve", Role.ADMIN)
    eve.get("/admin/users")
    with portal.office.store.write() as tx:
        change_user(tx, portal.office.clock, OPERATOR, "eve", role="notebook.user")
    assert eve.client.get("/portal/admin/users").status_code == 403


def test_a_stolen_cookie_without_the_hubs_own_session_opens_nothing(portal: Portal) -> None:
    jane = portal.office.user("jane")
    value = {"user": jane.id, "at": portal.office.clock.now().timestamp(), "hub": "0" * 24}
    cookie = signer(portal.whole, "browser").sign(value)
    assert not opens(portal, cookie)
    assert not opens(portal, cookie, jupyterhub_session_id="of-the-thief")
