"""What a secret is bound to, as values, and how that is said to a gateway."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["header", "query", "basic", "sigv4", "postgres", "s3"]
CONNECTION = "connection"  # of grants for a while, too
THROUGH = f"{CONNECTION}:"  # a grant to whoever was granted the declared connection of this name
THROUGH_DATA = "dataset:"  # a grant to the gateway, for reading the dataset of this name
# Kinds that no request of a session carries, with what they are granted through.
ONLY_THROUGH: dict[str, str] = {"postgres": THROUGH, "s3": THROUGH_DATA}
_MADE = "PostgreSQL, a role for each session"
GATEWAYS_OWN: Kind = "s3"  # no program ever uses it, not even without seeing it


@dataclass(frozen=True)
class Binding:
    """Where a value goes, and nowhere else. What a value was sealed with cannot be changed without it.

    `hosts`: `name:port`, reached by TLS; `*.name:port` only for what is signed with. `kind` and `place`: a
    header's name, a query parameter's, or "" for basic authentication. `template`: what is sent, with `{}`
    for the value; for basic authentication the user's name. Of `sigv4` they are region and service.
    `postgres`: the password of the role `template`, given at declared connections alone; "" where each
    session has a role of its own. `s3`: region and service, too; what reads datasets is signed with it, and
    nothing else. `source`: where the value lies, "" where it is kept here (see `references.py`).
    """

    hosts: tuple[str, ...]
    kind: Kind
    place: str
    template: str
    source: str = ""

    @property
    def words(self) -> str:
        """It in one line, for people; never a value."""
        if self.kind == "header":
            return f"header {self.place}: {self.template}"
        if self.kind == "sigv4":
            return f"AWS signature, {self.place} {self.template}"
        if self.kind == "s3":
            return f"AWS signature of datasets, {self.place}"
        if self.kind == "postgres":
            return f"PostgreSQL, role {self.template}" if self.template else _MADE
        return f"query {self.place}" if self.kind == "query" else f"basic, user {self.template}"


@dataclass(frozen=True)
class Leased:
    """One lease as a gateway is told of it, without the value.

    `oldest`: the lowest version by which connections may still be open.
    """

    lease_id: str
    session_id: str
    name: str
    version: int
    binding: Binding
    oldest: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it for the inner door."""
        bound = asdict(self.binding)
        del bound["source"]  # no matter of a gateway
        return {
            "lease_id": self.lease_id,
            "session_id": self.session_id,
            "name": self.name,
            "version": self.version,
            "oldest": self.oldest,
            **bound,
            "hosts": list(self.binding.hosts),
        }
