"""May this session speak to this host, and to the address that its name stands for? Pure.

Deny wins, then a grant. Of allow and ask the rule that is closer to the host counts, ask where both are as
close; then the public internet, if the policy has it; what nothing allows is refused. A name that is allowed
does not open every address that somebody's name server gives for it: see `decide_address`.
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
from .values import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .addresses import Address, Kind, Network
    from .values import Effect, Policy, Rule


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
        for rule in policy.rules:
            (granted if rule.until and rule.effect == "allow" else by_effect[rule.effect]).append(rule)
        # On trial what is firm still refuses, so that it counts before a closer rule that does not.
        self._firm = _Rules([rule for rule in by_effect["deny"] if rule.firm] if policy.dry_run else [])
        self._allow, self._deny = _Rules(by_effect["allow"]), _Rules(by_effect["deny"])
        self._ask, self._granted = _Rules(by_effect["ask"]), _Rules(granted)
        self.granted = tuple(granted)

    def only(self, opened: Rule) -> Compiled:
        """Return what decides where one rule alone allows something; all that denies stays."""
        denying = tuple(rule for rule in self.policy.rules if rule.effect == "deny")
        return Compiled(replace(self.policy, rules=(*denying, opened), public_internet=False), self._own)

    def decide(self, host: str, port: int) -> Decision:
        """Decide about a host as a program wrote it, before anything is looked up."""
        try:
            host = parse_host(host)
        except Refused as error:
            return Decision(False, None, str(error))
        denying = self._first(self._firm, host, port) or self._first(self._deny, host, port)
        if denying is not None:
            return self._no(
                denying, f"{host}:{port} is denied by the rule {str(denying)!r} ({denying.source})"
            )
        asked = self._first(self._ask, host, port)
        allowing = self._first(self._granted, host, port) or self._first(self._allow, host, port)
        if allowing is not None and _counts(allowing, asked):
            return Decision(True, allowing, f"the rule {str(allowing)!r} ({allowing.source}) allows it")
        if asked is not None:
            return self._no(asked, _needs_a_grant(asked, f"{host}:{port}"))
        if self.policy.public_internet:
            return Decision(True, None, "the session may reach the public internet")
        return self._no(None, f"no rule allows {host}:{port}")

    def decide_address(self, host: str, port: int, address: str) -> Decision:
        """Decide about one of the addresses that were found for a host; includes `decide`.

        A public address goes where the host may go. A private one only with a rule for exactly this name, or
        for an address or network of that kind. This machine, its link and its cloud's metadata only with a
        rule for such an address or network: no name leads there. A policy on trial (`dry_run`) opens neither.
        """
        decided = self.decide(host, port)
        if not decided.allowed:
            return decided
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
        """Yield what could open an address; a grant opens no more than what was written in the ask-list."""
        yield from self._allow.about_address(place)
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
    return bool(allowing.until) or asked is None or closeness(allowing) > closeness(asked)


def _needs_a_grant(asked: Rule, what: str) -> str:
    return f"{what} needs a grant: the rule {str(asked)!r} ({asked.source}) lets one ask for it"


def _covers(rule: Rule, port: int) -> bool:
    return not rule.ports or port in rule.ports
