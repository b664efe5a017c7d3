"""HTTP/1.1 as a proxy speaks it (RFC 9112, RFC 9110): CONNECT, and requests with the whole address in them.

Every message is taken apart by h11 and put together anew, one request for each connection on either side:
what one program and another would read differently in it does not get through.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from nbkeep.model.errors import Refused

from .parse import parse_host, parse_port
from .refusals import Refusal, malformed
from .touches import Untouched
from .tunnel import carry
from .wire import CutError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .leaving.body import Body
    from .talk import Talk
    from .wire import Wire

    Headers = list[tuple[bytes, bytes]]

_HEAD_BYTES = 64 << 10
# For a body that is read before it goes on: all of it, and how long nothing of it may come.
_BODY_S, _PAUSE_S = 900.0, 60.0
_ABSOLUTE = re.compile(rb"http://([^/?#@\\]+)([/?][^#]*)?", re.IGNORECASE)
_HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"upgrade",
})  # fmt: skip
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_HTTP, _HTTPS = 80, 443
_SWITCHING = 101
_BODILESS = frozenset({204, 304})
_WAYS = "Set HTTP_PROXY and HTTPS_PROXY to it, as they are in every kernel and terminal; code needs no more."


@dataclass(frozen=True)
class Target:
    """Where a request wants to go. `path`: what is asked of the server, None for CONNECT."""

    host: str
    port: int
    path: bytes | None = None

    def authority(self, default_port: int) -> bytes:
        """Return what the Host header says of it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (host if self.port == default_port else f"{host}:{self.port}").encode()


class Asked:
    """A client's request, so far its head."""

    def __init__(self, connection: h11.Connection, request: h11.Request) -> None:
        self.connection, self.request = connection, request
        self.body: bytes | None = None  # where it had to be read before the request goes on
        self.may_upgrade = False  # it may become another protocol, and is carried unread then
        self.spooled: Body | None = None  # likewise, on disk; what of it is not there comes after it

    @property
    def head_bytes(self) -> int:
        """How long its head is as the program sent it."""
        request = self.request
        headers = sum(len(name) + len(value) + 4 for name, value in request.headers)
        return len(request.method) + len(request.target) + headers + 13

    @property
    def wants_json(self) -> bool:
        """Whether a refusal is to be JSON."""
        return any(name == b"accept" and b"application/json" in value for name, value in self.request.headers)


