"""Which hosts are forges, and which requests to one send something there by git. Pure."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any, cast
from urllib.parse import parse_qs, unquote

_SERVICE = "git-receive-pack"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_WEBDAV = frozenset(
    {"MKCOL", "MOVE", "COPY", "LOCK", "PROPPATCH"}
)  # by these git pushes to a plain web server
_PLAIN = re.compile(r"[A-Za-z0-9._~@:+,=!$&'()*/-]+")  # of a path: what is read in one way only
_ROUNDS = 3  # of decoding: what is still encoded after that is no path that a forge serves


class About(StrEnum):
    """What a request to a forge has to do with what git sends."""

    REFS = "refs"
    """git asks for the forge's refs, before a push."""
    PUSH = "push"
    LARGE_FILES = "large-files"
    """Git LFS asks where to, by a body of JSON."""
    UNREAD = "unread"
    """It sends something by git in a way that is not read."""
    OTHER = "other"


def is_forge(host: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a host is one of these; `*.acme.example` are those below it.

    >>> [is_forge(one, ("github.com", "*.acme.example")) for one in ("github.com", "x.acme.example", "x.io")]
    [True, True, False]
    """
    host = host.lower().rstrip(".")
    return any(host.endswith(one[1:]) if one.startswith("*.") else host == one for one in patterns)


def about(method: str, target: str, content_type: str = "") -> About:
    """Return what a request has to do with a push. Spellings of a path that servers may read as one count.

    >>> about("GET", "/a/b.git/info/refs?service=git-receive-pack").value, about("GET", "/a/b").value
    ('refs', 'other')
    >>> about("POST", "/a/b.git/git%2Dreceive-pack").value, about("PUT", "/a.git/gitlab-lfs/objects/1").value
    ('push', 'unread')
    """
    path, _, query = target.partition("?")
    path = _read(path)
    if method in _READING:
        services = [_read(one) for one in parse_qs(query).get("service", [])]
        return About.REFS if path.endswith("/info/refs") and _SERVICE in services else About.OTHER
    if _SERVICE in path or _SERVICE in content_type.lower():
        return About.PUSH
    if method in _WEBDAV:
        return About.UNREAD
    if path.endswith("/info/lfs/objects/batch"):
        return About.LARGE_FILES
    if method != "POST" and ("lfs" in path or ".git/" in path):
        return About.UNREAD
    return About.OTHER


def is_plain_push(target: str) -> bool:
    """Tell whether a push is asked for as git writes it, so that each repository has one address here.

    A reviewer's answer is for an address: spellings that a forge reads as another one name none.

    >>> [is_plain_push(f"/acme/y.git/git{one}receive-pack") for one in ("-", "%2D")]
    [True, False]
    """
    path = target.removesuffix(f"/{_SERVICE}")
    return (
        path != target
        and path.startswith("/")
        and _PLAIN.fullmatch(path) is not None
        and not {"", ".", ".."} & set(path[1:].split("/"))
    )


def repository(host: str, port: int, target: str) -> str:
    """Return the address of the repository that a push is to, of which `is_plain_push` is true.

    >>> repository("github.com", 443, "/acme/risk.git/git-receive-pack")
    'https://github.com/acme/risk.git'
    """
    path = target.partition("?")[0].rpartition(f"/{_SERVICE}")[0].rstrip("/")
    at = host if port == 443 else f"{host}:{port}"
    return f"https://{at}{path}"


def is_download(body: bytes) -> bool:
    """Tell whether Git LFS asks for files to fetch; whatever cannot be read, or is another thing, is not."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and cast("dict[str, Any]", found).get("operation") == "download"


def _read(text: str) -> str:
    for _ in range(_ROUNDS):
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    return re.sub(r";[^/]*", "", text).lower().rstrip("/")
