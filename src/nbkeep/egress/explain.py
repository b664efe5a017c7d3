"""Which rule decides about a host, and why, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import invalid

from .parse import is_address, parse_host, parse_port
from .refusals import how_to_ask
from .rules import Compiled
from .values import METHOD, Request

if TYPE_CHECKING:
    from .values import Decision, Policy, Rule

_HTTPS = 443
_LATER = (
    "Its addresses are looked at when it is connected to: those of this machine and of private networks stay "
    "closed unless a rule opens them."
)


_IN_PART = "Rules are about some requests to it: ask with a method and a path, as in a whole address."


@dataclass(frozen=True)
class Explanation:
    """What would happen to a connection, and by which rule. `note`: what only trying will show.

    `request`: what is asked about is one request, not the host.
    """

    host: str
    port: int
    decision: Decision
    note: str
    request: Request | None = None

    @property
    def words(self) -> str:
        """The answer as a sentence."""
        if self.decision.would_block:
            verdict = "allowed on trial, would be refused"
        else:
            verdict = "allowed" if self.decision.allowed else "refused"
        host = f"[{self.host}]" if ":" in self.host else self.host
        what = f"{self.request.method} {self.request.path} at " if self.request else ""
        return f"{what}{host}:{self.port} is {verdict}: {self.decision.reason}."

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
            "method": self.request.method if self.request else "",
            "path": self.request.path if self.request else "",
        }


def explain(policy: Policy, target: str, method: str = "", path: str = "") -> Explanation:
    """Return what the rules say about `HOST` (port 443), `HOST:PORT` or an address of either family.

    `method`, `path`: about one request to it; where one of them is not given, GET or `/` is meant. The path
    of a pasted address counts where rules are about requests. Raises `Refused` (400) for what is neither host
    nor address, and for what is no request.
    """
    host, port = read_target(target)
    compiled = Compiled(policy)
    if not path and (method or compiled.judges(host, port)):
        _, divider, pasted = target.strip().partition("://")
        path = f"/{pasted.partition('/')[2]}" if divider and "/" in pasted else ""
    request = _request(method, path)
    if request is not None and not is_address(host):
        decision = compiled.decide_request(host, port, "", request)
        note = _LATER if decision.allowed else ""
    elif is_address(host):
        decision = compiled.decide_address(host, port, host)
        note = ""
    else:
        decision = compiled.decide(host, port)
        note = _LATER if decision.allowed else ""
        if decision.allowed and compiled.judges(host, port):
            note = f"{_IN_PART} {_LATER}"
    if not decision.allowed and decision.rule is not None and decision.rule.effect == "ask":
        note = how_to_ask(host, port, policy.session_id, policy.ask_at)
    return Explanation(host, port, decision, note, request)


def _request(method: str, path: str) -> Request | None:
    """Return the request that somebody asks about; its query says nothing to the rules."""
    method, path = method.strip(), path.strip().partition("?")[0]
    if not method and not path:
        return None
    if method and not METHOD.fullmatch(method.upper()):
        raise invalid("method", f"{method[:80]!r} is no method.", "Write it like GET or DELETE.")
    if path and not path.startswith("/"):
        raise invalid("path", f"{path[:80]!r} is no path.", "Write it from the first slash on, like /acme/.")
    return Request(method.upper() or "GET", path or "/")


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
