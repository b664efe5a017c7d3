"""The way out of sessions: one unix socket for each, which is its identity. Asks `rules.py`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from nbkeep.model.clock import SystemClock

from . import declared, socks, web
from .judge import judge
from .parse import parse_host
from .refusals import Refusal
from .talk import Limits, Records, Resolver, Talk
from .touches import Untouched
from .tunnel import run_tunnel
from .volumes import Volumes
from .wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nbkeep.model.clock import Clock

    from .declared import Switchboard
    from .keyed import Keys
    from .local import LocalNames
    from .rules import Compiled
    from .tunnel import Serve

log = logging.getLogger("nbkeep.gateway")

SOCKET_NAME = "gateway.sock"
_BACKLOG = 128
_SWEEP_S = 5.0
_AT_ONCE = 64  # how many are accepted before others have a turn
_LOOKUPS = 8  # of one session at once: the resolver has a few threads for all


class _Door:
    """One session's socket and its connections."""

    def __init__(self, path: Path, listener: socket.socket, resolver: Resolver) -> None:
        self.path, self.listener = path, listener
        self._resolver, self._lookups = resolver, asyncio.Semaphore(_LOOKUPS)
        self.inode = path.stat().st_ino
        self.talks: dict[asyncio.Task[None], Talk] = {}

    async def look_up(self, host: str) -> list[str]:
        """Ask the resolver, a few times at once; one that is not waited for any more still counts."""
        await self._lookups.acquire()
        asking = asyncio.ensure_future(self._resolver(host))
        asking.add_done_callback(self._looked_up)
        return await asyncio.shield(asking)

    def _looked_up(self, asking: asyncio.Future[list[str]]) -> None:
        self._lookups.release()
        if not asking.cancelled():
            asking.exception()  # whoever waited has it, or is gone


