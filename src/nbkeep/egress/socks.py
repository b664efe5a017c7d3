"""SOCKS 5 (RFC 1928): CONNECT without a password, to names and addresses."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING

from .refusals import Refusal, malformed

if TYPE_CHECKING:
    from .talk import Talk
    from .wire import Wire

VERSION = 5
_NO_PASSWORD, _NONE_OF_THEM = 0, 0xFF
_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
# What the client is told about each kind of refusal.
_CODES = {403: 2, 400: 1, 408: 1, 502: 4, 503: 1, 504: 4}
_NOT_SUPPORTED, _BAD_ADDRESS = 7, 8


async def ask(talk: Talk) -> tuple[Wire, int]:
    """Serve greeting and request; return what is connected, and its port. Raises `Refusal` after telling."""
    try:
        async with asyncio.timeout(talk.limits.head_s):
            host, port = await _request(talk.wire)
    except TimeoutError as error:
        raise Refusal(408, "egress-slow", "the request came too slowly") from error
    try:
        upstream = await talk.dial(host, port, "socks")
    except Refusal as refusal:
        await talk.wire.last_words(_reply(_CODES[refusal.status]))
        raise
    await talk.wire.send(_reply(0))
    return upstream, port


async def _request(wire: Wire) -> tuple[str, int]:
    _, count = await wire.exactly(2)
    if _NO_PASSWORD not in await wire.exactly(count):
        await wire.last_words(bytes([VERSION, _NONE_OF_THEM]))
        raise malformed("SOCKS is served without a password only")
    await wire.send(bytes([VERSION, _NO_PASSWORD]))
    version, command, _, kind = await wire.exactly(4)
    if version != VERSION or command != _CONNECT:
        await wire.last_words(_reply(_NOT_SUPPORTED))
        raise malformed("SOCKS serves CONNECT only")
    if kind == _IPV4:
        host = str(ipaddress.IPv4Address(await wire.exactly(4)))
    elif kind == _IPV6:
        host = str(ipaddress.IPv6Address(await wire.exactly(16)))
    elif kind == _NAME:
        (length,) = await wire.exactly(1)
        # A name that is not UTF-8 stays recognisable as none.
        host = (await wire.exactly(length)).decode(errors="replace")
    else:
        await wire.last_words(_reply(_BAD_ADDRESS))
        raise malformed("SOCKS was given an unknown kind of address")
    return host, int.from_bytes(await wire.exactly(2), "big")


def _reply(code: int) -> bytes:
    return bytes([VERSION, code, 0, _IPV4, 0, 0, 0, 0, 0, 0])
