"""One request that the gateway makes for itself, with an answer that fits into memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import h11

from nbkeep.egress.refusals import Refusal

if TYPE_CHECKING:
    from nbkeep.egress.talk import Talk
    from nbkeep.egress.wire import Wire

_LONGEST_S = 60.0
_MOST_BYTES = 8 << 20  # a thousand keys of the greatest length, each letter encoded


async def fetch(
    talk: Talk, wire: Wire, host: bytes, target: bytes, headers: list[tuple[bytes, bytes]]
) -> tuple[int, bytes]:
    """Return status and body of a GET; raises `Refusal`."""
    try:
        async with asyncio.timeout(_LONGEST_S):
            return await _get(talk, wire, host, target, headers)
    except (OSError, h11.ProtocolError) as error:  # TimeoutError and ssl's are OSErrors
        raise Refusal(502, "egress-failed", "the server did not answer as it should") from error


async def _get(
    talk: Talk, wire: Wire, host: bytes, target: bytes, headers: list[tuple[bytes, bytes]]
) -> tuple[int, bytes]:
    connection = h11.Connection(h11.CLIENT)
    request = h11.Request(
        method="GET", target=target, headers=[(b"Host", host), *headers, (b"Connection", b"close")]
    )
    talk.sent(len(target))
    await wire.send((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    status, data = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await wire.receive())
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            talk.received(len(event.data))
            data += event.data
            if len(data) > _MOST_BYTES:
                raise OSError("its answer is too large")
        elif isinstance(event, h11.EndOfMessage):
            return status, bytes(data)
        elif not isinstance(event, h11.InformationalResponse):
            raise OSError("ended in the middle")
