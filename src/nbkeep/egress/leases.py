"""Which secrets are added to the requests of which sessions, and their values for as long as they are needed.

Values are in memory only, for a minute at most: while the office cannot be asked, no key is used for longer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from nbkeep.model.errors import NbkeepError

from .refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    from nbkeep.model.clock import Clock

_TEXTS = ("lease_id", "session_id", "name", "kind", "place", "template")
_KINDS = ("header", "query", "basic", "sigv4", "postgres", "s3")
# Added at the start of a declared connection (see postgres/), or to what the gateway itself asks (datasets).
NOT_OF_REQUESTS = frozenset({"postgres", "s3"})
_TRUSTED_S, _NEW_S = 60.0, 10.0


@dataclass(frozen=True)
class Lease:
    """One session's leave to have one secret added to requests to these hosts (`name:port`, `*.name:port`).

    `kind` and `place`: the name of a header or query parameter, or basic authentication; `template`: what is
    sent, with `{}` for the value, or the user of basic authentication. For `sigv4` both are what is signed
    for, region and service. Of kind `postgres`: its role, "" where the value names one that was made for the
    session. What an older version than `oldest` has opened is cut.
    """

    lease_id: str
    session_id: str
    name: str
    version: int
    hosts: tuple[str, ...]
    kind: str
    place: str
    template: str
    oldest: int = 0

    @classmethod
    def from_json(cls, data: object) -> Lease:
        """Return the lease; raises ValueError for anything that is none."""
        try:
            told = cast("dict[str, Any]", data)
            texts = {name: str(told[name]) for name in _TEXTS}
            version, oldest = int(told["version"]), int(told.get("oldest", 0))
            hosts = tuple(str(one) for one in told["hosts"])
            made = cls(version=version, oldest=oldest, hosts=hosts, **texts)
        except (TypeError, KeyError) as error:
            raise ValueError("not a lease") from error
        if made.kind not in _KINDS:
            raise ValueError("not a kind of secret that this gateway knows")
        return made

    @property
    def slot(self) -> tuple[str, str]:
        """Return the place in a request that it takes, which only one can have."""
        if self.kind in {"basic", "sigv4"}:
            return "header", "authorization"
        return self.kind, self.place.lower() if self.kind == "header" else self.place

    def covers(self, host: str, port: int) -> bool:
        """Tell whether requests to this host are meant; `*.name` is all that lies below the name."""
        wild = (f"*.{host[at + 1 :]}:{port}" for at, letter in enumerate(host) if letter == ".")
        return f"{host}:{port}" in self.hosts or any(one in self.hosts for one in wild)


@dataclass(frozen=True)
class _Known:
    version: int
    until_s: float
    value: str = field(repr=False)


class Leases:
    """All leases of this node's sessions. `fetch` asks the office for a value, and its version."""

    def __init__(self, fetch: Callable[[Lease], Awaitable[tuple[int, str]]], clock: Clock) -> None:
        self._fetch, self._clock = fetch, clock
        self._of: dict[str, tuple[Lease, ...]] = {}
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    def take(self, found: Iterable[Lease]) -> set[str]:
        """Put these leases in force, and no others; return the sessions of which any ended.

        Values of leases that ended, or that have another version now, are forgotten.
        """
        before = {one.lease_id: one for leases in self._of.values() for one in leases}
        self._of = {}
        versions: dict[str, int] = {}
        for lease in found:
            self._of[lease.session_id] = (*self._of.get(lease.session_id, ()), lease)
            versions[lease.lease_id] = lease.version
        self._known = {key: known for key, known in self._known.items() if versions.get(key) == known.version}
        self._asking = {key: lock for key, lock in self._asking.items() if key in versions}
        oldest = {one.lease_id: one.oldest for leases in self._of.values() for one in leases}
        return {one.session_id for key, one in before.items() if oldest.get(key, one.oldest + 1) > one.oldest}

    def of(self, session_id: str, host: str, port: int) -> tuple[Lease, ...]:
        """Return what is added to a session's requests to a host; of several for one place the first."""
        found: dict[tuple[str, str], Lease] = {}
        for one in self._of.get(session_id, ()):
            if one.kind not in NOT_OF_REQUESTS and one.covers(host, port):
                found.setdefault(one.slot, one)
        return tuple(found.values())

    def find(self, session_id: str, lease_id: str) -> Lease | None:
        """Return a live lease of a session."""
        return next((one for one in self._of.get(session_id, ()) if one.lease_id == lease_id), None)

    def sessions(self) -> set[str]:
        """Return the sessions that have any."""
        return set(self._of)

    def are_live(self, session_id: str, leases: Collection[Lease]) -> bool:
        """Tell whether none of these has ended; another version is the same lease, if it is none too old."""
        live = {one.lease_id: one.oldest for one in self._of.get(session_id, ())}
        return all(one.lease_id in live and one.version >= live[one.lease_id] for one in leases)

    async def value(self, lease: Lease) -> str:
        """Return a lease's value; raises `Refusal`. Many at once ask the office once."""
        return (await self.have(lease))[1]

    async def have(self, lease: Lease) -> tuple[Lease, str]:
        """Return a lease in the version of its value, and that value; raises `Refusal`."""
        async with self._asking.setdefault(lease.lease_id, asyncio.Lock()):
            known = self._known.get(lease.lease_id)
            now_s = self._clock.monotonic_s()
            if known is None or known.until_s <= now_s:
                self._known.pop(lease.lease_id, None)
                try:
                    version, value = await self._fetch(lease)
                except NbkeepError as error:
                    raise _not_had(lease, error) from error
                known = _Known(version, now_s + _TRUSTED_S, value)
                if self._is_live(lease):
                    self._known[lease.lease_id] = known
            if not self._is_live(lease):
                raise Refusal(503, "egress-lease-ended", f"the lease of the secret {lease.name} has ended",
                              "It was revoked, or the session is being stopped.")  # fmt: skip
            return replace(lease, version=known.version), known.value

    def drop(self, lease: Lease) -> None:
        """Ask for its value anew the next time: a server did not take it. Twice is safe.

        Not what is new: who spoils what was made for it, again and again, makes no work for the office.
        """
        known = self._known.get(lease.lease_id)
        if known is not None and known.until_s - self._clock.monotonic_s() <= _TRUSTED_S - _NEW_S:
            del self._known[lease.lease_id]

    def _is_live(self, lease: Lease) -> bool:
        return self.find(lease.session_id, lease.lease_id) is not None


def _not_had(lease: Lease, error: NbkeepError) -> Refusal:
    return Refusal(
        503,
        "egress-secret-unavailable",
        f"the secret {lease.name} cannot be had now, so the request was not sent",
        "Try again in a moment; tell an admin if it stays." if error.status >= 500 else error.message,
    )
