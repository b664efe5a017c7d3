"""The REST API of the kept state, under `nbkeep/api/state`."""

# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (tornado's decorators and jupyter_server's handlers are not typed)

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from nbkeep_runtime.server.state.kept import KeptState

    AtWork = Callable[[], AbstractAsyncContextManager[None]]


class _Handler(APIHandler):
    auth_resource = "nbkeep"

    def initialize(self, kept: KeptState, at_work: AtWork) -> None:
        """Take what `app.py` hands over."""
        self._kept = kept
        self._at_work = at_work

    def send_view(self) -> None:
        """Answer with what is kept."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(orjson.dumps(self._kept.view()))


class StateHandler(_Handler):
    """GET state."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Return what is kept, and what came of the resume."""
        self.send_view()


class SaveHandler(_Handler):
    """POST state/save."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Save now, and answer when it is done: a minute at most, if a cell runs."""
        async with self._at_work():
            await self._kept.save_now()
        self.send_view()


class ResumedHandler(_Handler):
    """DELETE state/resumed."""

    @web.authenticated
    @authorized
    def delete(self) -> None:
        """Remember that the user read what came of the resume."""
        self._kept.forget_resumed()
        self.set_status(HTTPStatus.NO_CONTENT)
        self.finish()


def handlers(kept: KeptState, at_work: AtWork) -> list[tuple[Any, ...]]:
    """Return the routes."""
    parts = {"kept": kept, "at_work": at_work}
    return [
        (r"/nbkeep/api/state", StateHandler, parts),
        (r"/nbkeep/api/state/save", SaveHandler, parts),
        (r"/nbkeep/api/state/resumed", ResumedHandler, parts),
    ]
