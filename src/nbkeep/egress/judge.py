"""Holds the head of a request against the rules about requests to its host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .values import Request

if TYPE_CHECKING:
    from .talk import Talk
    from .web import Asked, Target

# By these, some servers take another method or another path than the request's own.
_OVERRIDES = frozenset({
    b"x-http-method-override", b"x-http-method", b"x-method-override", b"x-original-url", b"x-rewrite-url",
    b"x-original-uri", b"x-override-url",
})  # fmt: skip


def judge(talk: Talk, asked: Asked, target: Target) -> None:
    """Refuse a request that the rules do not allow, before anything of it is sent; raises `Refusal`."""
    # Servers that speak CGI or WSGI read `_` in a header's name as they read `-`.
    names = {name.lower().replace(b"_", b"-") for name, _ in asked.request.headers}
    override = next(iter(sorted(names & _OVERRIDES)), b"").decode()
    # Bytes that are no letters of HTTP stay recognisable as such.
    path = (target.path or b"/").partition(b"?")[0].decode("ascii", "surrogateescape")
    talk.judge(Request(asked.request.method.decode("ascii", "replace"), path, override))
