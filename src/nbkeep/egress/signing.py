"""Requests to AWS, and to what speaks like it, signed anew with keys that the session does not have. Pure.

What the program signed with is not looked at and goes no further. Region and service are those that the
secret is bound to, the host is the one that is spoken to, the time is now. Signature Version 4, by AWS's own
library.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from .refusals import Refusal, malformed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from .aws_keys import AwsKeys

    Headers = list[tuple[bytes, bytes]]

KIND = "sigv4"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_HASH = re.compile(r"[0-9a-f]{64}")
_NOTHING = hashlib.sha256(b"").hexdigest()
_PAYLOAD = b"x-amz-content-sha256"
# What a signature consists of, as headers and in an address that was signed beforehand.
_OF_HEADERS = frozenset({
    b"authorization", b"date", b"x-amz-date", b"x-amz-security-token", b"x-amz-s3session-token", _PAYLOAD,
    b"x-amz-region-set",
})  # fmt: skip
_OF_ADDRESS = frozenset({
    b"x-amz-algorithm", b"x-amz-credential", b"x-amz-date", b"x-amz-expires", b"x-amz-signedheaders",
    b"x-amz-signature", b"x-amz-security-token", b"x-amz-s3session-token", _PAYLOAD, b"x-amz-region-set",
})  # fmt: skip
_OF_OLD_ADDRESS = frozenset({b"awsaccesskeyid", b"signature", b"expires"})  # signature version 2
_SIGNED = frozenset({b"content-type", b"content-md5"})  # beside the host and all x-amz-*
# Their paths are signed as they are; those of other services encoded once more.
_LIKE_S3 = frozenset({"s3", "s3-object-lambda", "s3-outposts"})


@dataclass(frozen=True)
class Scope:
    """What a signature counts for."""

    region: str
    service: str

    @property
    def is_s3(self) -> bool:
        """Whether paths and bodies are signed as by S3."""
        return self.service in _LIKE_S3


def needs_body(headers: Iterable[tuple[bytes, bytes]], scope: Scope) -> bool:
    """Tell whether the whole body must be there before the request can be signed."""
    names = {_as_read(name) for name, _ in headers}
    has_body = b"transfer-encoding" in names or b"content-length" in names
    return has_body and not scope.is_s3 and _PAYLOAD not in names


def sign(
    method: bytes,
    host: bytes,
    target: bytes,
    headers: Headers,
    keys: AwsKeys,
    scope: Scope,
    now: datetime,
    body: bytes | None = None,
) -> tuple[bytes, Headers]:
    """Return a request's target and headers as they are sent, signed; raises `Refusal`.

    `host`: the Host header that is sent. `body`: where `needs_body` says that it is needed.
    """
    if not target.startswith(b"/"):
        raise malformed("a request to AWS has a path")
    path, _, query = target.partition(b"?")
    if scope.is_s3:
        path = _encoded(unquote_to_bytes(path), b"/")
    pairs = [_decoded(one) for one in query.split(b"&") if one]
    payload = _payload(headers, pairs, scope, body)
    target = b"?".join([path, *_kept(pairs)])
    headers = [pair for pair in headers if _as_read(pair[0]) not in _OF_HEADERS]
    signed = _joined(pair for pair in headers if _is_signed(pair[0]))
    rest = [pair for pair in headers if not _is_signed(pair[0])]
    try:
        added = _signed(method, target, [(b"Host", host), *signed], payload, keys, scope, now)
    except UnicodeError as error:
        raise malformed("a header of the request is not text, and cannot be signed") from error
    return target, [*signed, *rest, *added]


def _signed(
    method: bytes, target: bytes, headers: Headers, payload: str, keys: AwsKeys, scope: Scope, now: datetime
) -> Headers:
    """Return the headers that the signature consists of."""
    auth, http, errors = _library()
    given = http.HttpHeaders([(name.decode("ascii"), value.decode()) for name, value in headers])
    request = http.HttpRequest(method.decode("ascii"), target.decode("ascii"), given)
    config = auth.AwsSigningConfig(
        credentials_provider=auth.AwsCredentialsProvider.new_static(
            keys.access_key_id, keys.secret_access_key, keys.session_token or None
        ),
        region=scope.region,
        service=scope.service,
        date=now,
        use_double_uri_encode=not scope.is_s3,
        should_normalize_uri_path=not scope.is_s3,
        signed_body_value=payload,
        signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
    )
    try:
        done = auth.aws_sign_request(request, config).result(timeout=0)  # no other thread has a part in it
    except errors.AwsCrtError as error:
        raise malformed("the request cannot be signed as it is") from error
    before = {name.lower() for name, _ in headers}
    return [
        (name.encode(), value.encode())
        for name, value in done.headers
        if name.lower().encode() not in before
    ]  # fmt: skip


@cache
def _library() -> tuple[Any, Any, Any]:
    """Return it: a gateway that signs nothing does without its 11 MB, and the tenth of a second."""
    auth, http, errors = (importlib.import_module(f"awscrt.{one}") for one in ("auth", "http", "exceptions"))
    return auth, http, errors


def _payload(
    headers: Headers, pairs: list[tuple[bytes, bytes | None]], scope: Scope, body: bytes | None
) -> str:
    """Return what is signed of the body: what the program says, so that the server checks the same."""
    said = {value.strip() for name, value in headers if _as_read(name) == _PAYLOAD}
    said |= {value or b"" for name, value in pairs if name.lower() == _PAYLOAD}
    if len(said) > 1:
        raise malformed("the request says twice what its body is (x-amz-content-sha256)")
    if not said:
        return _UNSIGNED if scope.is_s3 else hashlib.sha256(body).hexdigest() if body else _NOTHING
    one = said.pop().decode("latin-1")
    if one in {_UNSIGNED, _TRAILER} or _HASH.fullmatch(one):
        return one
    if one.startswith("STREAMING-"):
        raise Refusal(
            400,
            "egress-signed-chunks",
            "each piece of the request's body is signed for itself, which cannot be done anew here",
            "Have the program sign the body as a whole or not at all (UNSIGNED-PAYLOAD); over HTTPS most do.",
        )
    raise malformed("the request does not say what its body is (x-amz-content-sha256)")


def _kept(pairs: list[tuple[bytes, bytes | None]]) -> list[bytes]:
    """Return what remains of the query, as at most one text."""
    names = {name.lower() for name, _ in pairs}
    dropped = _OF_ADDRESS | _OF_OLD_ADDRESS if b"awsaccesskeyid" in names else _OF_ADDRESS
    kept = [pair for pair in pairs if pair[0].lower() not in dropped]
    said = [
        _encoded(name) if value is None else _encoded(name) + b"=" + _encoded(value) for name, value in kept
    ]
    return [b"&".join(said)] if said else []


def _decoded(pair: bytes) -> tuple[bytes, bytes | None]:
    name, equals, value = (unquote_to_bytes(part.replace(b"+", b" ")) for part in pair.partition(b"="))
    return name, value if equals else None


def _encoded(data: bytes, more: bytes = b"") -> bytes:
    return quote(data, safe=b"-_.~" + more).encode()


def _is_signed(name: bytes) -> bool:
    return name.lower() in _SIGNED or name.lower().startswith(b"x-amz-")


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return each name once: servers join several lines of one name in ways of their own."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return [(name, b",".join(values)) for name, values in found.items()]


def _as_read(name: bytes) -> bytes:
    return name.lower().replace(b"_", b"-")
