"""Grants end at their moment in the gateway itself: while the office is away, nobody else would end them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from egress_parts import SESSION, NameServer, Outside, Raw, serving, wait_for
from nbkeep.backends.local.layout import Layout
from nbkeep.doors.gateway import Sessions
from nbkeep.egress.connections import Connections, Told
from nbkeep.egress.gateway import SOCKET_NAME
from nbkeep.egress.keyed import Keys
from nbkeep.egress.leases import Leases
from nbkeep.egress.policy import Reach, policy_of
from nbkeep.grants.hosts import granted_rule
from nbkeep.model.clock import ManualClock

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from nbkeep.egress.leases import Lease


class _Reachable(Outside):
    """A gateway whose sessions have their sockets where the real one puts them."""

    def path(self, session_id: str = SESSION) -> Path:
        return Layout(self.folder).session(session_id).gateway / SOCKET_NAME


async def _no_value(_: Lease) -> tuple[int, str]:
    raise AssertionError("no secret is granted here")


def _echo(wire: socket.socket) -> None:
    while data := wire.recv(100):
        wire.sendall(data)


def test_what_a_grant_alone_allowed_is_cut_at_its_moment_and_blocked_again(short_dir: Path) -> None:
    clock = ManualClock()
    outside = _Reachable(short_dir, NameServer())
    outside.path().parent.mkdir(parents=True)
    keys = Keys(Leases(_no_value, clock), clock, None)
    sessions = Sessions(Layout(short_dir), outside.gateway, outside.policies, keys, Connections(), clock)
    with serving(Raw(_echo)) as server:
        asks, target = Reach("profile p", asklist=("127.0.0.1:*",)), f"127.0.0.1:{server.port}"
        grant = granted_rule(target, "gra_1", "jane", clock.now() + timedelta(seconds=60))
        policy = policy_of(SESSION, asks, granted=(grant,), ask_at="http://x/portal/grants")
        asyncio.run_coroutine_threadsafe(sessions.take([policy], [], Told(), 1), outside.loop).result(30)
        keeping = asyncio.run_coroutine_threadsafe(sessions.keep_open(), outside.loop)
        with outside.tunnel("127.0.0.1", server.port) as wire:
            wire.sendall(b"\0 hello")  # no letter first: what looks like HTTP is served as such
            assert wire.recv(100) == b"\0 hello"
            clock.advance(59)
            wire.sendall(b"again")
            assert wire.recv(100) == b"again"
            clock.advance(1)
            assert wire.recv(100) == b""
        assert "the rules changed" in outside.records(1)[0].reason
        assert outside.kept.ended_ones[0].rule_id == "gra_1"
        head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
        told = outside.ask(head).decode()
        assert told.startswith("HTTP/1.1 403 Blocked by nbkeep: ")
        assert f"nbkeep grant request {target} --session {SESSION}" in told
        # The same policy again, as an office says that comes back late: the grant stays over.
        asyncio.run_coroutine_threadsafe(sessions.take([policy], [], Told(), 1), outside.loop).result(30)
        assert outside.ask(head).startswith(b"HTTP/1.1 403 ")
        keeping.cancel()
        wait_for(lambda: keeping.cancelled() or keeping.done(), "the loop to end")
    outside.end()
