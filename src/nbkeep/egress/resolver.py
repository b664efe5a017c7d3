"""Looks names up with the system's resolver, in threads of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor

import psutil

_AT_ONCE = 32


class SystemResolver:
    """What this machine's `getaddrinfo` says."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="lookup")

    async def __call__(self, host: str) -> list[str]:
        """Return the addresses of a name in the system's order; raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._pool, _look_up, host)
        return list(dict.fromkeys(found))


def _look_up(host: str) -> list[str]:
    return [str(one[4][0]) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def own_addresses() -> frozenset[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return the addresses of this machine."""
    return frozenset(
        ipaddress.ip_address(one.address.partition("%")[0])
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family in {socket.AF_INET, socket.AF_INET6}
    )
