"""Events of access that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class GrantRequested(Event):
    """A person asked for access for a while, for all their sessions of a profile."""

    type: ClassVar[str] = "grant.requested"
    grant_id: str
    kind: str  # see grants/kinds.py
    subject: str
    user: str
    profile: str
    wanted_s: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class GrantApproved(Event):
    """Access was granted; it ends by itself."""

    type: ClassVar[str] = "grant.approved"
    grant_id: str
    kind: str
    subject: str
    user: str
    profile: str
    granted_s: int
    expires_at: str


@dataclass(frozen=True, kw_only=True)
class GrantDenied(Event):
    """A request was turned down."""

    type: ClassVar[str] = "grant.denied"
    grant_id: str
    kind: str
    subject: str
    user: str
    profile: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class GrantRevoked(Event):
    """Access that had been granted was taken away before its time."""

    type: ClassVar[str] = "grant.revoked"
    grant_id: str
    kind: str
    subject: str
    user: str
    profile: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class GrantWithdrawn(Event):
    """Who had asked for access wants it no more."""

    type: ClassVar[str] = "grant.withdrawn"
    grant_id: str
    kind: str
    subject: str
    user: str
    profile: str


@dataclass(frozen=True, kw_only=True)
class GrantExpired(Event):
    """Access that had been granted ended by itself."""

    type: ClassVar[str] = "grant.expired"
    grant_id: str
    kind: str
    subject: str
    user: str
    profile: str
