"""What every answer of the portal tells the browser: no foreign script, no frame, no copy kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# `form-action` covers redirects after a form too (CSP3, 6.4.1): forms never lead to a session's origin.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not `no-referrer`: browsers then send `Origin: null` with our own forms, and the check would fail.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_KEEP_STATIC = (
    "public, max-age=31536000, immutable"  # addresses of static files carry a hash of their content
)


class SecurityHeaders:
    """Middleware that adds the headers. Plain ASGI, so that event streams pass unbuffered."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = ALWAYS | ({"strict-transport-security": "max-age=31536000"} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the headers added."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_static = "/static/" in scope["path"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)  # shared documents are told more: see viewer.py
                kept = is_static and message["status"] == 200
                headers["cache-control"] = _KEEP_STATIC if kept else "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)
