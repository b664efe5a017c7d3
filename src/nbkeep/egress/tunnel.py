"""Bytes both ways, once the first ones have been looked at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .hello import MOST_BYTES, UNRECOGNIZED_NAME, look
from .refusals import Refusal
from .wire import pump

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .talk import Talk
    from .wire import Wire

    Serve = Callable[[Talk, Wire], Awaitable[None]]

_HTTPS = 443


async def run_tunnel(
    talk: Talk, upstream: Wire, port: int, serve_http: Serve, serve_keyed: Serve | None = None
) -> None:
    """Carry bytes both ways until both sides have ended; `serve_http` gets HTTP in clear, and checks it.

    `serve_keyed` gets TLS to a host to whose requests a secret is added.

    Servers may speak first; what the program says first decides whether anything of it is passed on.
    """
    down: asyncio.Task[None] | None = None
    # A server may speak first also where only what is sent to it is examined.
    if port != _HTTPS and (serve_keyed is None or talk.may_hear_first):
        down = asyncio.create_task(_half(talk, upstream, talk.wire, talk.received))
    try:
        first = await _first_words(talk, port, is_held=down is None)
        kind = look(first).kind if first else "other"
        talk.wire.hold(first)
        if kind == "tls" and serve_keyed is not None:
            if down is not None:
                await _stopped(down)
            await serve_keyed(talk, upstream)
            return
        if kind == "http":
            if down is not None:
                await _stopped(down)
            await serve_http(talk, upstream)
            return
        if first:
            talk.pass_unread()
        if down is None:
            down = asyncio.create_task(_half(talk, upstream, talk.wire, talk.received))
        up = asyncio.create_task(_half(talk, talk.wire, upstream, talk.sent))
        await _both(up, down)
    finally:
        if down is not None:
            await _stopped(down)


async def carry(talk: Talk, upstream: Wire) -> None:
    """Carry bytes both ways, whatever they are, until both sides have ended."""
    down = asyncio.create_task(_half(talk, upstream, talk.wire, talk.received))
    up = asyncio.create_task(_half(talk, talk.wire, upstream, talk.sent))
    try:
        await _both(up, down)
    finally:
        await _stopped(down)


async def _first_words(talk: Talk, port: int, *, is_held: bool) -> bytes:
    """Return what the program says first, once it is known what it is; raises `Refusal`."""
    data = b""
    while True:
        try:
            # On other ports a program may wait for the server; once it has begun, it has to go on.
            async with asyncio.timeout(talk.limits.head_s if is_held or data else None):
                more = await talk.wire.receive(MOST_BYTES)
        except TimeoutError as error:
            raise Refusal(408, "egress-slow", "the program was too slow to say what it wants") from error
        data += more
        hello = look(data)
        if hello.kind == "tls":
            try:
                talk.check_server_name(hello.server_name)
            except Refusal:
                await talk.wire.last_words(UNRECOGNIZED_NAME)
                raise
            return data
        if hello.kind == "broken":
            raise Refusal(400, "egress-malformed", "what was sent is neither TLS nor HTTP in its usual form")
        if hello.kind == "more" and more:
            continue
        if port == _HTTPS and data:
            talk.refuse_plain()
        return data


async def _half(talk: Talk, source: Wire, target: Wire, told: Callable[[int], None]) -> None:
    await pump(source, target, told)
    talk.is_half_closed = True


async def _both(up: asyncio.Task[None], down: asyncio.Task[None]) -> None:
    """Wait for both; the end of one by an error is the end of the other."""
    try:
        done, _ = await asyncio.wait({up, down}, return_when=asyncio.FIRST_EXCEPTION)
        for one in done:
            one.result()
    finally:
        await _stopped(up)


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
