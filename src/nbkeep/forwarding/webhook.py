"""Batches of JSON lines by HTTPS POST, signed with a shared secret."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import TYPE_CHECKING

import httpx

from .dialling import CONNECT_S, WHOLE_S, address_of, failed, in_words, trust

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

    from .rules import Place

SIGNATURE = "X-Nbkeep-Signature"
_FINE, _REDIRECTS = range(200, 300), range(300, 400)


def post(
    place: Place,
    body: bytes,
    *,
    secrets: Sequence[str],
    at_s: int,
    headers: Mapping[str, str],
    ca_file: str,
    allowed: tuple[str, ...],
) -> None:
    """Send one batch; return when the receiver has answered 2xx. `at_s`: seconds since 1970, which is signed.

    Raises `Unavailable` for everything else, and `Refused` (403) for an address that may not be.
    """
    address, context = address_of(place, allowed), trust(ca_file)
    told = {
        **headers,
        "Host": place.host if place.port == 443 else f"{_bracketed(place.host)}:{place.port}",
        "Content-Type": "application/x-ndjson",
        "User-Agent": "nbkeep",
        SIGNATURE: signature(secrets, at_s, body),
    }
    url = f"https://{_bracketed(address)}:{place.port}{place.path}"
    try:
        status = asyncio.run(_status(url, body, told, context, place.host))
    except TimeoutError as error:
        raise failed("it did not answer in time") from error
    except httpx.HTTPError as error:
        raise _in_words(error) from error
    if status in _REDIRECTS:
        raise failed(f"it answered {status}, a redirect, which is not followed")
    if status not in _FINE:
        raise failed(f"it answered {status}")


def signature(secrets: Sequence[str], at_s: int, body: bytes) -> str:
    """Return the header: the time, and for each secret HMAC-SHA256 over "TIME.BODY" in hex."""
    signed = b"%d.%b" % (at_s, body)
    values = [f"v1={hmac.new(one.encode(), signed, hashlib.sha256).hexdigest()}" for one in secrets]
    return ",".join([f"t={at_s}", *values])


async def _status(
    url: str, body: bytes, headers: Mapping[str, str], context: ssl.SSLContext, host: str
) -> int:
    async with (
        # A receiver that answers drop by drop keeps each single timeout: this one is for all of it.
        asyncio.timeout(WHOLE_S),
        httpx.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(WHOLE_S, connect=CONNECT_S),
        ) as client,
        client.stream(
            "POST", url, content=body, headers=dict(headers), extensions={"sni_hostname": host}
        ) as answer,
    ):
        return answer.status_code  # nobody needs what it says


def _in_words(error: httpx.HTTPError) -> Exception:
    # The library's own words may hold the address and its path.
    cause: BaseException | None = error
    found: OSError | None = None
    while cause is not None:  # the innermost one knows most
        found = cause if isinstance(cause, OSError) else found
        cause = cause.__cause__ or cause.__context__
    if found is not None:
        return in_words(found)
    if isinstance(error, httpx.TimeoutException):
        return failed("it did not answer in time")
    return failed("it closed the connection without an answer")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
