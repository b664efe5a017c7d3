"""Whoever copied a browser's cookies is out once the password is changed, or the person is disabled."""

from __future__ import annotations

import re
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING

import pytest

from platform_parts import PASSWORD, Person, wait_for

if TYPE_CHECKING:
    from platform_parts import Platform, Session

pytestmark = [pytest.mark.attack, pytest.mark.e2e]
NEW = "Tq8-quince-ferry-27"
OUT_S = 30


def copy_of(person: Person) -> Person:
    """Return a thief with every cookie of a browser, and nothing else."""
    thief = Person(person.platform, person.name)
    jar: CookieJar = thief.web.cookies.jar
    for cookie in person.web.cookies.jar:
        jar.set_cookie(cookie)
    return thief


def is_in(visitor: Person, session: Session) -> bool:
    """Whether somebody's cookies open a session's files, without any sign-in by hand."""
    page = visitor.get(session.url + "lab")
    return page.status_code == 200 and "/hub/login" not in str(page.url)


def is_known_to_the_hub(visitor: Person) -> bool:
    return "/hub/login" not in str(visitor.get("/hub/home").url)


def change_password(person: Person) -> None:
    page = person.get("/portal/account")
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    form = {"csrf": csrf.group(1), "old": PASSWORD, "password": NEW, "again": NEW}
    headers = {"Origin": person.platform.url, "Sec-Fetch-Site": "same-origin"}
    done = person.web.post(f"{person.platform.url}/portal/account/password", data=form, headers=headers)
    assert done.status_code == 303, done.text


def test_a_new_password_ends_every_older_sign_in_and_no_newer_one(platform: Platform) -> None:
    person = platform.person()
    person.sign_in()
    session = person.start()
    session.open()
    thief = copy_of(person)
    assert is_in(thief, session)
    change_password(person)
    wait_for(lambda: not is_in(thief, session), OUT_S, "the copied cookies to open nothing")
    assert not is_known_to_the_hub(thief)
    assert session.state == "ready"

    again = Person(platform, person.name)
    assert again.sign_in(NEW).status_code == 200
    assert is_in(again, session)
    platform.kill("hub")
    platform.wait_ready()
    assert is_in(again, session)
    assert not is_in(thief, session)


def test_old_cookies_make_no_new_ones_in_the_seconds_after_a_new_password(platform: Platform) -> None:
    person = platform.person()
    person.sign_in()
    thief = copy_of(person)
    assert "/hub/login" not in str(thief.get("/portal/").url)  # the hub has just heard that all is well
    change_password(person)
    assert "/hub/login" in str(thief.get("/portal/").url)


def test_a_disabled_person_is_out_of_an_open_server(platform: Platform) -> None:
    person = platform.person()
    person.sign_in()
    session = person.start()
    assert is_in(person, session)
    assert platform.office.patch(f"/users/{person.name}", json={"status": "disabled"}).status_code == 200
    wait_for(lambda: session.call("GET", "api/contents").status_code >= 300, OUT_S, "the server to be closed")
    # Each look begins a sign-in, whose cookie the browser keeps for a while: few looks, or too many cookies.
    wait_for(lambda: not is_known_to_the_hub(person), OUT_S, "the hub to let nobody in", every_s=2)
    assert platform.office.patch(f"/users/{person.name}", json={"status": "active"}).status_code == 200
    assert not is_known_to_the_hub(person)
