"""What the rules of a session are, as values and as JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args

from .paths import spelled

if TYPE_CHECKING:
    from collections.abc import Mapping

Effect = Literal["allow", "deny", "ask"]
# As all that are registered are written; for servers, `get` may be GET or none.
METHOD = re.compile(r"[A-Z]+(?:-[A-Z]+)*")
_MAX_PORT = 65535
_T = TypeVar("_T")


@dataclass(frozen=True)
class Rule:
    """One line of an allow-list, a deny-list or an ask-list, or what a grant allows.

    `host`: a name, `*.name` (what lies below it, at any depth, never the name itself), an IP address, a
    network in CIDR notation, or `*`; in the form that `parse.parse_rule` makes. `ports`: empty means any.
    `source`: where it was written, for people. `firm`: it refuses even while a policy is on trial. `until`:
    the moment (ISO, with its zone) from which it is void; only rules of grants have one. `methods`, `path`:
    it is about requests with one of these, and with a path of this pattern (see `paths.py`); empty: any.
    `by_project`: a project allows it, not the profile; it ends where the public internet is closed.
    """

    id: str
    effect: Effect
    host: str
    ports: frozenset[int]
    source: str
    firm: bool = False
    until: str = ""
    methods: frozenset[str] = frozenset()
    path: str = ""
    by_project: bool = False

    def __str__(self) -> str:
        """Return it the way an admin writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        methods = f"{'|'.join(sorted(self.methods))}@" if self.methods else ""
        ports = ",".join(map(str, sorted(self.ports))) or "*"
        return f"{self.effect} {methods}{host}:{ports}{self.path}"

    @property
    def is_restricted(self) -> bool:
        """Whether it is about some requests to its host, not about the host."""
        return bool(self.methods or self.path)

    def is_over(self, now: datetime) -> bool:
        """Tell whether it is void by now."""
        return bool(self.until) and datetime.fromisoformat(self.until) <= now

    def as_json(self) -> dict[str, Any]:
        """Return it as `from_json` takes it."""
        return {
            "id": self.id,
            "effect": self.effect,
            "host": self.host,
            "ports": sorted(self.ports),
            "source": self.source,
            "firm": self.firm,
            "until": self.until,
            "methods": sorted(self.methods),
            "path": self.path,
            "by_project": self.by_project,
        }

    @classmethod
    def from_json(cls, data: object) -> Rule:
        """Return the rule; raises ValueError for anything that `as_json` does not make."""
        found = _exact(data, {field.name for field in fields(cls)}, "a rule")
        ports = found["ports"]
        if not isinstance(ports, list) or not all(_is_port(port) for port in cast("list[object]", ports)):
            raise ValueError("the ports of a rule are no list of ports")
        effect = found["effect"]
        if effect not in get_args(Effect):
            raise ValueError("a rule allows, denies, or may be asked for")
        until = _typed(found, "until", str)
        if until and datetime.fromisoformat(until).tzinfo is None:
            raise ValueError("the end of a rule has no time zone")
        methods, path = cast("list[object]", _typed(found, "methods", list)), _typed(found, "path", str)
        if not all(isinstance(one, str) and METHOD.fullmatch(one) for one in methods):
            raise ValueError("the methods of a rule are no list of methods")
        if path and spelled(path) != path:
            raise ValueError("the path of a rule is not in its one form")
        return cls(
            id=_typed(found, "id", str),
            effect=effect,
            host=_typed(found, "host", str),
            ports=frozenset(cast("list[int]", ports)),
            source=_typed(found, "source", str),
            firm=_typed(found, "firm", bool),
            until=until,
            methods=frozenset(cast("list[str]", methods)),
            path=path,
            by_project=_typed(found, "by_project", bool),
        )


