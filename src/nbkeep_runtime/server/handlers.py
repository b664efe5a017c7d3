"""The REST API that JupyterLab's nbkeep extension calls, under `nbkeep/api/`."""

# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (tornado's decorators and jupyter_server's handlers are not typed)

from __future__ import annotations

import asyncio
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import orjson
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.services.kernels.handlers import KernelActionHandler
from tornado import web

from nbkeep_runtime.server.cells import NoCells
from nbkeep_runtime.server.office import OfficeRefused
from nbkeep_runtime.server.usage import HomeUsage

if TYPE_CHECKING:
    from nbkeep_runtime.server.home import Home
    from nbkeep_runtime.server.session import Session

_AWAY = {
    "code": "office-unreachable",
    "message": "The platform does not answer just now. Your session goes on.",
    "remedy": "Try again in a moment.",
}

_VISITOR = {
    "code": "not-yours",
    "message": "Only whose session this is asks for data in it.",
    "remedy": "Ask in a session of your own.",
}


class _Handler(APIHandler):
    """What all have in common: JSON, and the office's refusals word for word."""

    auth_resource = "nbkeep"

    def initialize(self, session: Session, home: Home, usage: HomeUsage) -> None:
        """Take what `app.py` hands over."""
        self._session = session
        self._home = home
        self._usage = usage

    def send(self, body: object, status: int = HTTPStatus.OK) -> None:
        """Answer."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(orjson.dumps(body))

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object; answers 400 for anything else."""
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "A JSON object is expected.")
        return body

    async def answer_of_office(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        """Return what the office answers; None when it refuses or is away: then the browser is answered."""
        try:
            return await self._session.office.call(method, path, body)
        except OfficeRefused as refusal:
            self.send(refusal.body, refusal.status)
        except OSError:
            self.send(_AWAY, HTTPStatus.SERVICE_UNAVAILABLE)
        return None

    async def ask_office(self, method: str, path: str, body: dict[str, Any]) -> bool:
        """Ask the office and take a new view; answers for it when it refuses or is away."""
        if await self.answer_of_office(method, path, body) is None:
            return False
        await self._session.office.refresh()
        return True

    async def send_status(self) -> None:
        """Answer with the session as it is now."""
        session = self._session
        view = await session.office.current_view()
        memory = await asyncio.to_thread(session.memory)
        size, free = await asyncio.to_thread(self._home.space)
        self.send(
            {
                **view,
                "memory": None if memory is None else _memory(asdict(memory)),
                "home": {"used_bytes": size - free, "size_bytes": size, "free_bytes": free},
                "office_reachable": session.office.is_reachable,
                "deaths": session.deaths.as_json(),
                "pending_outputs": session.outputs.pending(),
            }
        )


def _memory(use: dict[str, Any]) -> dict[str, Any]:
    return {name: use[name] for name in ("used_bytes", "limit_bytes", "peak_bytes")}


class StatusHandler(_Handler):
    """GET status."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the session's view, memory, home and deaths."""
        await self.send_status()


class ExtendHandler(_Handler):
    """POST extend."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Ask for more time; a refusal is the office's, word for word."""
        async with self._session.at_work():
            self._session.activity.user_did_something()
        if await self.ask_office("POST", "session/extend", {}):
            await self.send_status()


class TourHandler(_Handler):
    """POST tour."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Remember that the tour was seen."""
        if await self.ask_office("POST", "session/tour", {"done": self.body().get("done") is True}):
            await self.send_status()


class DismissHandler(_Handler):
    """POST notices/{id}/dismiss."""

    @web.authenticated
    @authorized
    async def post(self, notice: str) -> None:
        """Remember that a notice was read."""
        if await self.ask_office("POST", f"session/notices/{notice}/dismiss", {}):
            await self.send_status()


class UsageHandler(_Handler):
    """GET home/usage."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return what fills the home."""
        self.send(await asyncio.to_thread(self._usage.measure))


class CatalogueHandler(_Handler):
    """GET catalogue."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return datasets, connections and fetched packages as they are for this session now."""
        answer = await self.answer_of_office("GET", "session/catalogue", None)
        if answer is not None:
            self.send(answer)


class DatasetHandler(_Handler):
    """POST catalogue/datasets/{name}/ask and withdraw."""

    @web.authenticated
    @authorized
    async def post(self, name: str, verb: str) -> None:
        """Ask for a dataset, or take that back; a refusal is the office's, word for word."""
        if getattr(self.current_user, "username", "") != self._session.settings.user:
            # An admin who visits would else agree with themselves: two people decide about every grant.
            self.send(_VISITOR, HTTPStatus.FORBIDDEN)
            return
        asked = self.body()
        if verb == "ask":
            # These two and nothing else: for whom and in which sessions, the session's own token says.
            body = {key: asked[key] for key in ("reason", "duration") if isinstance(asked.get(key), str)}
        else:
            body = {}
        answer = await self.answer_of_office("POST", f"session/catalogue/datasets/{name}/{verb}", body)
        if answer is not None:
            self.send(answer)


class CellsHandler(_Handler):
    """POST kernels/{id}/cells."""

    @web.authenticated
    @authorized
    async def post(self, kernel_id: str) -> None:
        """Return which cells of a notebook ran on older inputs; the notebook is sent along, as it is now."""
        try:
            cells = self.body().get("cells")
            answer = await self._session.cells.of(kernel_id, cells, is_paused=self._session.pause.is_closed)
        except NoCells as error:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, str(error)) from error
        if answer is None:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, "There is no such kernel.")
        self.send(answer)


class ActionHandler(KernelActionHandler):
    """POST api/kernels/{id}/interrupt and restart; Jupyter's would hide why a session stays paused."""

    def initialize(self, session: Session) -> None:
        """Take what `app.py` hands over."""
        self._session = session

    @web.authenticated
    @authorized
    async def post(self, kernel_id: str, action: str) -> None:
        """Interrupt or restart."""
        async with self._session.at_work():
            done: Any = super().post(kernel_id, action)
            await done


class CleanHandler(_Handler):
    """POST home/clean."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Delete suggested folders, and answer with what is left."""
        paths = self.body().get("paths")
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in cast("list[Any]", paths)):
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "`paths` must be a list of folders.")
        freed = await asyncio.to_thread(self._usage.clean, cast("list[str]", paths))
        self.send({"freed_bytes": freed, **await asyncio.to_thread(self._usage.measure)})


def handlers(session: Session, home: Home) -> list[tuple[Any, ...]]:
    """Return the routes."""
    parts = {"session": session, "home": home, "usage": HomeUsage(home)}
    return [
        (r"/nbkeep/api/status", StatusHandler, parts),
        (r"/nbkeep/api/extend", ExtendHandler, parts),
        (r"/nbkeep/api/tour", TourHandler, parts),
        (r"/nbkeep/api/notices/([A-Za-z0-9_-]{1,64})/dismiss", DismissHandler, parts),
        (r"/nbkeep/api/catalogue", CatalogueHandler, parts),
        (r"/nbkeep/api/catalogue/datasets/([a-z0-9-]{1,40})/(ask|withdraw)", DatasetHandler, parts),
        (r"/nbkeep/api/kernels/([0-9a-f-]{36})/cells", CellsHandler, parts),
        (r"/api/kernels/([0-9a-f-]{36})/(interrupt|restart)", ActionHandler, {"session": session}),
        (r"/nbkeep/api/home/usage", UsageHandler, parts),
        (r"/nbkeep/api/home/clean", CleanHandler, parts),
    ]
