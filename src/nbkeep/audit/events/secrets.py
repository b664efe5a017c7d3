"""Events of secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class SecretSet(Event):
    """A secret was kept: what it is bound to, never its value."""

    type: ClassVar[str] = "secret.set"
    secret_id: str
    name: str
    owner: str
    hosts: list[str]
    sent_as: str
    env: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class SecretRotated(Event):
    """A secret got another value."""

    type: ClassVar[str] = "secret.rotated"
    secret_id: str
    name: str
    owner: str
    version: int


@dataclass(frozen=True, kw_only=True)
class SecretGranted(Event):
    """Sessions of somebody may have a secret added to their requests."""

    type: ClassVar[str] = "secret.granted"
    secret_id: str
    name: str
    owner: str
    to: str


@dataclass(frozen=True, kw_only=True)
class SecretUngranted(Event):
    """A grant was taken away."""

    type: ClassVar[str] = "secret.ungranted"
    secret_id: str
    name: str
    owner: str
    to: str


@dataclass(frozen=True, kw_only=True)
class SecretRevoked(Event):
    """A secret was ended for good: its value was deleted, its leases ended."""

    type: ClassVar[str] = "secret.revoked"
    secret_id: str
    name: str
    owner: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SecretLeased(Event):
    """A session may have a secret added to its requests."""

    type: ClassVar[str] = "secret.leased"
    secret_id: str
    name: str
    lease_id: str
    user: str


@dataclass(frozen=True, kw_only=True)
class SecretLeaseEnded(Event):
    """A session may no longer have a secret added to its requests."""

    type: ClassVar[str] = "secret.lease-ended"
    secret_id: str
    name: str
    lease_id: str
    user: str
    reason: str  # session-ended | revoked | ungranted | replaced | user-disabled | incident


@dataclass(frozen=True, kw_only=True)
class DatabaseLoginMade(Event):
    """A Vault made a role of a database for one lease of one session."""

    type: ClassVar[str] = "secret.login-made"
    secret_id: str
    name: str
    lease_id: str
    user: str
    login_id: str
    role: str
    database_user: str
    until: str


@dataclass(frozen=True, kw_only=True)
class DatabaseLoginRevoked(Event):
    """A Vault has ended a role that it had made for a session."""

    type: ClassVar[str] = "secret.login-revoked"
    secret_id: str
    name: str
    lease_id: str
    user: str
    login_id: str
    role: str
    database_user: str
    reason: str
    tries: int


@dataclass(frozen=True, kw_only=True)
class DatabaseLoginNotRevoked(Event):
    """A role that was made for a session could not be ended; it is tried until it is. Told once for each."""

    type: ClassVar[str] = "secret.login-not-revoked"
    secret_id: str
    name: str
    lease_id: str
    user: str
    login_id: str
    role: str
    database_user: str
    reason: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class VaultKeyRotated(Event):
    """All secrets were put under a new master key."""

    type: ClassVar[str] = "secret.key-rotated"
    key_id: str
    rewrapped: int
