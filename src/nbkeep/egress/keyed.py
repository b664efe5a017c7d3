"""Requests that are looked into: TLS is taken apart, one request goes on as leases and treatments make it.

Only for hosts that a lease of the session names (a secret is added, and masked in the answer), that a
treatment wants, that rules with methods or paths are about, or to which what is sent is examined; all other
TLS is passed on untouched.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from . import additions, signing, web
from .authority import BUNDLE_NAME, Authority, system_roots, upstream_context, write_bundle
from .aws_keys import aws_keys
from .judge import judge
from .leaving.interface import Place
from .refusals import Refusal
from .tls import TlsWire, verified
from .touches import Chain, Untouched

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from nbkeep.model.clock import Clock

    from .leases import Leases
    from .leaving.gate import Leaving
    from .talk import Talk
    from .touches import Treatment
    from .web import Headers
    from .wire import Wire

_HTTP, _HTTPS = 80, 443
# What of a session may be in memory at once, because it has to be signed before it is sent.
_BODIES, _BODY_BYTES = 8, 8 << 20


class Keys:
    """What looking into requests needs: leases, treatments, sessions' authorities, and servers' roots."""

    def __init__(
        self,
        leases: Leases,
        clock: Clock,
        extra_roots: Path | None = None,
        treatments: Sequence[Treatment] = (),
        leaving: Leaving | None = None,
    ) -> None:
        self._leaving = leaving
        self.leases, self._clock, self._treatments = leases, clock, tuple(treatments)
        self._roots, self._upstream = system_roots(extra_roots), upstream_context(extra_roots)
        self._authorities: dict[str, Authority] = {}
        self._bodies: dict[str, asyncio.Semaphore] = {}
        self._written: dict[str, tuple[Path, int]] = {}

    def prepare(self, session_id: str, folder: Path) -> None:
        """Have the session's programs trust its authority; raises OSError. Twice is safe, and cheap."""
        file = folder / BUNDLE_NAME
        try:
            if self._written.get(session_id) == (file, file.stat().st_ino):
                return
        except FileNotFoundError:
            pass
        write_bundle(folder, self._roots, self._authority(session_id))
        self._written[session_id] = (file, file.stat().st_ino)

    def forget(self, session_id: str) -> None:
        """Drop the key of a session that is over; twice is safe."""
        self._authorities.pop(session_id, None)
        self._bodies.pop(session_id, None)
        self._written.pop(session_id, None)
        if self._leaving is not None:
            self._leaving.forget(session_id)

    def _authority(self, session_id: str) -> Authority:
        found = self._authorities.get(session_id)
        if found is None:
            found = self._authorities[session_id] = Authority(session_id, self._clock)
        return found

    def wants(self, talk: Talk) -> bool:
        """Tell whether TLS to the host that was dialled is opened, and note the leases for it."""
        record = talk.record
        if record is None:
            return False
        talk.leases = self.leases.of(talk.session_id, record.host, record.port)
        self.note(talk)
        return bool(talk.leases or talk.is_http_only or talk.is_judged or talk.is_examined)

    def note(self, talk: Talk) -> None:
        """Note what requests to the host that was dialled are looked into for; twice is safe."""
        record = talk.record
        if record is None:
            return
        talk.goes_by_name = partial(self._is_wanted, talk.session_id, record.port)
        talk.is_http_only = bool(self._wanting(talk))
        talk.is_examined = self._is_examined(talk)
        if self._leaving is not None:
            talk.check_unread = partial(self._leaving.check_unread, talk)

    def goes_unseen(self, talk: Talk) -> bool:
        """Tell whether a tunnel goes on untouched to a host that is read since it was opened."""
        if talk.goes_by_name is None:  # nobody was asked
            return False
        return (not talk.is_http_only and bool(self._wanting(talk))) or (
            not talk.is_examined and self._is_examined(talk)
        )

    async def clear(self, talk: Talk, asked: web.Asked, target: web.Target) -> Untouched:
        """Return what is done to a request in clear, to which no secret is added; raises `Refusal`."""
        self.note(talk)  # it may become another protocol, and what is said of its host may change meanwhile
        return Chain(await self._begun(talk, asked, target), _HTTP)

    def _is_wanted(self, session_id: str, port: int, host: str) -> bool:
        """Tell whether requests to a host are looked into when it is dialled by its name."""
        return (
            bool(self.leases.of(session_id, host, port))
            or any(one.wants(session_id, host, port) for one in self._treatments)
            or (self._leaving is not None and self._leaving.wants(Place(session_id, host, port)))
        )

    def _wanting(self, talk: Talk) -> list[Treatment]:
        record = talk.record
        if record is None:
            return []
        return [one for one in self._treatments if one.wants(talk.session_id, record.host, record.port)]

    def _is_examined(self, talk: Talk) -> bool:
        record = talk.record
        if record is None or self._leaving is None:
            return False
        return self._leaving.wants(Place(talk.session_id, record.host, record.port, record.address))

    async def _begun(self, talk: Talk, asked: web.Asked, target: web.Target) -> list[Untouched]:
        """Return what is done to a request; raises `Refusal`. What may not leave is sought for last."""
        touches = [await one.begin(talk, asked, target) for one in self._wanting(talk)]
        if self._leaving is not None:
            following = await self._leaving.check(talk, asked, target)
            # What is done to answers, and rules about requests, ends where nothing is read any more.
            if touches or talk.leases or talk.is_judged:
                asked.may_upgrade = False
            if following is not None:
                touches.append(following)
        return touches

    async def serve(self, talk: Talk, upstream: Wire) -> None:
        """Serve one request of a session inside the TLS that has begun; raises `Refusal` after telling it."""
        record = talk.record
        if record is None:
            raise RuntimeError("a tunnel without a record")
        names = ", ".join(one.name for one in talk.leases)
        secrets = f" (for the secret {names})" if names else ""
        client = TlsWire(talk.wire, self._authority(talk.session_id).context(record.host))
        try:
            async with asyncio.timeout(talk.limits.head_s):
                await client.shake_hands()
        except OSError:  # also too slow, or no TLS that both understand
            record.reason += f"; the program did not take the session's certificate{secrets}"
            raise
        talk.wire = client
        asked: web.Asked | None = None
        try:
            asked = await web.read_head(talk)
            target = web.tunnelled(asked, record.host, record.port, default=_HTTPS)
            judge(talk, asked, target)
            touches = await self._begun(talk, asked, target)
            added = [additions.Added(one, await self.leases.value(one)) for one in talk.leases]
            server = await verified(upstream, self._upstream, record.host, talk.limits.connect_s)
            if added:
                record.reason += f"; with the secret {names}"
                touches.append(_Keyed(added, asked, target, self._clock))
            async with self._read(talk, asked):
                await web.exchange(talk, asked, target, server, Chain(touches, _HTTPS))
        except Refusal as refusal:
            record.reason += f"; {refusal.reason}"
            await client.last_words(refusal.http(as_json=asked is not None and asked.wants_json))
            raise

    @contextlib.asynccontextmanager
    async def _read(self, talk: Talk, asked: web.Asked) -> AsyncGenerator[None]:
        """Read the body first where it has to be signed; of a few requests of a session at once."""
        scopes = [signing.Scope(one.place, one.template) for one in talk.leases if one.kind == signing.KIND]
        if not any(signing.needs_body(asked.request.headers, scope) for scope in scopes):
            yield
            return
        async with self._bodies.setdefault(talk.session_id, asyncio.Semaphore(_BODIES)):
            await web.read_body(talk, asked, _BODY_BYTES)
            yield


