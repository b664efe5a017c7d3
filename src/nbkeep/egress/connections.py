"""Declared connections as a gateway is told of them: what each is, and which sessions were granted which.

A relay inside a sandbox listens on their local ports, and names one in its first bytes; what it may be used
for is decided here by the session's own socket alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from nbkeep import wholefile

from .values import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .rules import Compiled

Kind = Literal["tcp", "postgres"]
# `verify`: TLS, and the certificate must be for this host; `require`: TLS with whoever answers; `off`: none.
Tls = Literal["verify", "require", "off"]
FILE_NAME = "connections.json"  # in the session's folder, beside the socket; the relay reads it


@dataclass(frozen=True)
class Declared:
    """One connection: where it leads, and where programs in sandboxes find it (`local_port`).

    `database`, `role` and `tls` are of `postgres` alone, else "", "" and "off".
    """

    name: str
    kind: Kind
    host: str
    port: int
    local_port: int
    database: str = ""
    role: str = ""
    tls: Tls = "off"

    @classmethod
    def from_json(cls, data: object) -> Declared:
        """Return the connection; raises ValueError for anything that is none."""
        try:
            told = cast("dict[str, Any]", data)
            name, host, database, role = (str(told[one]) for one in ("name", "host", "database", "role"))
            kind, tls = told["kind"], told["tls"]
            port, local_port = int(told["port"]), int(told["local_port"])
        except (TypeError, KeyError) as error:
            raise ValueError("not a connection") from error
        if kind not in get_args(Kind) or tls not in get_args(Tls):
            raise ValueError("not a kind of connection that this gateway knows")
        return cls(name, kind, host, port, local_port, database, role, tls)

    def as_json(self) -> dict[str, Any]:
        """Return it as `from_json` takes it."""
        return asdict(self)

    @property
    def rule(self) -> Rule:
        """The permission that it is: one host, one port."""
        words = f"connection {self.name}"
        return Rule(words, "allow", self.host, frozenset({self.port}), words)


@dataclass(frozen=True)
class Told:
    """What the office says: all connections, and by session the names of those granted, with their leases.

    A lease's id is "" where a connection has no password. `until`: when what was granted for a while ends
    (ISO), by session and name.
    """

    declared: tuple[Declared, ...] = ()
    granted: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    until: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    @classmethod
    def from_json(cls, data: object) -> Told:
        """Return it; raises ValueError."""
        try:
            told = cast("dict[str, Any]", data)
            declared = tuple(Declared.from_json(one) for one in told["declared"])
            granted = tuple(
                (str(session_id), tuple((str(name), str(lease)) for name, lease in found.items()))
                for session_id, found in told["granted"].items()
            )
            until = {  # an office that knows of none grants nothing for a while
                str(session_id): {str(name): str(ends_at) for name, ends_at in found.items()}
                for session_id, found in told.get("until", {}).items()
            }
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("not connections") from error
        moments = (datetime.fromisoformat(one) for found in until.values() for one in found.values())
        if any(one.tzinfo is None for one in moments):
            raise ValueError("the end of a grant has no time zone")
        return cls(declared, granted, until)

    def as_json(self) -> dict[str, Any]:
        """Return it as `from_json` takes it."""
        return {
            "declared": [one.as_json() for one in self.declared],
            "granted": {session_id: dict(found) for session_id, found in self.granted},
            "until": {session_id: dict(found) for session_id, found in self.until.items()},
        }


class Connections:
    """What is in force. Nothing is, before the office has told."""

    def __init__(self) -> None:
        self._declared: dict[str, Declared] = {}
        self._granted: dict[str, dict[str, str]] = {}
        self._until: list[tuple[datetime, str, str]] = []
        self._text = listed({})
        self._written: dict[str, tuple[Path, int, str]] = {}
        self._narrow: dict[tuple[str, str], tuple[Compiled, Compiled]] = {}

    def take(self, told: Told) -> set[str]:
        """Put these in force, and no others; return the sessions that may have lost or changed any."""
        before, was = self._declared, self._granted
        self._declared = {one.name: one for one in told.declared}
        self._granted = {session_id: dict(found) for session_id, found in told.granted}
        self._until = [
            (datetime.fromisoformat(ends_at), session_id, name)
            for session_id, found in told.until.items()
            for name, ends_at in found.items()
        ]
        self._text = listed({one.name: one.local_port for one in told.declared})
        self._narrow.clear()
        changed = {name for name, one in before.items() if self._declared.get(name) != one}
        return {
            session_id
            for session_id, found in was.items()
            if found != self._granted.get(session_id) or changed & set(found)
        }

    def end_grants(self, now: datetime) -> set[str]:
        """Take away what was granted for a while and is over; return the sessions that lost any."""
        over = [(session_id, name) for ends_at, session_id, name in self._until if ends_at <= now]
        if over:
            self._until = [one for one in self._until if one[0] > now]
        for session_id, name in over:
            self._granted.get(session_id, {}).pop(name, None)
        return {session_id for session_id, _ in over}

    def find(self, name: str) -> Declared | None:
        """Return a connection, granted or not."""
        return self._declared.get(name)

    def lease_id(self, session_id: str, name: str) -> str | None:
        """Return the lease of a connection's password; None where the session was not granted it."""
        return self._granted.get(session_id, {}).get(name) if name in self._declared else None

    def policy(self, session_id: str, declared: Declared | None, policy: Compiled) -> Compiled | None:
        """Return what decides about a connection, None where it is not granted, or declared otherwise now.

        All that the session's policy denies stays denied; of what it allows, nothing counts here.
        """
        if declared is None or self._declared.get(declared.name) != declared:
            return None
        if self.lease_id(session_id, declared.name) is None:
            return None
        known = self._narrow.get((session_id, declared.name))
        if known is None or known[0] is not policy:
            known = self._narrow[session_id, declared.name] = (policy, policy.only(declared.rule))
        return known[1]

    def prepare(self, session_id: str, folder: Path) -> None:
        """Tell the session's relay on which ports to listen; raises OSError. Twice is safe, and cheap."""
        file = folder / FILE_NAME
        try:
            if self._written.get(session_id) == (file, file.stat().st_ino, self._text):
                return
        except FileNotFoundError:
            pass
        wholefile.write(file, self._text, mode=0o644)
        self._written[session_id] = (file, file.stat().st_ino, self._text)

    def forget(self, session_id: str) -> None:
        """Drop what is known of a session that is over; twice is safe."""
        self._written.pop(session_id, None)


def listed(local_ports: Mapping[str, int]) -> str:
    """Return what relays read: names and ports, of all, since a refusal says more than silence."""
    found = [{"name": name, "port": port} for name, port in local_ports.items()]
    return json.dumps({"connections": found}) + "\n"