class Gateway:
    """All sessions' sockets. `policies`: what is in force, by session; without one nothing is reached."""

    def __init__(
        self,
        policies: Mapping[str, Compiled],
        resolver: Resolver,
        records: Records,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        keys: Keys | None = None,
        switchboard: Switchboard | None = None,
        local: LocalNames | None = None,
    ) -> None:
        self._keys, self._switchboard, self.local = keys, switchboard, local
        self._policies, self._resolver, self._records = policies, resolver, records
        self._limits, self._clock = limits or Limits(), clock or SystemClock()
        self.volumes = Volumes(self._clock)
        self._doors: dict[str, _Door] = {}
        self._count = 0

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._count

    def open(self, session_id: str, folder: Path) -> None:
        """Listen for a session in its folder; raises OSError when there is none. Twice is safe.

        A socket that is not there any more (the folder was made anew) is made again.
        """
        path = folder / SOCKET_NAME
        door = self._doors.get(session_id)
        if door is not None:
            with contextlib.suppress(OSError):
                if door.path == path and path.stat().st_ino == door.inode:
                    return
            self.close(session_id, "the session began anew")
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(os.fspath(fresh))
            fresh.chmod(0o666)  # who may come here is decided by who sees the folder
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            fresh.rename(path)
            door = _Door(path, listener, self._resolver)
        except BaseException:
            listener.close()
            raise
        self._doors[session_id] = door
        asyncio.get_running_loop().add_reader(listener, self._accept, session_id, door)

    def close(self, session_id: str, reason: str = "the session ended") -> None:
        """Listen no more for a session and cut its connections; twice is safe."""
        door = self._doors.pop(session_id, None)
        if door is None:
            return
        asyncio.get_running_loop().remove_reader(door.listener)
        door.listener.close()
        with contextlib.suppress(OSError):
            door.path.unlink()
        for task in list(door.talks):
            task.cancel(reason)

    def recheck(self, session_id: str) -> None:
        """Cut what the policy and the leases that are in force now would not allow."""
        door = self._doors.get(session_id)
        for task, talk in list(door.talks.items()) if door else ():
            if not talk.still_allowed():
                task.cancel("the rules changed")
            elif self._keys and not self._keys.leases.are_live(session_id, talk.leases):
                task.cancel("the lease of its secret ended")
            elif self._keys and self._keys.goes_unseen(talk):
                task.cancel("requests to its host are looked into now")

    def recheck_all(self) -> None:
        """Do so for all sessions: what changed is about hosts."""
        for session_id in list(self._doors):
            self.recheck(session_id)

    def known(self) -> set[str]:
        """Return the sessions that have a socket."""
        return set(self._doors)

    async def sweep(self) -> None:
        """Cut what has been idle for too long, for ever."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now_s = self._clock.monotonic_s()
            for door in self._doors.values():
                for task, talk in list(door.talks.items()):
                    if talk.is_idle(now_s):
                        task.cancel("nothing moved for long")

    async def end(self) -> None:
        """Close everything, and wait until it is on record."""
        tasks = [task for door in self._doors.values() for task in door.talks]
        for session_id in list(self._doors):
            self.close(session_id, "the gateway ended")
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, session_id: str, door: _Door) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, _ = door.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # no descriptors left; the others go on
                log.warning("%s: not accepted: %s", session_id, error)
                return
            self._begin(session_id, door, Wire(sock))

    def _begin(self, session_id: str, door: _Door, wire: Wire) -> None:
        # Refusals linger for a moment, too, so they count; far beyond the limit there is no word any more.
        if len(door.talks) >= 2 * self._limits.per_session or self._count >= 2 * self._limits.total:
            wire.close()
            return
        full = len(door.talks) >= self._limits.per_session or self._count >= self._limits.total
        talk = Talk(session_id, wire, lambda: self._policies.get(session_id), door.look_up, self._records,
                    self._clock, self._limits, self.volumes)  # fmt: skip
        serving = _refuse_full(talk) if full else serve(talk, self._keys, self._switchboard, self.local)
        task = asyncio.create_task(serving)
        door.talks[task] = talk
        self._count += 1
        task.add_done_callback(lambda _: self._ended(door, task))

    def _ended(self, door: _Door, task: asyncio.Task[None]) -> None:
        self._count -= 1
        talk = door.talks.pop(task)
        try:
            task.result()
        except asyncio.CancelledError as error:
            talk.close(str(error))
        except Refusal as refusal:
            talk.refused(refusal)
        except OSError:
            talk.close()
        except Exception:
            log.exception("%s: a connection failed", talk.session_id)
            talk.close("a fault of the gateway")
        else:
            talk.close()


async def serve(
    talk: Talk,
    keys: Keys | None = None,
    switchboard: Switchboard | None = None,
    local: LocalNames | None = None,
) -> None:
    """Serve one connection from its first byte to its end."""
    try:
        async with asyncio.timeout(talk.limits.head_s):
            first = await talk.wire.receive()
    except TimeoutError:
        return
    if not first:
        return
    talk.wire.hold(first)
    if first[0] == declared.MARK and switchboard is not None:
        await switchboard.serve(talk)
        return
    if first[0] == socks.VERSION:
        upstream, port = await socks.ask(talk)
        await run_tunnel(talk, upstream, port, partial(_serve_tunnelled, keys=keys), _keyed(talk, keys))
        return
    asked: web.Asked | None = None
    try:
        asked = await web.read_head(talk)
        target = web.proxied(asked)
        if local is not None and local.wants(target.host):
            await local.serve(talk, asked, target)
            return
        if target.path is None:
            upstream = await web.connect(talk, asked, target)
        else:
            method = asked.request.method.decode("ascii")
            upstream = await talk.dial(target.host, target.port, "http", method)
            # The server reads the host in the one form that was decided about.
            target = replace(target, host=parse_host(target.host))
            await _pass_on(talk, asked, target, upstream, keys)
            return
    except Refusal as refusal:
        await talk.wire.last_words(refusal.http(as_json=asked is not None and asked.wants_json))
        raise
    await run_tunnel(talk, upstream, target.port, partial(_serve_tunnelled, keys=keys), _keyed(talk, keys))


def _keyed(talk: Talk, keys: Keys | None) -> Serve | None:
    """Return who serves TLS to the host that was dialled, if requests to it are looked into."""
    return keys.serve if keys is not None and keys.wants(talk) else None


async def _pass_on(
    talk: Talk, asked: web.Asked, target: web.Target, upstream: Wire, keys: Keys | None
) -> None:
    """Serve one request in clear; raises `Refusal` as long as no answer has begun."""
    judge(talk, asked, target)
    touch = await keys.clear(talk, asked, target) if keys is not None else Untouched()
    await web.exchange(talk, asked, target, upstream, touch)


async def _serve_tunnelled(talk: Talk, upstream: Wire, keys: Keys | None) -> None:
    """Serve one request in clear inside a tunnel, with the same checks as outside of one."""
    asked: web.Asked | None = None
    record = talk.record
    if record is None:
        raise RuntimeError("a tunnel without a record")
    try:
        asked = await web.read_head(talk)
        target = web.tunnelled(asked, record.host, record.port)
        await _pass_on(talk, asked, target, upstream, keys)
    except Refusal as refusal:
        record.reason, record.allowed = refusal.reason, False
        await talk.wire.last_words(refusal.http(as_json=asked is not None and asked.wants_json))
        raise


async def _refuse_full(talk: Talk) -> None:
    reason = f"too many connections are open ({talk.limits.per_session} for each session)"
    refusal = Refusal(503, "egress-full", reason, "Close some, then try again.")
    await talk.wire.last_words(refusal.http())