async def read_head(talk: Talk) -> Asked:
    """Return the head of the request that comes; raises `Refusal`."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
    try:
        async with asyncio.timeout(talk.limits.head_s):
            while (event := connection.next_event()) is h11.NEED_DATA:
                connection.receive_data(await talk.wire.receive())
    except TimeoutError as error:
        raise Refusal(408, "egress-slow", "the request's head came too slowly") from error
    except h11.RemoteProtocolError as error:
        what = str(error).partition(":")[0]  # after it is what was sent, which is on no record
        raise malformed(f"the request is not valid HTTP ({what})") from error
    if not isinstance(event, h11.Request):
        raise CutError("ended before a request")
    _check_framing(event)
    return Asked(connection, event)


def proxied(asked: Asked) -> Target:
    """Return where a request to a proxy wants to go; raises `Refusal`."""
    request = asked.request
    if request.method == b"CONNECT":
        host, port = _authority(request.target, None)
        _check_host(asked, host, port, default=port)
        return Target(host, port)
    if request.target.startswith(b"/") or request.target == b"*":
        raise malformed("this is nbkeep's proxy, not a server", _WAYS)
    if request.target.lower().startswith(b"https:"):
        raise malformed("https is served by CONNECT only", _WAYS)
    return _absolute(asked)


def tunnelled(asked: Asked, host: str, port: int, *, default: int = _HTTP) -> Target:
    """Return where a request inside a tunnel to this host wants to go; raises `Refusal`.

    `default`: the port that a Host header without one means.
    """
    target = asked.request.target
    if target.lower().startswith(b"http") and default == _HTTP:
        found = _absolute(asked)
        if (found.host, found.port) != (host, port):
            raise _disguised(host)
        return found
    if not target.startswith(b"/") and target != b"*":
        raise malformed("the request's target is not a path")
    if _check_host(asked, host, port, default=default) is None and asked.request.http_version != b"1.0":
        raise malformed("the request has no Host header")
    return Target(host, port, target)


async def read_body(talk: Talk, asked: Asked, limit: int) -> None:
    """Read the whole body, for what cannot be sent before it is known; raises `Refusal`."""
    data, spooled = bytearray(), asked.spooled
    if spooled is not None:
        if not spooled.is_whole or spooled.size > limit:
            raise _too_large(limit)
        data += b"".join(spooled.pieces())
    else:
        async for piece in pieces(talk, asked):
            data += piece
            if len(data) > limit:
                raise _too_large(limit)
    talk.sent(len(data))
    asked.body = bytes(data)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "egress-large", f"the body of this request has more than {limit >> 20} MiB")


async def pieces(talk: Talk, asked: Asked) -> AsyncGenerator[bytes]:
    """Yield what comes of a body, for what reads it before it goes on; raises `Refusal`.

    Nothing of it is counted as sent.
    """
    connection = asked.connection
    if connection.they_are_waiting_for_100_continue:
        proceed = h11.InformationalResponse(status_code=100, headers=[])
        await talk.wire.send(connection.send(proceed) or b"")
    began_s = asyncio.get_running_loop().time()
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                left_s = began_s + _BODY_S - asyncio.get_running_loop().time()
                async with asyncio.timeout(min(_PAUSE_S, left_s)):
                    connection.receive_data(await talk.wire.receive())
                talk.touch()
            elif isinstance(event, h11.Data):
                yield bytes(event.data)
    except TimeoutError as error:
        raise Refusal(408, "egress-slow", "the request's body came too slowly") from error
    except h11.RemoteProtocolError as error:
        raise CutError("the request ended in the middle") from error


async def connect(talk: Talk, asked: Asked, target: Target) -> Wire:
    """Serve a CONNECT: what is sent on then goes to what is returned. Raises `Refusal`."""
    upstream = await talk.dial(target.host, target.port, "connect", "CONNECT")
    await talk.wire.send(_ESTABLISHED)
    talk.wire.hold(asked.connection.trailing_data[0])
    return upstream


_UNTOUCHED = Untouched()


async def exchange(
    talk: Talk, asked: Asked, target: Target, upstream: Wire, touch: Untouched = _UNTOUCHED
) -> None:
    """Pass one request on and its answer back. Raises `Refusal` as long as no answer has begun."""
    server = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    sending: asyncio.Task[None] | None = None
    try:
        path, rest = touch.request(target.path or b"/", _end_to_end(asked.request))
        headers = [(b"Host", target.authority(touch.default_port))]
        headers += [one for one in rest if one[0].lower() != b"host"]
        if asked.body is not None or asked.spooled is not None:
            headers = [one for one in headers if one[0].lower() != b"expect"]  # the gateway has answered it
        headers += _upgrade(list(asked.request.headers)) if asked.may_upgrade else [(b"Connection", b"close")]
        request = h11.Request(method=asked.request.method, target=path, headers=headers)
        talk.sent(asked.head_bytes)  # what is added to it is nobody's to count
        await upstream.send(server.send(request) or b"")
        sending = asyncio.create_task(_send_body(talk, asked, server, upstream, touch))
        await _answer(talk, asked, server, upstream, sending, touch)
    finally:
        if sending is not None:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        touch.ended()


async def _send_body(
    talk: Talk, asked: Asked, server: h11.Connection, upstream: Wire, touch: Untouched
) -> None:
    if asked.body is not None:
        touch.completing()
        talk.give_back()
        await upstream.send(server.send(h11.Data(asked.body)) or b"")
        await upstream.send(server.send(h11.EndOfMessage()) or b"")
        return
    if asked.spooled is not None:
        await _send_spooled(talk, asked.spooled, server, upstream, touch)
        if asked.spooled.is_whole:
            return
    else:
        touch.completing()
    client = asked.connection
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            client.receive_data(await talk.wire.receive())
        elif isinstance(event, h11.Data):
            talk.sent(len(event.data))
            await upstream.send(server.send(event) or b"")
        elif isinstance(event, h11.EndOfMessage):
            await upstream.send(server.send(h11.EndOfMessage()) or b"")
            return
        else:
            raise CutError("the request ended in the middle")


async def _send_spooled(
    talk: Talk, body: Body, server: h11.Connection, upstream: Wire, touch: Untouched
) -> None:
    """Send what lies on disk, and the end where it is whole."""
    sent = 0
    for piece in body.pieces():
        sent += len(piece)
        if sent >= body.size or not body.is_whole:
            touch.completing()
        talk.sent(len(piece))
        await upstream.send(server.send(h11.Data(piece)) or b"")
    talk.give_back()  # an answer may take its time, and needs no place
    if body.is_whole:
        touch.completing()
        await upstream.send(server.send(h11.EndOfMessage()) or b"")


async def _answer(
    talk: Talk,
    asked: Asked,
    server: h11.Connection,
    upstream: Wire,
    sending: asyncio.Task[None],
    touch: Untouched,
) -> None:
    """Pass the answer back; an error of the request's body ends it."""
    client, begun = asked.connection, False
    while True:
        event = await _event(server, upstream, sending, begun=begun)
        if isinstance(event, (h11.InformationalResponse, h11.Response)):
            if isinstance(event, h11.Response):
                touch.begun(event.status_code)
            if asked.may_upgrade and event.status_code == _SWITCHING:
                await _carry_on(talk, asked, server, upstream, event)
                return
            message = _passed_back(event, asked, touch)
            begun = begun or isinstance(event, h11.Response)
            await talk.wire.send(client.send(message) or b"")
        elif isinstance(event, h11.Data):
            talk.received(len(event.data))
            if data := touch.body(bytes(event.data)):
                await talk.wire.send(client.send(h11.Data(data)) or b"")
        elif isinstance(event, h11.EndOfMessage):
            rest = await touch.rest()
            last = client.send(h11.Data(rest)) or b"" if rest else b""
            await talk.wire.last_words(last + (client.send(h11.EndOfMessage()) or b""))
            return
        else:
            raise CutError("the server ended in the middle")


