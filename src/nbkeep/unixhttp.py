"""HTTP over unix sockets without TLS: loading certificates that nobody asks for takes 20 ms each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from pathlib import Path


def transport(socket: Path | str) -> httpx.HTTPTransport:
    """Return what carries requests to a unix socket; it knows `http` alone, so there is nothing to verify."""
    return httpx.HTTPTransport(uds=str(socket), verify=False)


def async_transport(socket: Path | str) -> httpx.AsyncHTTPTransport:
    """Return the same for asyncio."""
    return httpx.AsyncHTTPTransport(uds=str(socket), verify=False)
