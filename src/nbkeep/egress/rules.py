"""May this session speak to this host, and to the address that its name stands for? Pure.

Deny wins, then what a class of data leaves (all else is refused), then a grant. Of allow and ask the rule
that is closer to the host counts, ask where both are as close; then the public internet, if the policy has
it; what nothing allows is refused. A name that is allowed does not open every address that somebody's name
server gives for it: see `decide_address`.

Rules about some requests to a host open it, and each request is decided by itself: see `decide_request`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from nbkeep.model.errors import Refused

from .addresses import kind, opens, unwrapped
from .asking import closeness
from .parse import is_address, parse_host
from .paths import AmbiguousError, plain
from .restrictions import Restrictions
from .values import METHOD, Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .addresses import Address, Kind, Network
    from .values import Effect, Policy, Request, Rule


class _Rules:
    """All rules of one effect, found by what they are about: a look-up does not grow with their number."""

    def __init__(self, rules: list[Rule]) -> None:
        self.is_empty = not rules
        self._names: dict[str, list[Rule]] = {}
        self._below: dict[str, list[Rule]] = {}
        self._anything: list[Rule] = []
        # (version, size of the prefix) → number of the prefix → rules
        self._networks: dict[tuple[int, int], dict[int, list[tuple[Network, Rule]]]] = {}
        for rule in rules:
            if rule.host == "*":
                self._anything.append(rule)
            elif rule.host.startswith("*."):
                self._below.setdefault(rule.host[2:], []).append(rule)
            elif "/" in rule.host or is_address(rule.host):
                network = ipaddress.ip_network(rule.host)
                shift = network.max_prefixlen - network.prefixlen
                same_size = self._networks.setdefault((network.version, network.prefixlen), {})
                same_size.setdefault(int(network.network_address) >> shift, []).append((network, rule))
            else:
                self._names.setdefault(rule.host, []).append(rule)
        self._sizes = sorted(self._networks, key=lambda one: -one[1])

    def about_name(self, host: str) -> Iterator[Rule]:
        """Yield the rules about a name, the closest first."""
        yield from self._names.get(host, ())
        if self._below:
            dot = host.find(".")
            while dot >= 0:
                yield from self._below.get(host[dot + 1 :], ())
                dot = host.find(".", dot + 1)

    def about_address(self, address: Address) -> Iterator[tuple[Network, Rule]]:
        """Yield the networks that hold the address, or one that it carries inside, and their rules."""
        for one in unwrapped(address):
            for version, size in self._sizes:
                if version == one.version:
                    prefix = int(one) >> (one.max_prefixlen - size)
                    yield from self._networks[version, size].get(prefix, ())

    def about_anything(self) -> list[Rule]:
        """Return the rules that are written as `*`."""
        return self._anything


class Compiled:
    """A policy, ready to decide in microseconds.

    `own`: the addresses of the machine on which connections are made. Raises ValueError or `Refused` when a
    rule's host is not in the form that `parse_rule` makes.
    """

    def __init__(self, policy: Policy, own: frozenset[Address] = frozenset()) -> None:
        self.policy = policy
        self._own = own
        by_effect: dict[Effect, list[Rule]] = {"allow": [], "deny": [], "ask": []}
        granted: list[Rule] = []
        some: dict[Effect, list[Rule]] = {"allow": [], "deny": [], "ask": []}
        for rule in policy.rules:
            if rule.is_restricted:
                some[rule.effect].append(rule)
            else:
                (granted if rule.until and rule.effect == "allow" else by_effect[rule.effect]).append(rule)
        if some["ask"] or any(rule.until for rule in some["allow"]):
            raise ValueError("what is asked for is a whole host, without methods and paths")
        self._some_allowed = Restrictions(some["allow"])
        self._some_denied = Restrictions(some["deny"], fold=True)
        # On trial what is firm still refuses, so that it counts before a closer rule that does not.
        self._firm = _Rules([rule for rule in by_effect["deny"] if rule.firm] if policy.dry_run else [])
        self._allow, self._deny = _Rules(by_effect["allow"]), _Rules(by_effect["deny"])
        self._ask, self._granted = _Rules(by_effect["ask"]), _Rules(granted)
        self.granted = tuple(granted)
        if any(rule.is_restricted for rule in policy.keeps):
            raise ValueError("what is kept open is a whole host, without methods and paths")
        sources = dict.fromkeys(rule.source for rule in policy.keeps)
        self._keeps = [
            (one, _Rules([rule for rule in policy.keeps if rule.source == one])) for one in sources
        ]

    def only(self, opened: Rule) -> Compiled:
        """Return what decides where one rule alone allows something; all that denies stays.

        What is kept open of a policy says nothing of it: it is granted by itself, whatever a policy allows.
        """
        denying = tuple(rule for rule in self.policy.rules if rule.effect == "deny")
        alone = replace(self.policy, rules=(*denying, opened), public_internet=False, keeps=())
        return Compiled(alone, self._own)

    def decide(self, host: str, port: int) -> Decision:
        """Decide about a host as a program wrote it, before anything is looked up."""
        whole = self.decide_whole(host, port)
        if self._some_allowed.is_empty or (whole.allowed and not whole.would_block):
            return whole
        return next(self._in_part(whole, host, port), whole)

    def decide_whole(self, host: str, port: int) -> Decision:
        """Decide whether all requests may go there, as far as no rule denies some of them."""
        try:
            host = parse_host(host)
        except Refused as error:
            return Decision(False, None, str(error))
        denying = self._first(self._firm, host, port) or self._first(self._deny, host, port)
        if denying is not None:
            return self._no(
                denying, f"{host}:{port} is denied by the rule {str(denying)!r} ({denying.source})"
            )
        if (outside := self._outside(host, port)) is not None:
            return outside
        asked = self._first(self._ask, host, port)
        allowing = self._first(self._granted, host, port) or self._first(self._allow, host, port)
        if allowing is not None and _counts(allowing, asked):
            return Decision(True, allowing, f"the rule {str(allowing)!r} ({allowing.source}) allows it")
        if asked is not None:
            return self._no(asked, _needs_a_grant(asked, f"{host}:{port}"))
        if self.policy.public_internet:
            return Decision(True, None, "the session may reach the public internet")
        closed = (
            f", and {self.policy.closed_by} has closed the public internet" if self.policy.closed_by else ""
        )
        return self._no(None, f"no rule allows {host}:{port}{closed}")

    def _outside(self, host: str, port: int) -> Decision | None:
        """Return the refusal of what is not kept open, also on trial; None for all else."""
        for source, kept in self._keeps:
            if self._first(kept, host, port) is None:
                why = f"{host}:{port} is not among what {source} leaves open"
                return Decision(False, None, why, is_left_out=True)
        return None

    def _in_part(self, whole: Decision, host: str, port: int) -> Iterator[Decision]:
        """Yield what rules about some requests say of a host that is not allowed as a whole."""
        asked = whole.rule
        if asked is not None and asked.effect == "deny":
            return
        try:
            host = parse_host(host)
        except Refused:
            return
        if self._outside(host, port) is not None:
            return
        for rule in self._some_allowed.about(host, port):
            if asked is None or asked.effect != "ask" or _counts(rule, asked):
                reason = f"the rule {str(rule)!r} ({rule.source}) allows some requests to it"
                yield Decision(True, rule, reason)

    def judges(self, host: str, port: int, address: str = "") -> bool:
        """Tell whether each request to a host is decided by itself, so that nothing goes there unread.

        `address`: the one that is connected to, "" before it is known.
        """
        if self._some_allowed.is_empty and self._some_denied.is_empty:
            return False
        return bool(self._relevant(self._decided(host, port, address), host, port))

    def decide_unread(self, host: str, port: int, address: str = "") -> Decision | None:
        """Decide about bytes that are not read as requests; None where no rule is about requests."""
        if not self.judges(host, port, address):
            return None
        relevant = self._relevant(self._decided(host, port, address), host, port)
        rule = _firmest(rule for some in relevant for rule in some.about(host, port))
        why = f"what was sent to {host}:{port} cannot be read as requests to it by its name"
        return self._unclear(rule, why)

    def decide_request(self, host: str, port: int, address: str, request: Request) -> Decision:
        """Decide about one request to a host in its one form; includes `decide_address`.

        What can be read in two ways is refused while there are rules about such things for the host; no
        reason tells a path. `address`: "" if it is not known yet.
        """
        decided = self._decided(host, port, address)
        relevant = self._relevant(decided, host, port) if decided.allowed else []
        if not relevant:
            return decided
        said = _said(request, host, port)
        doubt, path = self._read(relevant, host, port, request)
        if doubt is not None:
            return doubt
        denying = _firmest(self._some_denied.matching(host, port, request.method, path))
        if denying is not None:
            return self._no(denying, f"{said} is denied by the rule {str(denying)!r} ({denying.source})")
        if self._some_allowed not in relevant:
            return decided
        asked = self._first(self._ask, host, port)
        for one in self._some_allowed.matching(host, port, request.method, path):
            found = Decision(True, one, f"the rule {str(one)!r} ({one.source}) allows this request")
            if _counts(one, asked) and (not address or self._at(found, host, port, address).allowed):
                return found
        return self._no(asked, _needs_a_grant(asked, said) if asked else f"no rule allows {said}")

    def _read(
        self, relevant: list[Restrictions], host: str, port: int, request: Request
    ) -> tuple[Decision | None, str | None]:
        """Return the refusal of what can be read in two ways, or the path as it is compared, if it is."""
        said = _said(request, host, port)
        about_methods = _firmest(rule for some in relevant for rule in some.examples("methods", host, port))
        if why := _doubt_of_method(request, said, matters=about_methods is not None):
            any_rule = _firmest(rule for some in relevant for rule in some.about(host, port))
            return self._unclear(about_methods or any_rule, why), None
        about_paths = _firmest(rule for some in relevant for rule in some.examples("path", host, port))
        if about_paths is None:
            return None, None
        if request.other_path:
            why = f"{said} may reach another path by {request.other_path}"
            return self._unclear(about_paths, why), None
        try:
            return None, plain(request.path)
        except AmbiguousError as error:
            why = f"the path of {said} can be read in two ways ({error})"
            return self._unclear(about_paths, why), None

    def _decided(self, host: str, port: int, address: str) -> Decision:
        return self.decide_address(host, port, address) if address else self.decide(host, port)

    def _relevant(self, decided: Decision, host: str, port: int) -> list[Restrictions]:
        """Return what is to be asked about each request to a host."""
        found: list[Restrictions] = []
        if next(self._some_denied.about(host, port), None) is not None:
            found.append(self._some_denied)
        if decided.rule is not None and decided.rule.is_restricted:
            found.append(self._some_allowed)
        return found

    def _unclear(self, rule: Rule | None, why: str) -> Decision:
        about = f"the rule {str(rule)!r} ({rule.source})" if rule else "a rule"
        return replace(self._no(rule, f"{why}, and {about} is about some requests only"), is_unclear=True)

    def decide_address(self, host: str, port: int, address: str) -> Decision:
        """Decide about one of the addresses that were found for a host; includes `decide`.

        A public address goes where the host may go. A private one only with a rule for exactly this name, or
        for an address or network of that kind. This machine, its link and its cloud's metadata only with a
        rule for such an address or network: no name leads there. A policy on trial (`dry_run`) opens neither.
        """
        whole = self.decide_whole(host, port)
        decided = self._at(whole, host, port, address) if whole.allowed else whole
        if self._some_allowed.is_empty or (decided.allowed and not decided.would_block):
            return decided
        parts = (self._at(one, host, port, address) for one in self._in_part(whole, host, port))
        return next((one for one in parts if one.allowed and not one.would_block), decided)

    def _at(self, decided: Decision, host: str, port: int, address: str) -> Decision:
        """Return what becomes of a decision about a host at one of its addresses."""
        host, place = parse_host(host), ipaddress.ip_address(address)
        about = host if is_address(host) else f"{host} ({address})"
        about_it = chain(self._firm.about_address(place), self._deny.about_address(place))
        denying = next((rule for _, rule in about_it if _covers(rule, port)), None)
        if denying is not None:
            return self._no(denying, f"{about} is denied by the rule {str(denying)!r} ({denying.source})")
        asked = next((rule for _, rule in self._ask.about_address(place) if _covers(rule, port)), None)
        if asked is not None and decided.rule is None:  # the public internet, but for this part of it
            opening = (*self._granted.about_address(place), *self._allow.about_address(place))
            if not any(_covers(rule, port) and _counts(rule, asked) for _, rule in opening):
                return self._no(asked, _needs_a_grant(asked, about))
        return self._by_kind(decided, host, port, place, about)

    def _by_kind(self, decided: Decision, host: str, port: int, place: Address, about: str) -> Decision:
        what = kind(place, self._own)
        for network, rule in self._opening(place, port, what):
            if _covers(rule, port) and opens(network, what):
                reason = f"the rule {str(rule)!r} ({rule.source}) allows it"
                return decided if decided.rule or decided.would_block else Decision(True, rule, reason)
        if what == "special":
            reason = (
                f"{about} is this machine, its link or its cloud's metadata: only a rule with that address"
            )
            return Decision(False, None, f"{reason} opens it")
        if what == "private" and not self._names_exactly(decided.rule, host):
            reason = f"{about} is an address of a private network: a rule with exactly this name, or with an"
            return Decision(False, None, f"{reason} address, is needed")
        return decided

    def _opening(self, place: Address, port: int, what: Kind) -> Iterator[tuple[Network, Rule]]:
        """Yield what could open an address.

        A grant opens no more than what was written in the ask-list, and no project a machine itself.
        """
        for network, rule in self._allow.about_address(place):
            if what != "special" or not rule.by_project:
                yield network, rule
        if any(
            _covers(ask, port) and opens(network, what) for network, ask in self._ask.about_address(place)
        ):
            yield from self._granted.about_address(place)

    def _names_exactly(self, rule: Rule | None, host: str) -> bool:
        """Tell whether an admin wrote exactly this name: a person asks for any that a `*.name` lets them."""
        if rule is None or rule.host != host:
            return False
        return not rule.until or any(ask.host == host for ask in self._ask.about_name(host))

    def _first(self, rules: _Rules, host: str, port: int) -> Rule | None:
        if rules.is_empty:
            return None
        if is_address(host):
            place = ipaddress.ip_address(host)
            found = next((rule for _, rule in rules.about_address(place) if _covers(rule, port)), None)
        else:
            found = next((rule for rule in rules.about_name(host) if _covers(rule, port)), None)
        return found or next((rule for rule in rules.about_anything() if _covers(rule, port)), None)

    def _no(self, rule: Rule | None, reason: str) -> Decision:
        if self.policy.dry_run and not (rule and rule.firm):
            return Decision(True, rule, f"{reason}; the policy is on trial", would_block=True)
        return Decision(False, rule, reason)


def _counts(allowing: Rule, asked: Rule | None) -> bool:
    """Tell whether what allows something holds against what one is to ask for."""
    if allowing.until or asked is None:
        return True
    # Some requests are closer than all of them.
    return closeness(allowing) + allowing.is_restricted > closeness(asked)


def _needs_a_grant(asked: Rule, what: str) -> str:
    return f"{what} needs a grant: the rule {str(asked)!r} ({asked.source}) lets one ask for it"


def _covers(rule: Rule, port: int) -> bool:
    return not rule.ports or port in rule.ports


def _said(request: Request, host: str, port: int) -> str:
    return f"this {request.method[:20]} request to {host}:{port}"


def _doubt_of_method(request: Request, said: str, *, matters: bool) -> str:
    """Return why it is not known what a request's method is, or ""; `matters`: rules are about methods."""
    if request.method == "CONNECT":
        return f"{said} begins what nobody could read"
    if matters and not METHOD.fullmatch(request.method):
        return f"the method of {said} is not in capital letters"
    if matters and request.other_method:
        return f"{said} may have another method by {request.other_method}"
    return ""


def _firmest(rules: Iterable[Rule]) -> Rule | None:
    """Return the first firm rule, or the first: what is firm refuses on trial, too."""
    return min(rules, key=lambda rule: not rule.firm, default=None)
