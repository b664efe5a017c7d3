"""A guesser sends headers that claim another address, to get more guesses and to blame somebody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from platform_parts import Person, Platform

pytestmark = [pytest.mark.attack, pytest.mark.e2e]

CLAIMS = [
    {"X-Real-IP": "203.0.113.7"},
    {"X-Forwarded-For": "203.0.113.7"},
    {"X-Forwarded-For": "203.0.113.7, 203.0.113.8", "X-Real-IP": "203.0.113.9"},
    {"Forwarded": "for=203.0.113.7"},
    {"True-Client-IP": "203.0.113.7", "X-Client-IP": "203.0.113.7", "CF-Connecting-IP": "203.0.113.7"},
]


def guess(person: Person) -> int:
    page = person.get("/portal/")
    xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
    form = {"username": person.name, "password": "wrong-1-password", "_xsrf": xsrf.group(1) if xsrf else ""}
    return person.web.post(page.url, data=form, headers={"Origin": person.platform.url}).status_code


@pytest.mark.parametrize("claim", CLAIMS, ids="+".join)
def test_the_record_names_the_address_that_the_proxy_saw(platform: Platform, claim: dict[str, str]) -> None:
    """The limit by address counts under the same name."""
    person = platform.person()
    person.web.headers.update(claim)
    assert guess(person) == 403
    failed = platform.office.get("/audit", params={"type": "signin.failed", "limit": 1}).json()["items"][0]
    assert failed["actor"]["address"] in {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
