"""Counts the office's answers by the route that gave them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nbkeep.telemetry.instruments import REQUEST_SECONDS, REQUESTS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What people ask for is not among the labels: a path that leads nowhere has no name of its own, nor has an
# invented method.
_NOWHERE, _FILE, _OTHER = "(none)", "(file)", "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FAILED = 500


class CountedRequests:
    """Middleware. Streams count by the beginning of their answer: they go on for hours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status, took_s = time.perf_counter(), _FAILED, None

        async def looked_at(message: Message) -> None:
            nonlocal status, took_s
            if message["type"] == "http.response.start":
                status, took_s = message["status"], time.perf_counter() - began_s
            await send(message)

        try:
            await self._app(scope, receive, looked_at)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else _OTHER
            route = route_of(scope)
            REQUESTS.labels(method, route, status).inc()
            REQUEST_SECONDS.labels(method, route).observe(
                time.perf_counter() - began_s if took_s is None else took_s
            )


def route_of(scope: Scope) -> str:
    """Return the template of the route that answered, such as /api/v1/sessions/{session_id}."""
    # FastAPI keeps a route of an included router as it was written there, and beside it the whole path.
    whole = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(whole, "path", None) or getattr(scope.get("route"), "path", None)
    mounted = scope.get("root_path", "")
    if isinstance(path, str):
        return f"{mounted}{path}"
    return f"{mounted}/{_FILE}" if mounted else _NOWHERE
