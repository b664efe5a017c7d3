"""Meters calls of models as they pass, and refuses them before they are sent once a budget is spent.

What is asked and answered passes through and is not kept. A treatment (see `touches.py`): it opens the TLS of
the hosts that admins named as providers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol, cast

from nbkeep.model.errors import Unavailable
from nbkeep.model.ids import new_id

from .model_calls import FREE_METHODS, OTHER, BudgetRefusal, Call, Provider, Standing, operation_of, spelled
from .refusals import Refusal
from .touches import Untouched
from .usage import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbkeep.model.clock import Clock

    from .spool import Record
    from .talk import Resolver, Talk
    from .touches import Headers
    from .web import Asked, Target

log = logging.getLogger("nbkeep.gateway")

BUDGET_HEADER = b"X-Nbkeep-Budget"
_ERRORS = 400
_LOOK_AGAIN_S = 60.0


class Calls(Protocol):
    """Where calls are put on record."""

    def opened(self, record: Call) -> None:
        """Note a call before it is sent; raises `Unavailable`: then it is not sent."""
        ...

    def ended(self, record: Call) -> None:
        """Note the end of a call, or one that was refused."""
        ...


class Metering:
    """The treatment for all sessions: providers and standings as the office told last."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls, self._clock = calls, clock
        self._providers: dict[str, tuple[Provider, ...]] = {}
        self._standings: dict[str, Standing] = {}
        self._addresses: dict[str, frozenset[str]] = {}  # of hosts, by address: several may share one
        self._changed = asyncio.Event()

    def take(self, told: dict[str, Any]) -> None:
        """Put what the office tells (`models` of its answer) in force; raises ValueError before that."""
        models = cast("dict[str, Any]", told.get("models") or {})
        try:
            providers = [Provider.from_json(one) for one in models.get("providers", ())]
            standings = [Standing.from_json(one) for one in models.get("standings", ())]
        except (TypeError, AttributeError) as error:
            raise ValueError("not what a gateway is told of models") from error
        self.set(providers, standings)

    def set(self, providers: Iterable[Provider], standings: Iterable[Standing] = ()) -> None:
        """Put these providers and standings in force, and no others."""
        by_host: dict[str, list[Provider]] = {}
        for one in sorted(providers, key=lambda provider: (-len(provider.prefix), provider.name)):
            by_host.setdefault(one.host, []).append(one)
        before, self._providers = (
            set(self._providers),
            {host: tuple(found) for host, found in by_host.items()},
        )
        self._standings = {one.session_id: one for one in standings}
        gone = {host for hosts in self._addresses.values() for host in hosts} - set(self._providers)
        for host in gone:
            self._learn(host, ())
        if before != set(self._providers):
            self._changed.set()

    def wants(self, session_id: str, host: str, port: int) -> bool:
        """Tell whether requests to a host are metered, also by its address."""
        return any(one.is_at(port) for one in self._at(host))

    async def begin(self, talk: Talk, asked: Asked, target: Target) -> Untouched:
        """Return what meters a request; raises `Refusal` where the budget is spent."""
        path, method, record = spelled(target.path or b"/"), asked.request.method, talk.record
        if record is None or method in FREE_METHODS:
            return Untouched()
        # By the host as it was dialled, in its one form: a program may spell it otherwise in its request.
        at = (one for one in self._at(record.host) if one.is_at(record.port) and one.has(path))
        provider = next(at, None)
        if provider is None:
            return Untouched()
        now = self._clock.now()
        operation = operation_of(path)
        call = Call(new_id("cal", now), talk.session_id, now.isoformat(), provider.name, operation)
        standing = self._standings.get(talk.session_id)
        if standing is not None and standing.is_spent:
            call.measure, call.reason, call.status = "refused", "the budget is spent", 429
            self._calls.ended(call)
            raise BudgetRefusal(provider, operation, standing)
        return _Metered(call, record, asked.head_bytes, self._calls, self._clock, standing)

    async def follow_addresses(self, look_up: Resolver) -> None:
        """Learn the providers' addresses, for ever: by its address a host is metered, too."""
        while True:
            for host in list(self._providers):
                with contextlib.suppress(OSError, UnicodeError):
                    self._learn(host, await look_up(host))
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await self._changed.wait()

    def _learn(self, host: str, addresses: Iterable[str]) -> None:
        """Note a host's addresses in place of those that it had before."""
        others = {at: hosts - {host} for at, hosts in self._addresses.items()}
        known = others | {at: others.get(at, frozenset()) | {host} for at in addresses}
        self._addresses = {at: hosts for at, hosts in known.items() if hosts}

    def _at(self, host: str) -> tuple[Provider, ...]:
        names = [host] if host in self._providers else sorted(self._addresses.get(host, ()))
        return tuple(one for name in names for one in self._providers.get(name, ()))


