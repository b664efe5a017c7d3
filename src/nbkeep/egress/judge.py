"""Holds the head of a request against the rules about requests to its host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from .values import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .talk import Talk
    from .web import Asked, Target

# By these, some servers take another method than the request's own, or another path beside it.
_METHODS = frozenset({
    "x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-forwarded-method",
})  # fmt: skip
_PATHS = frozenset({
    "x-original-url", "x-rewrite-url", "x-original-uri", "x-override-url", "x-forwarded-uri",
    "x-waws-unencoded-url", "destination", "x-copy-from",
})  # fmt: skip
_COPIED = ("-copy-source", "-rename-source")  # each vendor of object stores has them with a prefix of its own
_FIELDS = _METHODS | {"_method"}


def judge(talk: Talk, asked: Asked, target: Target) -> None:
    """Refuse a request that the rules do not allow, before anything of it is sent; raises `Refusal`.

    What secrets will add to it counts as if it were there: people choose where theirs are put.
    """
    path, _, query = (target.path or b"/").partition(b"?")
    names = [name.decode("ascii", "replace") for name, _ in asked.request.headers]
    names += [lease.place for lease in talk.leases if lease.kind == "header"]
    # Servers that speak CGI or WSGI read `_` in a header's name as they read `-`.
    headers = {name.lower().replace("_", "-") for name in names}
    fields = [unquote_plus(one.partition("=")[0]) for one in re.split("[&;]", query.decode("latin-1"))]
    fields += [lease.place for lease in talk.leases if lease.kind == "query"]
    other_method = _first("header", headers & _METHODS) or _first("query", _FIELDS & set(map(_read, fields)))
    copied = {name for name in headers if name.endswith(_COPIED)}
    talk.judge(
        Request(
            asked.request.method.decode("ascii", "replace"),
            # Bytes that are no letters of HTTP stay recognisable as such.
            path.decode("ascii", "surrogateescape"),
            other_method,
            _first("header", (headers & _PATHS) | copied),
        )
    )


def _read(field: str) -> str:
    """Return a field's name as servers may read it: for PHP, `.x`, `[x` and `x[]` are `_x` or `x`."""
    name = re.sub("[^a-z]", "-", field.strip().lower()).rstrip("-")
    return "_method" if name == "-method" else name


def _first(what: str, names: Iterable[str]) -> str:
    return next((f"its {what} {name}" for name in sorted(names)), "")