class _Keyed(Untouched):
    """A message with secrets in its request, and none in its answer."""

    def __init__(
        self, added: Sequence[additions.Added], asked: web.Asked, target: web.Target, clock: Clock
    ) -> None:
        self._added, self._asked, self._clock = added, asked, clock
        self._host = target.authority(_HTTPS)
        self._mask = additions.Mask(form for one in added for form in one.forms)

    def request(self, target: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Return them with the secrets."""
        target, headers = additions.request(target, headers, self._added)
        for one in self._added:
            if one.lease.kind == signing.KIND:  # one at most, after all else: what it signs is what is sent
                scope = signing.Scope(one.lease.place, one.lease.template)
                method, keys, now = self._asked.request.method, aws_keys(one.value), self._clock.now()
                target, headers = signing.sign(
                    method, self._host, target, headers, keys, scope, now, self._asked.body
                )
        return target, headers

    def answer(self, headers: Headers, *, has_body: bool) -> Headers:
        """Return them masked."""
        # What is signed with is not sent, so that no server gives it back; objects may lie there compressed.
        if any(one.lease.kind != signing.KIND for one in self._added):
            additions.check_answer(headers, has_body=has_body)
        return [(self._mask.whole(name), self._mask.whole(value)) for name, value in headers]

    def reason(self, reason: bytes) -> bytes:
        """Return it masked."""
        return self._mask.whole(reason)

    def body(self, data: bytes) -> bytes:
        """Return it masked."""
        return self._mask.feed(data)

    async def rest(self) -> bytes:
        """Return what the mask kept back."""
        return self._mask.rest()
