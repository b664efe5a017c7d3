"""Holds the head of a request against the rules about requests to its host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .values import Request

if TYPE_CHECKING:
    from .talk import Talk
    from .web import Asked, Target

# By these, some servers take another method than the request's own, or another path beside it.
_METHODS = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
_PATHS = frozenset({
    b"x-original-url", b"x-rewrite-url", b"x-original-uri", b"x-override-url", b"destination",
    b"x-amz-copy-source", b"x-amz-rename-source",
})  # fmt: skip


def judge(talk: Talk, asked: Asked, target: Target) -> None:
    """Refuse a request that the rules do not allow, before anything of it is sent; raises `Refusal`."""
    # Servers that speak CGI or WSGI read `_` in a header's name as they read `-`.
    names = {name.lower().replace(b"_", b"-") for name, _ in asked.request.headers}
    # Bytes that are no letters of HTTP stay recognisable as such.
    path = (target.path or b"/").partition(b"?")[0].decode("ascii", "surrogateescape")
    method = asked.request.method.decode("ascii", "replace")
    talk.judge(Request(method, path, _first(names & _METHODS), _first(names & _PATHS)))


def _first(names: frozenset[bytes] | set[bytes]) -> str:
    return min(names, default=b"").decode()