@dataclass(frozen=True)
class Policy:
    """All that decides what one session may reach.

    `dry_run`: only firm rules block; what others would have blocked is on record. `version`: of these
    contents. `volume_bytes`: how much may be sent in a day (UTC), 0 for any amount. `ask_at`: the address
    of the page where one asks for what may be asked for. `packages`: the package policy in the words of its
    own room, "" for none. `keeps`: of all that is allowed only what these rules reach, too, is left; those of
    one source together, of several sources in each. `closed_by`: what has closed the public internet, for
    people; "" for nothing. `leaving`: what is decided at the gates by which programs send something out, as
    `leaving/told.py` reads it; "" where all of it may go. `person`: whose session it is, an id by which turns
    and shares at the gateway are counted, and nothing is decided; "" where the session counts for itself.
    """

    session_id: str
    rules: tuple[Rule, ...]
    public_internet: bool
    dry_run: bool
    version: str
    volume_bytes: int = 0
    ask_at: str = ""
    packages: str = ""
    keeps: tuple[Rule, ...] = ()
    closed_by: str = ""
    leaving: str = ""
    person: str = ""

    def at(self, now: datetime) -> Policy:
        """Return what is left of it at that moment: grants end by themselves, whoever is away."""
        left = tuple(rule for rule in self.rules if not rule.is_over(now))
        return self if len(left) == len(self.rules) else replace(self, rules=left)

    def as_json(self) -> dict[str, Any]:
        """Return it as `from_json` takes it."""
        return {
            "session_id": self.session_id,
            "rules": [rule.as_json() for rule in self.rules],
            "public_internet": self.public_internet,
            "dry_run": self.dry_run,
            "version": self.version,
            "volume_bytes": self.volume_bytes,
            "ask_at": self.ask_at,
            "packages": self.packages,
            "keeps": [rule.as_json() for rule in self.keeps],
            "closed_by": self.closed_by,
            "leaving": self.leaving,
            "person": self.person,
        }

    @classmethod
    def from_json(cls, data: object) -> Policy:
        """Return the policy; raises ValueError for anything that `as_json` does not make."""
        found = _exact(data, {field.name for field in fields(cls)}, "a policy")
        rules = cast("list[object]", _typed(found, "rules", list))
        keeps = cast("list[object]", _typed(found, "keeps", list))
        return cls(
            session_id=_typed(found, "session_id", str),
            rules=tuple(Rule.from_json(one) for one in rules),
            public_internet=_typed(found, "public_internet", bool),
            dry_run=_typed(found, "dry_run", bool),
            version=_typed(found, "version", str),
            volume_bytes=_typed(found, "volume_bytes", int),
            ask_at=_typed(found, "ask_at", str),
            packages=_typed(found, "packages", str),
            keeps=tuple(Rule.from_json(one) for one in keeps),
            closed_by=_typed(found, "closed_by", str),
            leaving=_typed(found, "leaving", str),
            person=_typed(found, "person", str),
        )


@dataclass(frozen=True)
class Decision:
    """What the rules say about one connection.

    `rule`: the one that decided, if it was one. `would_block`: the policy is on trial (`dry_run`), and
    without that this would not have been allowed. `reason`: one sentence for people. `is_unclear`: it is
    not known what is asked for. `is_left_out`: a class of data leaves it not; no rule would open it.
    """

    allowed: bool
    rule: Rule | None
    reason: str
    would_block: bool = False
    is_unclear: bool = False
    is_left_out: bool = False


@dataclass(frozen=True)
class Request:
    """What the rules know of one request: its path is without the query, and in no record.

    `other_method`, `other_path`: words for what in it has some servers take another one, "" for nothing.
    """

    method: str
    path: str
    other_method: str = ""
    other_path: str = ""


def _exact(data: object, names: set[str], what: str) -> Mapping[str, Any]:
    if not isinstance(data, dict) or set(cast("dict[str, object]", data)) != names:
        raise ValueError(f"{what} has exactly {', '.join(sorted(names))}")
    return cast("dict[str, Any]", data)


def _typed(found: Mapping[str, Any], name: str, kind: type[_T]) -> _T:
    value = found[name]
    if not isinstance(value, kind):
        raise ValueError(f"{name} is of the wrong type")
    return value


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_PORT
