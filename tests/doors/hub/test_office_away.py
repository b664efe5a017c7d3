"""The office is away: nobody gets further, and what runs goes on."""

# JupyterHub has no types: strictness ends at its edge.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import json
import os
import signal
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from jupyterhub import orm
from tornado import web

from nbkeep.doors.hub.authenticator import OfficeAuthenticator
from nbkeep.model.clock import ManualClock
from nbkeep.settings import Settings
from platform_parts import wait_for

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from platform_parts import Platform


class SmallOffice(socketserver.ThreadingUnixStreamServer):
    """The one call by which the hub asks whether somebody may still be signed in."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        super().__init__(str(path), _Answer)
        self.active = {"jane": True, "john": True}
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def leave(self) -> None:
        self.shutdown()
        self.server_close()


class _Answer(BaseHTTPRequestHandler):
    server: SmallOffice  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        name = self.path.split("/")[-2]
        body = json.dumps({"active": self.server.active[name], "admin": False, "valid_from": ""}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Hub:
    """A hub's database with two people and a server of Jane's, its authenticator, and an office beside it."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(data_dir=folder)
        (folder / "secrets").mkdir()
        (folder / "secrets/hub-token").write_text("hub-token of this test\n")
        self.socket = settings.office_socket
        self.clock = ManualClock()
        self.authenticator = OfficeAuthenticator(settings=settings)
        self.authenticator.clock = self.clock
        self.db = orm.new_session_factory("sqlite:///:memory:")()
        self.people = {name: orm.User(name=name) for name in ("jane", "john")}
        self.client = orm.OAuthClient(identifier="jupyterhub-user-jane")
        self.db.add_all([*self.people.values(), self.client])
        self.db.add(orm.Spawner(name="", user=self.people["jane"], oauth_client=self.client))
        self.db.commit()
        self.office = SmallOffice(self.socket)

    async def lets(self, name: str, path: str = "/hub/api/user", method: str = "GET") -> bool:
        """Ask as the hub does for a request with a token of Jane's server."""
        user = SimpleNamespace(name=name, db=self.db, orm_user=self.people[name])
        token = SimpleNamespace(oauth_client=self.client)
        request = SimpleNamespace(method=method, path=path)
        handler = SimpleNamespace(request=request, get_token=lambda: token)
        try:
            return await self.authenticator.refresh_user(user, handler)
        except web.HTTPError as error:
            if error.status_code != 503:
                raise
            return False

    def close(self) -> None:
        self.office.leave()
        self.db.close()
        cast("Engine", self.db.get_bind()).dispose()


@pytest.fixture
def hub(short_dir: Path) -> Iterator[Hub]:
    made = Hub(short_dir)
    yield made
    made.close()


async def test_a_session_goes_on_for_its_owner_however_long_the_office_is_away(hub: Hub) -> None:
    assert await hub.lets("jane")
    hub.office.leave()
    for pause_s in (30, 60, 6 * 3600):
        hub.clock.advance(pause_s)
        assert await hub.lets("jane")


async def test_nothing_new_is_opened_to_anybody_after_a_minute(hub: Hub) -> None:
    assert await hub.lets("jane")
    assert await hub.lets("john")
    hub.office.leave()
    hub.clock.advance(61)
    assert not await hub.lets("jane", "/hub/api/oauth2/authorize")
    assert not await hub.lets("jane", method="POST")
    assert not await hub.lets("john")  # visits somebody else's session


async def test_who_was_disabled_or_not_asked_about_for_long_does_not_come_back_when_the_office_goes(
    hub: Hub,
) -> None:
    assert await hub.lets("jane")
    hub.office.active["jane"] = False
    assert not await hub.lets("jane")
    hub.office.leave()
    assert not await hub.lets("jane")


async def test_a_yes_from_long_before_the_office_went_is_worth_nothing(hub: Hub) -> None:
    assert await hub.lets("jane")
    hub.clock.advance(3600)
    assert await hub.lets("john")  # the office was heard, and not asked about Jane
    hub.office.leave()
    assert not await hub.lets("jane")


@pytest.mark.e2e
def test_a_running_session_computes_and_saves_and_nobody_signs_in(platform: Platform) -> None:
    jane, late = platform.person(), platform.person()
    jane.sign_in()
    session = jane.start()
    assert session.open().status_code == 200
    kernel = session.kernel()
    supervisor, office = platform.pid("supervisor"), platform.pid("office")
    os.kill(supervisor, signal.SIGSTOP)  # it would start another office at once
    try:
        os.kill(office, signal.SIGKILL)
        note = {"type": "file", "format": "text", "content": "while the office is away"}
        for _ in range(3):
            assert session.execute(kernel, "print(6 * 7)") == "42\n"
            saved = session.call("PUT", "api/contents/note.txt", note)
            assert saved.status_code in {200, 201}, saved.text
        page = late.get("/hub/login")
        form = {
            "username": late.name,
            "password": "x",
            "_xsrf": page.text.split('name="_xsrf" value="')[1].split('"')[0],
        }
        refused = late.web.post(page.url, data=form, headers={"Origin": platform.url})
        assert (refused.status_code, "The office does not answer" in refused.text) == (503, True)
    finally:
        os.kill(supervisor, signal.SIGCONT)
    wait_for(lambda: platform.pid("office") != office, 30, "another office")
    platform.wait_ready()
    session.stop()