async def _carry_on(
    talk: Talk,
    asked: Asked,
    server: h11.Connection,
    upstream: Wire,
    event: h11.InformationalResponse | h11.Response,
) -> None:
    """Pass the answer back that begins another protocol, and then bytes both ways."""
    talk.pass_unread()
    headers = [*_end_to_end(event), *_upgrade(list(event.headers))]
    message = h11.InformationalResponse(status_code=_SWITCHING, headers=headers, reason=event.reason)
    await talk.wire.send(asked.connection.send(message) or b"")
    upstream.hold(server.trailing_data[0])
    talk.wire.hold(asked.connection.trailing_data[0])
    await carry(talk, upstream)


def _upgrade(headers: Headers) -> Headers:
    """Return what asks for another protocol, or agrees to it."""
    found = [(b"Upgrade", value) for name, value in headers if name == b"upgrade"]
    return [*found, (b"Connection", b"Upgrade")]


async def _event(
    server: h11.Connection, upstream: Wire, sending: asyncio.Task[None], *, begun: bool
) -> object:
    """Return what comes next of the answer; raises `Refusal`, or `CutError` once it has begun."""
    try:
        while (event := server.next_event()) is h11.NEED_DATA:
            server.receive_data(await _next(upstream, sending))
    except Refusal as refusal:
        if begun:
            raise CutError(refusal.reason) from refusal
        raise
    except (h11.RemoteProtocolError, CutError, ConnectionError) as error:
        if begun:
            raise CutError("the answer ended in the middle") from error
        raise Refusal(502, "egress-failed", "the server did not answer in valid HTTP") from error
    return event


