"""The hub's side of the proxy: targets that are unix sockets, and routes that come back by themselves."""

# JupyterHub and traitlets have no types: strictness ends at their edge.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeStubs=false, reportUntypedFunctionDecorator=false
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from jupyterhub.proxy import ConfigurableHTTPProxy
from tornado.ioloop import PeriodicCallback
from traitlets import Unicode, validate

_LOOK_MS = 250
_SOCKETS = "http+unix://"
# Upstream stores host and port of each server apart and invents port 80 where there is none, as for a socket.
_PORT = ":80"


class SocketProxy(ConfigurableHTTPProxy):
    """Steers a proxy that the supervisor keeps alive.

    A proxy that was killed comes back without its routes. It also comes back with another socket, so looking
    at one inode four times a second is enough to give it the routes at once, and costs nothing.
    """

    api_socket = Unicode(help="Path of the socket on which the proxy takes orders.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._seen = self._identity()
        self._restoring: asyncio.Task[None] | None = None
        self._watch = PeriodicCallback(self._look, _LOOK_MS)
        self._watch.start()

    @validate("extra_routes")
    def _validate_extra_routes(self, proposal: Any) -> dict[str, str]:
        # Upstream's check knows sockets as targets of servers and of the hub, not yet of these.
        return proposal["value"]

    async def add_route(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        """Add a route; a socket's target loses the port that it never had."""
        await super().add_route(routespec, without_port(target), data)

    async def add_user(self, user: Any, server_name: str = "") -> None:
        """Route a server; from here on browsers reach it, and the office may say so."""
        await super().add_user(user, server_name)
        await user.spawners[server_name].tell_ready()

    async def delete_user(self, user: Any, server_name: str = "") -> None:
        """Take the route of a server away, by whichever host it was reached."""
        await self.delete_route(user.spawners[server_name].proxy_spec)

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """Return the routes as the hub would have written them, so that its comparison finds no change."""
        routes: dict[str, dict[str, Any]] = await super().get_all_routes()
        for route in routes.values():
            if "user" in route["data"] and route["target"].startswith(_SOCKETS):
                route["target"] += _PORT
        return routes

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = Path(self.api_socket).stat()
        except OSError:
            return None
        return found.st_ino, found.st_ctime_ns

    def _look(self) -> None:
        seen = self._identity()
        if seen is None or seen == self._seen or (self._restoring and not self._restoring.done()):
            return
        self._seen = seen
        self._restoring = asyncio.ensure_future(self._restore())

    async def _restore(self) -> None:
        try:
            await self.check_routes(self.app.users, self.app._service_map)  # noqa: SLF001
        except Exception:
            self._seen = None  # once more at the next look
            self.log.exception("The new proxy did not take its routes")


def without_port(target: str) -> str:
    """Return a target without the port that upstream appends to a socket's path.

    >>> without_port("http+unix://%2Frun%2Fs.sock:80"), without_port("http://host:80")
    ('http+unix://%2Frun%2Fs.sock', 'http://host:80')
    """
    return target.removesuffix(_PORT) if target.startswith(_SOCKETS) else target
