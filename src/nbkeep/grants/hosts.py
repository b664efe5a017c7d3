"""Grants of the kind "host": a way out of sessions that the profile's ask-list has. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nbkeep.egress.asking import covering, covers_host
from nbkeep.egress.parse import WEB_PORTS, is_address, parse_rule
from nbkeep.egress.rules import Compiled
from nbkeep.model.verdict import Allow, Refuse, Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.egress.values import Decision, Policy, Rule

    from .interface import Situation

_MOST_LISTED = 6


class Hosts:
    """Hosts as admins write them: `pypi.org`, `db.acme.local:5432`; wider ones only where a list has them."""

    name = "host"

    def read(self, text: str) -> str:
        """Return `host:ports`; raise `Refused` (400)."""
        return str(_wanted(text)).removeprefix("allow ")

    def may_be_asked(self, now: Situation, subject: str) -> Verdict:
        """Refuse what is denied, what is open already, and what no entry of the ask-list covers."""
        policy, wanted = now.policy, _wanted(subject)
        denies = denying(policy, wanted)
        if denies is not None:
            return Refuse(
                "grant-of-denied-host",
                f"{subject} is denied by the rule {str(denies)!r} ({denies.source}).",
                "No grant opens what is denied; only an admin can change that rule.",
            )
        if _is_exact(wanted) and all(
            one.allowed and not one.would_block for one in _decisions(policy, wanted)
        ):
            return Refuse("no-grant-needed", f"{subject} may be reached already.", "Just connect to it.")
        asks = [rule for rule in policy.rules if rule.effect == "ask"]
        if covering(asks, wanted) is None:
            return Refuse(
                "not-on-asklist", f"{subject} is not on the profile's ask-list.", _instead(asks, wanted)
            )
        return Allow()


def granted_rule(subject: str, grant_id: str, user: str, until: datetime) -> Rule:
    """Return what a live grant allows, as a rule that names the grant."""
    source = f"grant {grant_id} of {user} until {until:%Y-%m-%d %H:%M} UTC"
    rule = parse_rule(subject, effect="allow", source=source, rule_id=grant_id)
    return replace(rule, until=until.isoformat())


def _wanted(text: str) -> Rule:
    return replace(parse_rule(text, effect="ask", source=""), effect="allow")  # a whole host, as asks are


def _is_exact(rule: Rule) -> bool:
    return not rule.host.startswith("*") and "/" not in rule.host


def _decisions(policy: Policy, wanted: Rule) -> list[Decision]:
    compiled = Compiled(policy)
    ports = wanted.ports or WEB_PORTS
    if is_address(wanted.host):
        return [compiled.decide_address(wanted.host, port, wanted.host) for port in ports]
    return [compiled.decide_whole(wanted.host, port) for port in ports]


def denying(policy: Policy, wanted: Rule) -> Rule | None:
    """Return a rule that would leave nothing of a grant, or of one of its ports."""
    if _is_exact(wanted):
        rules = (one.rule for one in _decisions(policy, wanted))
        return next((rule for rule in rules if rule is not None and rule.effect == "deny"), None)
    denies = (rule for rule in policy.rules if rule.effect == "deny" and not rule.is_restricted)
    return next((rule for rule in denies if rule.host == "*" or covers_host(rule.host, wanted.host)), None)


def _instead(asks: list[Rule], wanted: Rule) -> str:
    listed = [str(rule).removeprefix("ask ") for rule in asks]
    near = [
        text for rule, text in zip(asks, listed, strict=True) if covers_host(rule.host, wanted.host)
    ]  # the host is there, with other ports
    shown = ", ".join((near or listed)[:_MOST_LISTED]) + (" …" if len(near or listed) > _MOST_LISTED else "")
    may = f"You may ask for: {shown}." if shown else "It has no entry at all."
    how = f"`nbkeep profile set PROFILE --egress-asklist +{wanted.host}`"
    return f"{may} An admin can allow it, or put it there: {how}."
