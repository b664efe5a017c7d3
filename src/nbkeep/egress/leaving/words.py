"""What of a request counts as sent beside its body, as one text to be looked at. Pure.

Left out is what every program says, as long as it is as usual, and by what it signs in: a key that a host
asks for is no leak to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from .interface import Sent

_NEVER_SENT = frozenset({
    "host", "connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "trailer",
    "content-length", "transfer-encoding",
})  # fmt: skip  # or read by the gateway, and written anew
_KIND = r"[a-z*]{1,16}/[a-z*]{1,16}(?:[.+-][a-z0-9]{1,12}){0,5}"
_WORD = r"[a-z*]{1,8}(?:-[a-z0-9]{1,5}){0,2}"
_QUALITY = r"(?:; ?[qv]=[\w.]{1,5})?"
_DATE = r"[a-z]{3,9}, \d\d[ -][a-z]{3}[ -]\d{2,4} \d\d:\d\d:\d\d (?:gmt|utc)"
_CACHING = r"(?:no-cache|no-store|no-transform|only-if-cached|(?:max-age|min-fresh|max-stale)=\d{1,8})"
_HASH = r"[a-z0-9+/]{22}=="
_PRODUCT = r"[a-z][a-z_-]{0,24}(?:/\d{1,3}(?:\.\d{1,3}){0,2})?"


def _list(one: str, most: int = 12) -> str:
    return rf"{one}(?:, ?{one}){{0,{most - 1}}}"


# As these are usually, there is no room in them for anything. A tag (ETag) may be any text, so none is here.
_ORDINARY = {
    name: re.compile(form, re.IGNORECASE | re.ASCII)
    for name, form in {
        "accept": _list(_KIND + _QUALITY), "accept-encoding": _list(_WORD + _QUALITY),
        "accept-language": _list(_WORD + _QUALITY), "accept-charset": _list(_WORD + _QUALITY),
        "content-type": rf"{_KIND}(?:; ?charset={_WORD})?", "content-encoding": _list(_WORD, 4),
        "content-md5": _HASH, "range": r"bytes=\d{0,12}-\d{0,12}", "expect": "100-continue", "dnt": "[01]",
        "date": _DATE, "if-modified-since": _DATE, "if-unmodified-since": _DATE,
        "cache-control": _list(_CACHING, 4), "pragma": "no-cache", "upgrade-insecure-requests": "1",
        "upgrade": "websocket|h2c", "sec-websocket-version": r"\d{1,2}", "sec-websocket-key": _HASH,
        "sec-websocket-extensions": r"permessage-deflate(?:; ?[a-z_]{1,30}(?:=\d{1,2})?){0,4}",
        "user-agent": rf"{_PRODUCT}(?: {_PRODUCT}){{0,3}}",
    }.items()
}  # fmt: skip
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_SIGNING_IN = frozenset({
    "authorization", "proxy-authorization", "cookie", "api-key", "x-api-key", "apikey", "x-auth-token",
    "x-access-token", "private-token", "x-csrf-token", "x-goog-api-key", "x-vault-token",
    "x-gitlab-token", "x-github-token", "job-token", "x-functions-key", "ocp-apim-subscription-key",
    "dd-api-key", "x-xsrf-token", "sec-websocket-protocol",
})  # fmt: skip
# One by one: their metadata (`x-amz-meta-…`) is anybody's text.
_SIGNATURES = frozenset({
    *(f"x-{vendor}-{name}" for vendor in ("amz", "goog", "oss") for name in (
        "algorithm", "content-sha256", "credential", "date", "expires", "security-token", "signature",
        "signature-version", "signedheaders",
    )),
    "x-amz-decoded-content-length", "x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-sha1",
    "x-amz-checksum-sha256", "x-amz-checksum-crc64nvme", "x-goog-hash", "x-ms-date", "x-ms-version",
    "x-ms-content-sha256",
})  # fmt: skip
_SIGNING_IN_FIELDS = frozenset({
    "key", "api_key", "apikey", "api-key", "access_token", "token", "sig", "signature", "jwt", "auth",
    "client_id", "awsaccesskeyid", "googleaccessid", "expires", "policy", "key-pair-id", "hash", "se",
    "sp", "sv", "sr", "st", "skoid", "sktid", "skt", "ske", "sks", "skv",
})  # fmt: skip
# What is so long is not what anybody signs in with.
_LONGEST_SIGNATURE = 8 << 10
_LONGEST_ORDINARY = 400
# Of short words, with no number that could be anybody's.
_SHORT_PATH = re.compile(r"\*|(?:/(?!(?:[^/]*\d){9})[A-Za-z0-9._~-]{0,15})*", re.ASCII)


def words_of(request: Sent) -> str:
    """Return what is to be looked at, "" where there is nothing that could hold more than a name."""
    path, _, query = request.target.decode("latin-1").partition("?")
    lines = [] if request.method in _METHODS else [request.method]
    if not _SHORT_PATH.fullmatch(path):
        plain = unquote_plus(path)
        lines += [plain, *plain.split("/")]  # an address of mail after a slash is none
    for field in re.split("[&;]", query):
        name, _, value = field.partition("=")
        plain = unquote_plus(name).lower()
        if field and not _signs_in(plain, value, _SIGNING_IN_FIELDS):
            lines.append(f"{unquote_plus(name)} = {unquote_plus(value)}")
    # Names go on as they were written.
    names = request.names or tuple(name for name, _ in request.headers)
    for name, (_, value) in zip(names, request.headers, strict=True):
        word, said = name.decode("latin-1"), value.decode("latin-1")
        if not _is_ordinary(word.lower(), said) and not _signs_in(word.lower(), said, _SIGNING_IN):
            lines.append(f"{word}: {said}")
    return "\n".join(lines)


def _is_ordinary(name: str, value: str) -> bool:
    form = _ORDINARY.get(name)
    if form is None:
        return name in _NEVER_SENT
    return len(value) <= _LONGEST_ORDINARY and form.fullmatch(value) is not None


def _signs_in(name: str, value: str, known: frozenset[str]) -> bool:
    if len(value) > _LONGEST_SIGNATURE:
        return False
    return name in known or name in _SIGNATURES
