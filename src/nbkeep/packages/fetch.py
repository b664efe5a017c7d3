"""The page of a project, asked for by the gateway itself: for a download of which no page was seen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import h11

from nbkeep.egress.refusals import Refusal
from nbkeep.egress.tls import TlsWire

from .pages import ACCEPT, MOST_BYTES, read_page

if TYPE_CHECKING:
    import ssl

    from nbkeep.egress.talk import Talk
    from nbkeep.egress.wire import Wire

    from .values import IndexFile, PackagePolicy

_LONGEST_S = 60.0
_OK, _NOT_FOUND = 200, 404


async def fetch_page(
    talk: Talk, policy: PackagePolicy, name: str, context: ssl.SSLContext
) -> list[IndexFile]:
    """Return the files that the index names for a project; raises `Refusal`.

    The connection is decided, looked up and recorded like any other of the session.
    """
    own = talk.beside()
    host, port = policy.index_host
    try:
        async with asyncio.timeout(_LONGEST_S):
            wire: Wire = await own.dial(host, port, "http", "GET")
            if policy.index.startswith("https:"):
                wire = TlsWire(wire, context, host)
                await wire.shake_hands()
            status, kind, data = await _get(own, wire, policy, name)
        return read_page(data, kind, _url(policy, name), name) if status == _OK else []
    except Refusal as refusal:
        own.refused(refusal)
        raise
    except (OSError, h11.ProtocolError, ValueError) as error:  # TimeoutError and ssl's are OSErrors
        said = str(error) if isinstance(error, ValueError) else "it did not answer as it should"
        raise Refusal(502, "package-index-failed", f"the page of {name} cannot be had from the index: {said}",
                      "Try again in a moment; tell an admin if it stays.", host, port) from error  # fmt: skip
    finally:
        own.close(f"the gateway looked up the package {name}")


async def _get(own: Talk, wire: Wire, policy: PackagePolicy, name: str) -> tuple[int, str, bytes]:
    connection = h11.Connection(h11.CLIENT)
    host, port = policy.index_host
    usual = port == (443 if policy.index.startswith("https:") else 80)
    headers = [
        ("Host", host if usual else f"{host}:{port}"),
        ("Accept", ACCEPT),
        ("Accept-Encoding", "identity"),
        ("User-Agent", "nbkeep-gateway"),
        ("Connection", "close"),
    ]
    request = h11.Request(method="GET", target=f"{policy.prefix}{name}/", headers=headers)
    await wire.send((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    status, kind, data = 0, "", bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await wire.receive())
        elif isinstance(event, h11.Response):
            status = event.status_code
            told = {key: value.decode("latin-1") for key, value in event.headers}
            kind = told.get(b"content-type", "")
            if told.get(b"content-encoding", "identity").strip().lower() != "identity":
                raise ValueError("its answer is compressed though it was asked not to")
        elif isinstance(event, h11.Data):
            own.received(len(event.data))
            data += event.data
            if len(data) > MOST_BYTES:
                raise ValueError("its page is too large")
        elif isinstance(event, h11.EndOfMessage):
            return status, kind, bytes(data)
        elif not isinstance(event, h11.InformationalResponse):
            raise OSError("ended in the middle")


def _url(policy: PackagePolicy, name: str) -> str:
    return f"{policy.index}/{name}/"
