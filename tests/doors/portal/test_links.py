"""Every link of every page leads somewhere: a visitor's walk through the portal, page by page."""

from __future__ import annotations

from collections import deque
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

from nbkeep.model.actor import Role
from portal_parts import PUBLIC, Person, Portal, portal

__all__ = ["portal"]
_ADDRESSES = {"href", "src", "hx-get", "sse-connect"}
_ENDLESS = ("/live/",)  # streams of events
_MOST_PAGES = 400


class _Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        for name, value in attrs:
            if name in _ADDRESSES and value:
                self.found.add(urldefrag(urljoin(PUBLIC + self._page, value)).url)


def walk(person: Person) -> dict[str, str]:
    """Follow all links of our own origin; return each page that was opened and who named it first."""
    named = {"/portal/": "the address", "/portal/nowhere": "a wrong address"}
    waiting = deque(named)
    while waiting:
        page = waiting.popleft()
        answer = person.client.get(page, follow_redirects=False)
        expected = {404} if page == "/portal/nowhere" else range(200, 400)
        assert answer.status_code in expected, (page, f"linked from {named[page]}", answer.text[:500])
        links = _Links(page)
        if "location" in answer.headers:
            links.found.add(urljoin(PUBLIC + page, answer.headers["location"]))
        elif "text/html" not in answer.headers.get("content-type", ""):
            continue
        links.feed(answer.text)
        for url in sorted(links.found):
            place = urlsplit(url)
            path = f"{place.path}?{place.query}" if place.query else place.path
            is_ours = f"{place.scheme}://{place.netloc}" == PUBLIC and place.path.startswith(
                ("/portal", "/api")
            )
            if is_ours and path not in named and not any(part in path for part in _ENDLESS):
                named[path] = page
                waiting.append(path)
        assert len(named) < _MOST_PAGES, sorted(named)[:: _MOST_PAGES // 20]
    return named


@pytest.mark.parametrize(
    ("role", "sees"),
    [(Role.USER, "/portal/files"), (Role.ADMIN, "/portal/admin/users/jane"), (Role.AUDITOR, "/portal/admin/audit")],
)  # fmt: skip
def test_no_link_leads_nowhere(portal: Portal, role: Role, sees: str) -> None:
    jane = portal.person()
    session_id = portal.office.ready(jane.actor)
    portal.office.ready(jane.actor, name="second")
    visitor = jane if role is Role.USER else portal.person("ops", role)
    seen = walk(visitor)
    assert sees in seen
    assert "/api/v1/openapi.json" in seen
    if role is not Role.AUDITOR:
        assert f"/portal/sessions/{session_id}" in seen
