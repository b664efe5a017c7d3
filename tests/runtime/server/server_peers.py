"""Whole fakes of the two services that a session's server talks to: the office and the hub."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

SESSION_TOKEN = "session-token-of-jane"
USER_TOKEN = "jane-signed-in"
OTHER_TOKEN = "john-signed-in"
VISITOR_TOKEN = "ada-visits-jane"


def decisions(**changes: str) -> dict[str, dict[str, str]]:
    """Return what is decided at a gate: all is allowed but what is named."""
    found = ("secret", "personal", "unread", "nothing")
    return {
        one: {"decision": changes.get(one, "allow"), "scope": "profile:lab" if one in changes else "default"}
        for one in found
    }


def everything_allowed() -> dict[str, dict[str, dict[str, str]]]:
    """Return what is decided where nobody has decided anything."""
    return {gate: decisions() for gate in ("save", "download", "export", "share", "publish")}


class FakeOffice:
    """Keeps the internal contract of the office for one session; `is_down` makes it fail every call."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.deliveries = 0
        self.heartbeats: list[dict[str, Any]] = []
        self.is_down = False
        self.may_extend = True
        self.record_code = False
        self.tour_done = False
        self.state = "ready"
        self.asks_freeze = False
        self.says_to_freeze: str = "yes"  # yes | no | lost (done, but nobody hears of it)
        self.freeze_takes_s = 0.0
        self.may_thaw = True
        self.thaws = 0
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refuses_data = False
        self.leaving = everything_allowed()
        self.own_rules = ""
        self.gives_rules = True

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=1 << 28)
        app.router.add_get("/internal/v1/session", self._view)
        app.router.add_post("/internal/v1/session/heartbeat", self._heartbeat)
        app.router.add_get("/internal/v1/session/rules", self._rules)
        app.router.add_post("/internal/v1/session/events", self._events)
        app.router.add_post("/internal/v1/session/extend", self._extend)
        app.router.add_post("/internal/v1/session/tour", self._tour)
        app.router.add_post("/internal/v1/session/freeze", self._freeze)
        app.router.add_post("/internal/v1/session/thaw", self._thaw)
        app.router.add_get("/internal/v1/session/catalogue", self._catalogue)
        app.router.add_post("/internal/v1/session/catalogue/datasets/{name}/{verb}", self._dataset)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        if self.is_down:
            return web.json_response({"code": "down"}, status=503)
        if request.headers.get("Authorization") != f"Bearer {SESSION_TOKEN}":
            return web.json_response({"code": "unauthorised", "message": "Who?"}, status=401)
        return await handler(request)

    async def _view(self, _request: web.Request) -> web.Response:
        return web.json_response(self.view())

    def view(self) -> dict[str, Any]:
        larger = {"name": "large", "display_name": "Large", "memory_bytes": 32 * 1024**3}
        return {
            "session_id": "ses_1",
            "user": "jane",
            "state": self.state,
            "freeze_asked": self.asks_freeze and self.state == "ready",
            "now": datetime.now(UTC).isoformat(),
            "larger_profiles": [larger],
            "record_code": self.record_code,
            "tour_done": self.tour_done,
            "notices": [],
            "leaving": self.leaving,
            "own_rules": hashlib.sha256(self.own_rules.encode()).hexdigest() if self.own_rules else "",
        }

    async def _rules(self, _request: web.Request) -> web.Response:
        return web.json_response({"text": self.own_rules if self.gives_rules else "of another moment"})

    async def _heartbeat(self, request: web.Request) -> web.Response:
        self.heartbeats.append(await request.json())
        return web.json_response(self.view())

    async def _events(self, request: web.Request) -> web.Response:
        events = (await request.json())["events"]
        self.deliveries += 1
        for event in events:
            self.events.setdefault(event["id"], event)
        return web.json_response({"accepted": len(events)})

    async def _extend(self, _request: web.Request) -> web.Response:
        if self.may_extend:
            return web.json_response(self.view())
        body = {"code": "at-maximum", "message": "Not extended: 8 h is the most.", "remedy": "Start anew."}
        return web.json_response(body, status=403)

    async def _freeze(self, _request: web.Request) -> web.Response:
        self.asks_freeze = False
        if self.says_to_freeze != "no":
            self.state = "frozen"
        await asyncio.sleep(self.freeze_takes_s)
        if self.says_to_freeze == "yes":
            return web.json_response(self.view())
        status = {"no": 409, "lost": 503}[self.says_to_freeze]
        return web.json_response({"code": "not-idle", "message": "Not now."}, status=status)

    async def _thaw(self, _request: web.Request) -> web.Response:
        self.thaws += 1
        if not self.may_thaw:
            body = {
                "code": "user-disabled",
                "message": "Not continued: jane is not active.",
                "remedy": "Ask.",
            }
            return web.json_response(body, status=403)
        self.state = "ready"
        return web.json_response(self.view())

    async def _tour(self, request: web.Request) -> web.Response:
        self.tour_done = (await request.json())["done"]
        return web.json_response({})

    async def _catalogue(self, _request: web.Request) -> web.Response:
        return web.json_response({"datasets": [{"name": "sales"}]})

    async def _dataset(self, request: web.Request) -> web.Response:
        if self.refuses_data:
            body = {"code": "class-too-high", "message": "sales is pii.", "remedy": "Start another session."}
            return web.json_response(body, status=403)
        self.asked.append(("{name}/{verb}".format(**request.match_info), await request.json()))
        return await self._catalogue(request)

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in list(self.events.values()) if event["type"] == kind]


class FakeHub:
    """Knows three tokens: jane's and a visiting admin's, who may use the server, and john's, who may not."""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/hub/api/user", self._user)
        return app

    async def _user(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("token ")
        names = {USER_TOKEN: "jane", OTHER_TOKEN: "john", VISITOR_TOKEN: "ada"}
        if token not in names:
            return web.json_response({"status": 403, "message": "no"}, status=403)
        name = names[token]
        scopes = [f"access:servers!server={'jane' if name == 'ada' else name}/"]
        return web.json_response(
            {"kind": "user", "name": name, "admin": False, "groups": [], "scopes": scopes}
        )


class Served:
    """Serves applications on unix sockets from a thread of their own."""

    def __init__(self, apps: dict[Path, web.Application]) -> None:
        self._loop = asyncio.new_event_loop()
        self._runners: list[web.AppRunner] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(apps), self._loop).result(10)

    async def _start(self, apps: dict[Path, web.Application]) -> None:
        for path, app in apps.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            runner = web.AppRunner(app)
            await runner.setup()
            await web.UnixSite(runner, str(path)).start()
            self._runners.append(runner)

    def stop(self) -> None:
        async def stop() -> None:
            for runner in self._runners:
                await runner.cleanup()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
