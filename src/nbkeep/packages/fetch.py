"""What the gateway itself asks an index: a page that it has not seen, and metadata for the licence."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11

from nbkeep.egress.refusals import Refusal
from nbkeep.egress.tls import TlsWire
from nbkeep.egress.values import Request

from .pages import ACCEPT, MOST_BYTES, place_of, read_page
from .parsing import aside

if TYPE_CHECKING:
    import ssl

    from nbkeep.egress.talk import Talk
    from nbkeep.egress.wire import Wire

    from .values import IndexFile, PackagePolicy

_LONGEST_S = 20.0
_OK = 200
METADATA = ".metadata"  # what PEP 658 adds to a file's address


async def fetch_page(
    talk: Talk, policy: PackagePolicy, name: str, context: ssl.SSLContext
) -> list[IndexFile]:
    """Return the files that the index names for a project; raises `Refusal`."""
    url = f"{policy.index}/{name}/"
    status, kind, data = await _fetch(talk, url, name, context)
    try:
        return await aside(read_page, data, kind, url, name) if status == _OK else []
    except (ValueError, RecursionError) as error:
        raise _failed(name, str(error)) from error


async def fetch_metadata(talk: Talk, file: IndexFile, context: ssl.SSLContext) -> bytes:
    """Return the metadata beside a file (PEP 658), b"" where there is none; raises `Refusal`."""
    if not file.has_metadata:
        return b""
    status, _, data = await _fetch(talk, file.url + METADATA, file.name, context)
    if status != _OK:
        return b""
    if file.metadata_sha256 and hashlib.sha256(data).hexdigest() != file.metadata_sha256:
        raise _failed(file.name, "its metadata is not what the index promised")
    return data


async def _fetch(talk: Talk, url: str, name: str, context: ssl.SSLContext) -> tuple[int, str, bytes]:
    """Return status, content type and body; decided and recorded like the session's own connections."""
    own = talk.beside()
    host, _, port = place_of(url).partition("/")[0].rpartition(":")
    try:
        async with asyncio.timeout(_LONGEST_S):
            wire: Wire = await own.dial(host, int(port), "http", "GET")
            own.judge(Request("GET", urlsplit(url).path))
            if url.startswith("https:"):
                wire = TlsWire(wire, context, host)
                await wire.shake_hands()
            return await _get(own, wire, url)
    except Refusal as refusal:
        own.refused(refusal)
        raise
    except (OSError, h11.ProtocolError) as error:  # TimeoutError and ssl's are OSErrors
        raise _failed(name, "it did not answer as it should") from error
    except ValueError as error:
        raise _failed(name, str(error)) from error
    finally:
        own.close(f"the gateway looked up the package {name}")


async def _get(own: Talk, wire: Wire, url: str) -> tuple[int, str, bytes]:
    connection = h11.Connection(h11.CLIENT)
    parts = urlsplit(url)
    headers = [
        ("Host", parts.netloc),
        ("Accept", ACCEPT),
        ("Accept-Encoding", "identity"),
        ("User-Agent", "nbkeep-gateway"),
        ("Connection", "close"),
    ]
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = h11.Request(method="GET", target=target, headers=headers)
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


def _failed(name: str, why: str) -> Refusal:
    said = f"what the index says of {name} cannot be had: {why}"
    return Refusal(502, "package-index-failed", said, "Try again in a moment; tell an admin if it stays.")
