"""The portal for tests: a real office behind real doors, and browsers of several people."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from fastapi.testclient import TestClient
from httpx import Client
from starlette.requests import Request
from starlette.responses import Response

from nbkeep.doors.api import create_app
from nbkeep.doors.portal.browser import sign_in
from nbkeep.model.actor import Role
from office_parts import OfficeForTests, make_office

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from httpx import Response as Answer

    from nbkeep.app import Office
    from nbkeep.model.actor import Actor

PUBLIC = "http://localhost:8000"
SAME_ORIGIN = {"Origin": PUBLIC, "Sec-Fetch-Site": "same-origin"}
# What a person may call themselves or give as a reason, and what must never become more than text.
HOSTILE = "<img src=x onerror=alert(1)>\"'`{{7*7}}</script><script>alert(2)</script>"


@dataclass
class Person:
    """A browser in which somebody is signed in."""

    actor: Actor
    client: Client
    csrf: str = field(default="", repr=False)

    def get(self, path: str, **headers: str) -> str:
        """Open a page that must work; return its HTML."""
        answer = self.client.get(f"/portal{path}", headers=headers)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
        return answer.text

    def post(self, path: str, /, **fields: str) -> Answer:
        """Send a form as our own pages do; redirects are not followed."""
        return self.client.post(
            f"/portal{path}", data={"csrf": self.csrf, **fields}, headers=SAME_ORIGIN, follow_redirects=False
        )


@dataclass
class Portal:
    """The application over an office for tests."""

    office: OfficeForTests
    app: FastAPI
    clients: list[Client] = field(default_factory=list[Client])

    @property
    def whole(self) -> Office:
        """The office as the doors know it."""
        return cast("Office", self.office)

    def stranger(self) -> Client:
        """Return a browser in which nobody is signed in."""
        client = cast("Client", TestClient(self.app, base_url=PUBLIC, raise_server_exceptions=False))
        self.clients.append(client)
        return client

    def browser(self, actor: Actor) -> Person:
        """Return a browser in which somebody is signed in."""
        client = self.stranger()
        client.cookies.set("nbkeep", self.cookie(actor))
        person = Person(actor, client)
        found = re.search(r'name="csrf" value="([^"]+)"', person.get("/account"))
        assert found
        person.csrf = found[1]
        return person

    def cookie(self, actor: Actor) -> str:
        """Return the cookie of a fresh sign-in."""
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [],
            "query_string": b"",
        }
        response = Response()
        sign_in(Request(scope), response, self.whole, actor.id)
        return response.headers["set-cookie"].partition(";")[0].partition("=")[2]

    def person(self, name: str = "jane", role: Role = Role.USER) -> Person:
        """Make somebody and sign them in."""
        return self.browser(self.office.user(name, role))


def make_portal(folder: Path, public_url: str = PUBLIC) -> Portal:
    """Return a portal over an office in a folder."""
    office = make_office(folder, public_url=public_url)
    for name in ("cookie-secret", "office-hub-token"):
        (folder / "secrets" / name).write_text(f"{name} of this test, long enough\n")
    return Portal(office, create_app(cast("Office", office)))


@pytest.fixture
def portal(short_dir: Path) -> Iterator[Portal]:
    """A portal of its own for one test."""
    made = make_portal(short_dir)
    yield made
    for client in made.clients:
        client.close()
    made.office.close()
