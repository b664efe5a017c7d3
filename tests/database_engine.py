"""The database engine of the stand-in of Vault: roles with a time of their own, truly made and dropped by SQL."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_ERROR = {"errors": ["1 error occurred: lease not found"]}


@dataclass
class _Lease:
    user: str
    role: str
    token: str
    ends_at_s: float
    longest_s: float


@dataclass
class Engine:
    """`run`: does SQL as the database's operator. `roles`: default and longest time of each, in seconds.

    `ahead_s` moves its time. `instead`: what is said in place of a login. `is_stuck`: nothing can be revoked.
    """

    run: Callable[[str], object]
    roles: dict[str, tuple[int, int]] = field(default_factory=lambda: {"readonly": (3600, 7200)})
    leases: dict[str, _Lease] = field(default_factory=dict[str, _Lease])
    ahead_s: float = 0.0
    instead: Callable[[dict[str, Any]], Any] | None = None
    is_stuck: bool = False
    revoked: list[str] = field(default_factory=list[str])

    @property
    def users(self) -> list[str]:
        """The roles of the database that there are."""
        return [one.user for one in self.leases.values()]

    def asked(self, method: str, path: str, said: dict[str, Any], token: str) -> tuple[int, Any]:
        """Return status and answer."""
        self.end_overdue()
        if path.startswith("database/creds/") and method == "GET":
            return self._make(path, token)
        found = self.leases.get(str(said.get("lease_id")))
        if path == "sys/leases/renew":
            if found is None:
                return 400, _ERROR
            default_s, _ = self.roles[found.role]
            found.ends_at_s = min(self._now_s + default_s, found.longest_s)
            return 200, {"lease_id": said["lease_id"], "renewable": True,
                         "lease_duration": round(found.ends_at_s - self._now_s)}  # fmt: skip
        if path == "sys/leases/revoke":
            if self.is_stuck:
                return 500, {"errors": ["failed to revoke: the database is away"]}
            if found is not None:
                self._end(str(said["lease_id"]))
            return 204, None
        return 404, {"errors": []}

    def end_overdue(self) -> None:
        """Drop the roles whose time is over."""
        for lease_id in [key for key, one in self.leases.items() if one.ends_at_s <= self._now_s]:
            self._end(lease_id)

    def end_of_token(self, token: str) -> None:
        """Drop the roles that were made by a token that has ended."""
        for lease_id in [key for key, one in self.leases.items() if one.token == token]:
            self._end(lease_id)

    @property
    def _now_s(self) -> float:
        return time.monotonic() + self.ahead_s

    def _make(self, path: str, token: str) -> tuple[int, Any]:
        name = path.removeprefix("database/creds/")
        if name not in self.roles:
            return 400, {"errors": [f"unknown role: {name}"]}
        user, password = f"v-approle-{name}-{secrets.token_hex(8)}", secrets.token_urlsafe(20)
        self.run(f"CREATE ROLE \"{user}\" LOGIN PASSWORD '{password}'")
        self.run(f'GRANT SELECT ON orders TO "{user}"')
        default_s, longest_s = self.roles[name]
        lease_id = f"{path}/{secrets.token_urlsafe(18).replace('_', 'x').replace('-', 'y')}"
        self.leases[lease_id] = _Lease(user, name, token, self._now_s + default_s, self._now_s + longest_s)
        answer: Any = {"lease_id": lease_id, "lease_duration": default_s, "renewable": True,
                       "data": {"username": user, "password": password}}  # fmt: skip
        return 200, self.instead(answer) if self.instead else answer

    def _end(self, lease_id: str) -> None:
        one = self.leases[lease_id]
        self.run(f'DROP OWNED BY "{one.user}"')
        self.run(f'DROP ROLE IF EXISTS "{one.user}"')
        del self.leases[lease_id]
        self.revoked.append(lease_id)
