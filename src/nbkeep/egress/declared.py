"""Declared connections: a program speaks to a local port, the relay names what it stands for, this serves it.

The relay sends `MARK`, the length of the name in one byte, and the name; all after that is the program's.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .postgres.serve import PostgresDoor
from .refusals import Refusal, malformed
from .talk import printable
from .tunnel import carry

if TYPE_CHECKING:
    from pathlib import Path

    from .connections import Connections, Declared
    from .leases import Leases
    from .spool import Protocol
    from .talk import Talk

MARK = 0x01  # no letter of HTTP, no version of SOCKS, no record of TLS
_LONGEST_NAME = 40


class Switchboard:
    """Serves declared connections. `extra_roots`: who signs databases, beside the system's roots."""

    def __init__(self, connections: Connections, leases: Leases, extra_roots: Path | None = None) -> None:
        self.connections = connections
        self._postgres = PostgresDoor(leases, extra_roots)

    async def serve(self, talk: Talk) -> None:
        """Serve one connection after its first byte was looked at."""
        name = await _name(talk)
        declared = self.connections.find(name)
        lease_id = self.connections.lease_id(talk.session_id, name)
        talk.narrow(lambda policy: self.connections.policy(talk.session_id, declared, policy))
        if declared is not None and declared.kind == "tcp":
            _check_granted(talk, name, declared, lease_id)
            upstream = await talk.dial(declared.host, declared.port, "tcp")
            talk.pass_unread()
            await carry(talk, upstream)
            return
        # A name that nobody declared is answered like one that was not granted: both have no way out.
        await self._postgres.serve(
            talk, name, declared, lambda: _check_granted(talk, name, declared, lease_id)
        )


async def _name(talk: Talk) -> str:
    try:
        async with asyncio.timeout(talk.limits.head_s):
            _, length = await talk.wire.exactly(2)
            if not 0 < length <= _LONGEST_NAME:
                raise malformed("no connection has such a name")
            return (await talk.wire.exactly(length)).decode(errors="replace")
    except TimeoutError as error:
        raise Refusal(408, "egress-slow", "the name of a connection came too slowly") from error


def _check_granted(talk: Talk, name: str, declared: Declared | None, lease_id: str | None) -> str:
    """Return the lease's id; raise `Refusal` where it is not granted, on record without where it leads."""
    if declared is not None and lease_id is not None:
        return lease_id
    protocol: Protocol = "postgres" if declared is None else declared.kind
    talk.begin(printable(name), 0, protocol)
    raise Refusal(
        403,
        "connection-not-granted",
        f"the connection {printable(name)} is not granted to you",
        f"Ask for it: `nbkeep connection request {printable(name)} --session {talk.session_id} "
        "--reason '…' --for 2h`, or on the portal's page Connections. "
        "Your running session may use it a second after an admin has approved it.",
        printable(name),
    )
