"""Which rule decides about a host, and why, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import invalid

from .parse import is_address, parse_host, parse_port
from .refusals import how_to_ask
from .rules import Compiled

if TYPE_CHECKING:
    from .values import Decision, Policy, Rule

_HTTPS = 443
_LATER = (
    "Its addresses are looked at when it is connected to: those of this machine and of private networks stay "
    "closed unless a rule opens them."
)


@dataclass(frozen=True)
class Explanation:
    """What would happen to a connection, and by which rule. `note`: what only trying will show."""

    host: str
    port: int
    decision: Decision
    note: str

    @property
    def words(self) -> str:
        """The answer as a sentence."""
        if self.decision.would_block:
            verdict = "allowed on trial, would be refused"
        else:
            verdict = "allowed" if self.decision.allowed else "refused"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} is {verdict}: {self.decision.reason}."

    def as_json(self) -> dict[str, Any]:
        """Return the explanation for the doors."""
        rule = self.decision.rule
        return {
            "host": self.host,
            "port": self.port,
            "allowed": self.decision.allowed,
            "would_block": self.decision.would_block,
            "rule": rule_json(rule) if rule else None,
            "reason": self.decision.reason,
            "words": self.words,
            "note": self.note,
        }


def explain(policy: Policy, target: str) -> Explanation:
    """Return what the rules say about `HOST` (port 443), `HOST:PORT` or an address of either family.

    Raises `Refused` (400) for what is neither host nor address.
    """
    host, port = read_target(target)
    compiled = Compiled(policy)
    if is_address(host):
        decision = compiled.decide_address(host, port, host)
        note = ""
    else:
        decision = compiled.decide(host, port)
        note = _LATER if decision.allowed else ""
    if not decision.allowed and decision.rule is not None and decision.rule.effect == "ask":
        note = how_to_ask(host, port, policy.session_id, policy.ask_at)
    return Explanation(host, port, decision, note)


def read_target(text: str) -> tuple[str, int]:
    """Return host and port of what somebody asks about; a pasted address of a page is understood, too."""
    asked = text.strip()
    scheme, divider, rest = asked.partition("://")
    port = _HTTPS
    if divider:
        asked = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
        port = 80 if scheme.lower() == "http" else _HTTPS
    host, colon, number = asked.rpartition(":")
    if colon and (host.endswith("]") or ":" not in host):
        asked, port = host, parse_port(number)
    if not asked:
        raise invalid("host", "No host is given.", "Write it like pypi.org or 10.0.0.1:5432.")
    return parse_host(asked), port


def rule_json(rule: Rule) -> dict[str, Any]:
    """Return a rule for the doors: its parts, and how an admin writes it."""
    return {**rule.as_json(), "words": str(rule)}