class _Metered(Untouched):
    """One call: its answer is read as it passes, and put on record at its end."""

    def __init__(
        self,
        call: Call,
        record: Record,
        head_bytes: int,
        calls: Calls,
        clock: Clock,
        standing: Standing | None,
    ) -> None:
        self._call, self._record, self._calls, self._clock = call, record, calls, clock
        self._head_bytes = head_bytes
        self._standing = standing
        self._answer = Answer()
        self._began_s = clock.monotonic_s()
        self._is_open = self._is_whole = self._is_compressed = False

    def request(self, target: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Put the call on record, and ask for an answer that can be read."""
        try:
            self._calls.opened(self._call)
        except Unavailable as error:
            raise Refusal(503, error.code, error.message.rstrip("."), error.remedy) from error
        self._is_open = True
        self._record.reason += f"; metered as a call of {self._call.provider}"
        kept = [one for one in headers if one[0].lower().replace(b"_", b"-") != b"accept-encoding"]
        return target, [*kept, (b"Accept-Encoding", b"identity")]

    def begun(self, status: int) -> None:
        """Note the status."""
        self._call.status = status

    def answer(self, headers: Headers, *, has_body: bool) -> Headers:
        """Add how much of the budget is used, once that is worth a warning."""
        for name, value in headers:
            if name.lower() == b"content-encoding" and value.strip().lower() != b"identity":
                self._is_compressed = has_body
        kept = [one for one in headers if one[0].lower() != BUDGET_HEADER.lower()]
        return kept if self._standing is None else [*kept, (BUDGET_HEADER, self._standing.header.encode())]

    def body(self, data: bytes) -> bytes:
        """Read it, and pass it on as it is."""
        if not self._is_compressed and self._call.status < _ERRORS:
            self._answer.feed(data)
        return data

    async def rest(self) -> bytes:
        """Note that the answer is whole."""
        self._is_whole = True
        return b""

    def ended(self) -> None:
        """Put on record what the call used, as far as that is known."""
        call = self._call
        if not self._is_open:
            return
        call.duration_s = round(self._clock.monotonic_s() - self._began_s, 3)
        if call.status >= _ERRORS:
            call.measure, call.reason = "failed", f"answered with an error ({call.status})"
        else:
            found = self._answer.read(
                is_whole=self._is_whole, sent_bytes=self._record.bytes_out - self._head_bytes
            )
            call.measure, call.model, call.reason = found.measure, found.model, found.reason
            if self._is_compressed:
                call.reason = "the answer came compressed, though it was asked not to"
            if call.measure == "unknown" and call.operation == OTHER and self._is_whole:
                call.measure, call.reason = "unmetered", "no call of a model that is known"
            else:
                call.tokens_in, call.tokens_out = found.usage.tokens_in, found.usage.tokens_out
                call.tokens_cached = found.usage.tokens_cached
        call.streamed = self._answer.is_stream
        self._calls.ended(call)
