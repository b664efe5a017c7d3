"""HTTP over unix sockets without TLS: loading certificates that nobody asks for takes 20 ms each time."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from pathlib import Path

# Never used, and made once: httpx would make another one for every connection.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def transport(socket: Path | str) -> httpx.HTTPTransport:
    """Return what carries requests to a unix socket; it knows `http` alone, so there is nothing to verify."""
    return httpx.HTTPTransport(uds=str(socket), verify=_NO_TLS)


def async_transport(socket: Path | str) -> httpx.AsyncHTTPTransport:
    """Return the same for asyncio."""
    return httpx.AsyncHTTPTransport(uds=str(socket), verify=_NO_TLS)