async def _next(upstream: Wire, sending: asyncio.Task[None]) -> bytes:
    """Return what comes from the server, unless the request's body fails before."""
    if sending.done():
        _raise(sending)
        return await upstream.receive()
    receiving = asyncio.create_task(upstream.receive())
    try:
        while not receiving.done():
            await asyncio.wait({receiving, *([] if sending.done() else [sending])},
                               return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
            if sending.done() and not receiving.done():
                _raise(sending)
        return receiving.result()
    finally:
        receiving.cancel()


def _raise(sending: asyncio.Task[None]) -> None:
    """Raise what a client's body failed by; a server that takes no more of it may still answer."""
    error = sending.exception()
    if isinstance(error, Refusal):
        raise error
    if isinstance(error, (h11.RemoteProtocolError, CutError)):
        raise CutError("the request ended in the middle") from error


def _passed_back(
    event: h11.InformationalResponse | h11.Response, asked: Asked, touch: Untouched
) -> h11.InformationalResponse | h11.Response:
    has_body = asked.request.method != b"HEAD" and event.status_code not in _BODILESS
    headers = touch.answer(_end_to_end(event), has_body=has_body and isinstance(event, h11.Response))
    reason = touch.reason(bytes(event.reason))
    if any(name.lower() == b"transfer-encoding" for name, _ in headers):
        headers = [one for one in headers if one[0].lower() != b"content-length"]
    if isinstance(event, h11.InformationalResponse):
        return h11.InformationalResponse(status_code=event.status_code, headers=headers, reason=reason)
    headers.append((b"Connection", b"close"))
    return h11.Response(status_code=event.status_code, headers=headers, reason=reason)


def _end_to_end(event: h11.Request | h11.Response | h11.InformationalResponse) -> Headers:
    """Return what is not only for this connection, names as they were written."""
    named = {
        one.strip().lower()
        for name, value in event.headers
        if name == b"connection"
        for one in value.split(b",")
    }
    # What says where the message ends is nobody's to drop.
    dropped = _HOP_BY_HOP | (named - {b"host", b"content-length", b"transfer-encoding"})
    return [(name, value) for name, value in event.headers.raw_items() if name.lower() not in dropped]


def _check_framing(request: h11.Request) -> None:
    names = [name for name, _ in request.headers]
    if b"content-length" in names and b"transfer-encoding" in names:
        raise malformed("the request says twice where it ends (Content-Length and Transfer-Encoding)")
    if b"transfer-encoding" in names and request.http_version == b"1.0":
        raise malformed("a request of HTTP/1.0 cannot be chunked")
    # Servers that speak CGI or WSGI may read these as the real ones.
    if not {b"content_length", b"transfer_encoding"}.isdisjoint(names):
        raise malformed("the request says with an underscore where it ends")


def _absolute(asked: Asked) -> Target:
    found = _ABSOLUTE.fullmatch(asked.request.target)
    if not found:
        raise malformed("the request's target is not an address that begins with http://")
    host, port = _authority(found[1], _HTTP)
    _check_host(asked, host, port, default=_HTTP)
    path = found[2] or b"/"
    return Target(host, port, path if path.startswith(b"/") else b"/" + path)


def _check_host(asked: Asked, host: str, port: int, *, default: int) -> tuple[str, int] | None:
    """Hold the Host header against the target; None where there is none. Raises `Refusal`."""
    given = next((value for name, value in asked.request.headers if name == b"host"), None)
    if given is None:
        return None
    if _canonical(*_authority(given, default)) != _canonical(host, port):
        raise _disguised(host)
    return host, port


def _canonical(host: str, port: int) -> tuple[str, int]:
    try:
        return parse_host(host), port
    except Refused:
        return host, port


def _authority(text: bytes, default: int | None) -> tuple[str, int]:
    """Return host and port; the host is judged later, by the rules. Raises `Refusal`."""
    try:
        written = text.decode("ascii")
    except UnicodeError as error:
        raise malformed("the request names a host in letters that HTTP does not have") from error
    host, colon, port = written.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = written, ""
    if (not port and (colon and host != written)) or (not port and default is None) or not host:
        raise malformed("the request names no host and port")
    try:
        return host, parse_port(port) if port else default or _HTTPS
    except Refused as error:
        raise malformed(error.message.rstrip(".")) from error


def _disguised(host: str) -> Refusal:
    return Refusal(400, "egress-disguised", f"the Host header is not the host that is asked for ({host})")
