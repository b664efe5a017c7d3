"""One connection of one session: asks the rules, looks names up, connects, and is on record."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from nbkeep.model.errors import Refused, Unavailable
from nbkeep.model.ids import new_id

from .parse import is_address, parse_host
from .refusals import Refusal, blocked
from .spool import Record
from .wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbkeep.model.clock import Clock

    from . import spool as kept
    from .leases import Lease
    from .rules import Compiled
    from .values import Decision, Request
    from .volumes import Volumes

_LONGEST_HOST = 260
_MOST_ADDRESSES = 8


class Resolver(Protocol):
    """Looks names up. Asked once for each connection, after the rules have allowed the name."""

    async def __call__(self, host: str) -> list[str]:
        """Return the IP addresses of a name; raises OSError when there are none."""
        ...


class Records(Protocol):
    """Where connections are put on record."""

    def opened(self, record: Record) -> None:
        """Note an allowed connection before it is made; raises `Unavailable`: then it is not made."""
        ...

    def ended(self, record: Record) -> None:
        """Note the end of a connection, or one that was refused."""
        ...


@dataclass(frozen=True)
class Limits:
    """How long and how many. `head_s`: for a whole request's head, however slowly it comes.

    `kept_s`: that nothing moves while a body lies on disk; longer than anything is examined.
    """

    head_s: float = 15.0
    lookup_s: float = 10.0
    connect_s: float = 10.0
    idle_s: float = 3600.0
    half_closed_s: float = 120.0
    kept_s: float = 600.0
    per_session: int = 500
    total: int = 8000


class Talk:
    """What one connection is about, and how far it is."""

    def __init__(
        self,
        session_id: str,
        wire: Wire,
        policy: Callable[[], Compiled | None],
        resolver: Resolver,
        records: Records,
        clock: Clock,
        limits: Limits,
        volumes: Volumes,
    ) -> None:
        self.session_id, self.wire, self.limits = session_id, wire, limits
        self._policy, self._resolver, self._records, self._clock = policy, resolver, records, clock
        self._volumes = volumes
        self._upstream: Wire | None = None
        self._began_s = self.active_s = clock.monotonic_s()
        self.is_half_closed = False
        self.record: Record | None = None
        self.leases: tuple[Lease, ...] = ()  # of the secrets that are added to what goes out
        self.goes_by_name: Callable[[str], bool] | None = None  # hosts that are not reached by an address
        self.is_http_only = False
        self.is_examined = False  # what is sent to its host is read, to be judged at a gate
        self.check_unread: Callable[[], None] | None = None  # judges there what cannot be read
        self.check_rest: Callable[[], None] | None = None  # judges what of a body goes on as it comes
        self.at_end: list[Callable[[], None]] = []  # gives back what was taken for it
        self.at_close: list[Callable[[], None]] = []  # told that it is over
        self._is_open = self._is_unread = False
        # What passed, for rules that change meanwhile; the name is the one that TLS asked for at an address.
        self._request: Request | None = None
        self._server_name = ""

    # What it does

    def begin(self, host: str, port: int, protocol: kept.Protocol, method: str = "") -> Record:
        """Begin the record of what is asked for, which nothing has allowed yet."""
        now = self._clock.now()
        self.record = Record(
            new_id("con", now), self.session_id, now.isoformat(), printable(host), port, protocol, method[:20]
        )
        return self.record

    def narrow(self, how: Callable[[Compiled], Compiled | None]) -> None:
        """Decide by what this makes of the policy that is in force, from now on; None refuses."""
        whole = self._policy

        def narrowed() -> Compiled | None:
            policy = whole()
            return None if policy is None else how(policy)

        self._policy = narrowed

    async def dial(self, host: str, port: int, protocol: kept.Protocol, method: str = "") -> Wire:
        """Connect to where a request wants to go, after all decisions; raises `Refusal`."""
        record = self.begin(host, port, protocol, method)
        self._obey(self._compiled().decide(host, port), host, port)
        self._volumes.check(self.session_id, self._policy())
        host = parse_host(host)
        record.host = host
        addresses = await self._addresses(host, port)
        self._records_opened()
        self._upstream = await self._connect(host, port, addresses)
        self._check_again()
        return self._upstream

    def beside(self) -> Talk:
        """Return another connection of the same session, which the gateway makes by itself."""
        nobody = Wire(socket.socket(socket.AF_UNIX))
        return Talk(
            self.session_id,
            nobody,
            self._policy,
            self._resolver,
            self._records,
            self._clock,
            self.limits,
            self._volumes,
        )

    def check_server_name(self, name: str | None) -> None:
        """Hold the name that TLS asks for against the one that was allowed; raises `Refusal`."""
        record = self._known()
        if name is None:
            if not is_address(record.host):
                self._refuse_or_note("the program does not say in TLS which host it wants (no server name)")
            return
        try:
            asked = parse_host(name)
        except Refused:
            self._refuse_or_note("the server name in TLS is no host name")
            return
        if asked == record.host:
            return
        if not is_address(record.host):
            said = printable(asked)
            self._refuse_or_note(f"the connection is to {record.host}, but TLS in it asks for {said}")
            return
        if self.goes_by_name is not None and self.goes_by_name(asked):
            reason = f"{asked} is reached by its name, not by an address"
            raise Refusal(403, "egress-disguised", reason, "Connect to its name.", record.host, record.port)
        for decision in self._about_name(self._compiled(), asked):
            self._obey(decision, asked, record.port)
        self._server_name = asked

    def refuse_plain(self) -> None:
        """Refuse what is no TLS on the port of HTTPS, unless a rule with an address opened it."""
        record = self._known()
        rule = self._compiled().decide(record.host, record.port).rule
        if rule is None or not ("/" in rule.host or is_address(rule.host)):
            self._refuse_or_note("what was sent to port 443 is not TLS")

    def pass_unread(self) -> None:
        """Note that all goes on as it is; raises `Refusal` for a host whose requests are looked into."""
        record = self._known()
        if self.is_http_only:
            reason = f"what was sent to {record.host} is neither TLS nor HTTP"
            raise Refusal(403, "egress-disguised", reason, "", record.host, record.port)
        if self.check_unread is not None:
            self.check_unread()
        self._is_unread = True
        unread = self._compiled().decide_unread(record.host, record.port, record.address)
        if unread is not None:
            self._obey(unread, record.host, record.port)

    @property
    def may_hear_first(self) -> bool:
        """Whether what the server says before the program has said anything may pass."""
        return self.is_examined and not (self.leases or self.is_http_only or self.is_judged)

    @property
    def is_judged(self) -> bool:
        """Whether rules are about requests to the host that was dialled."""
        record, policy = self.record, self._policy()
        return (
            record is not None
            and policy is not None
            and policy.judges(record.host, record.port, record.address)
        )

    def judge(self, request: Request) -> None:
        """Hold a request against the rules about requests to its host; raises `Refusal`."""
        record, policy = self._known(), self._compiled()
        self._request = request
        if policy.judges(record.host, record.port, record.address):
            decision = policy.decide_request(record.host, record.port, record.address, request)
            self._obey(decision, record.host, record.port, request.method)

    def still_allowed(self) -> bool:
        """Tell whether the policy in force would allow the connection as it is."""
        record, policy = self.record, self._policy()
        if policy is None:
            return False
        if record is None or not self._is_open:
            return True  # it is asked again before anything is connected
        if not record.address:
            return policy.decide(record.host, record.port).allowed
        there = (record.host, record.port, record.address)
        request = self._request
        decisions = [policy.decide_request(*there, request) if request else policy.decide_address(*there)]
        if self._is_unread and (unread := policy.decide_unread(*there)):
            decisions.append(unread)
        if self._server_name:
            decisions += self._about_name(policy, self._server_name)
        for check in (self.check_unread if self._is_unread else None, self.check_rest):
            try:
                if check is not None:
                    check()
            except Refusal:
                return False
        return all(one.allowed for one in decisions)

    def sent(self, count: int) -> None:
        """Note bytes that leave the session; raises `Refusal` when it has sent enough for today."""
        self._volumes.check(self.session_id, self._policy())
        self._volumes.add(self.session_id, count)
        self._known().bytes_out += count
        self.touch()

    def received(self, count: int) -> None:
        """Note bytes that came into the session."""
        self._known().bytes_in += count
        self.touch()

    def touch(self) -> None:
        """Note that something moved."""
        self.active_s = self._clock.monotonic_s()

    def is_idle(self, now_s: float) -> bool:
        """Tell whether nothing has moved for too long."""
        limit_s = self.limits.half_closed_s if self.is_half_closed else self.limits.idle_s
        if self.at_end:
            limit_s = min(limit_s, self.limits.kept_s)
        return now_s - self.active_s > limit_s

    def close(self, reason: str = "") -> None:
        """Close both sides and put it on record. Twice is safe."""
        self.wire.close()
        if self._upstream is not None:
            self._upstream.close()
        self.give_back()
        at_close, self.at_close = self.at_close, []
        for one in at_close:
            one()
        record, self.record = self.record, None
        if record is not None:
            record.duration_s = round(self._clock.monotonic_s() - self._began_s, 3)
            if reason:
                record.reason = f"{record.reason}; {reason}" if record.reason else reason
            self._records.ended(record)

    def give_back(self) -> None:
        """Give back what was taken for it, since it is needed no more; twice is safe."""
        at_end, self.at_end = self.at_end, []
        for one in at_end:
            one()

    def refused(self, refusal: Refusal) -> None:
        """Close both sides, since what was asked is not done."""
        if (
            self.record is not None and refusal.status < 500 and not refusal.is_answer
        ):  # what failed was allowed
            self.record.allowed = False
            self.record.reason = refusal.reason
        self.close()

    # Its parts

    def _known(self) -> Record:
        if self.record is None:
            raise RuntimeError("nothing was dialled")
        return self.record

    def _compiled(self) -> Compiled:
        policy = self._policy()
        if policy is None:
            raise Refusal(503, "egress-closed", "the session has ended, or its rules are not known yet")
        return policy

    def _about_name(self, policy: Compiled, name: str) -> Iterator[Decision]:
        """Yield what the rules say of TLS that asks for a name at an address, to which it goes unread."""
        record = self._known()
        for address in ("", record.address):
            if unread := policy.decide_unread(name, record.port, address):
                yield unread
        decision = policy.decide(name, record.port)
        by_address = policy.decide(record.host, record.port).rule
        if not decision.allowed and (decision.rule is not None or by_address is None):
            yield decision

    def _obey(self, decision: Decision, host: str, port: int, method: str = "") -> None:
        record = self._known()
        record.allowed = decision.allowed
        record.would_block = record.would_block or decision.would_block
        record.reason = decision.reason
        record.rule_id = decision.rule.id if decision.rule else ""
        record.rule_source = decision.rule.source if decision.rule else ""
        if not decision.allowed:
            ask_at = self._compiled().policy.ask_at
            raise blocked(decision, host, port, self.session_id, ask_at, method=method)

    def _refuse_or_note(self, reason: str) -> None:
        record = self._known()
        record.reason = reason
        if self._compiled().policy.dry_run:
            record.would_block = True
            return
        record.allowed = False
        raise Refusal(403, "egress-disguised", reason, host=record.host, port=record.port)

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses that may be connected to, of all that the name has."""
        if is_address(host):
            found = [host]
        else:
            try:
                async with asyncio.timeout(self.limits.lookup_s):
                    found = await self._resolver(host)
            except (OSError, UnicodeError, TimeoutError) as error:
                raise self._failed(502, f"the name {host} was not found", "Is it spelled right?") from error
        decisions = {one: self._compiled().decide_address(host, port, one) for one in found}
        allowed = [one for one, decision in decisions.items() if decision.allowed]
        if not decisions:
            raise self._failed(502, f"the name {host} has no address", "Is it spelled right?")
        self._obey(decisions[allowed[0] if allowed else found[0]], host, port)
        return allowed[:_MOST_ADDRESSES]

    def _records_opened(self) -> None:
        try:
            self._records.opened(self._known())
        except Unavailable as error:
            self._known().allowed = False
            raise Refusal(503, error.code, error.message.rstrip("."), error.remedy) from error
        self._is_open = True

    async def _connect(self, host: str, port: int, addresses: list[str]) -> Wire:
        """Connect to exactly one of these addresses: the name is not looked up again."""
        last: OSError | None = None
        for address in addresses:
            place = ipaddress.ip_address(address)
            self._known().address = address
            sock = socket.socket(socket.AF_INET if place.version == 4 else socket.AF_INET6)
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                async with asyncio.timeout(self.limits.connect_s):
                    await asyncio.get_running_loop().sock_connect(sock, (address, port))
            except OSError as error:  # TimeoutError is one
                sock.close()
                last = error
            except BaseException:
                sock.close()
                raise
            else:
                return Wire(sock)
        if isinstance(last, TimeoutError) or (last and last.errno == errno.ETIMEDOUT):
            raise self._failed(504, f"{host}:{port} does not answer")
        refused = last is not None and last.errno == errno.ECONNREFUSED
        why = "refuses the connection" if refused else "cannot be reached"
        raise self._failed(502, f"{host}:{port} {why}")

    def _check_again(self) -> None:
        """Ask once more: the policy may have changed while names were looked up."""
        record = self._known()
        self._obey(
            self._compiled().decide_address(record.host, record.port, record.address),
            record.host,
            record.port,
        )

    def _failed(self, status: int, reason: str, remedy: str = "") -> Refusal:
        record = self._known()
        record.reason = f"{record.reason}; {reason}"
        said = f"allowed, but {reason}"
        return Refusal(status, "egress-failed", said, remedy, record.host, record.port)


def printable(text: str) -> str:
    """Return a host as a program wrote it, fit for a record."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_LONGEST_HOST])
