"""Events of quotas: set, overridden, asked for, and what they did to people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class QuotaSet(Event):
    """How much somebody may use was set."""

    type: ClassVar[str] = "quota.set"
    subject: str  # a user's name, "project NAME" or "everyone"
    quota: str  # such as gpu-a100=40h/month
    before: str


@dataclass(frozen=True, kw_only=True)
class QuotaRemoved(Event):
    """A quota holds no more; with its subject, or because an admin took it away."""

    type: ClassVar[str] = "quota.removed"
    subject: str
    quota: str


@dataclass(frozen=True, kw_only=True)
class QuotaOverridden(Event):
    """A quota is higher, or does not hold, until a moment."""

    type: ClassVar[str] = "quota.overridden"
    override_id: str
    subject: str
    quota: str
    until: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class QuotaOverrideEnded(Event):
    """An override was taken back before its time."""

    type: ClassVar[str] = "quota.override-ended"
    override_id: str
    subject: str
    quota: str


@dataclass(frozen=True, kw_only=True)
class QuotaRequested(Event):
    """Somebody asked for more."""

    type: ClassVar[str] = "quota.requested"
    request_id: str
    user: str
    subject: str
    quota: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class QuotaRequestDecided(Event):
    """A request for more was answered: with an override, or not."""

    type: ClassVar[str] = "quota.request-decided"
    request_id: str
    user: str
    subject: str
    quota: str
    given: bool
    answer: str


@dataclass(frozen=True, kw_only=True)
class QuotaWarned(Event):
    """Somebody was told that most of a quota is used."""

    type: ClassVar[str] = "quota.warned"
    user: str
    subject: str
    quota: str
    percent: int


@dataclass(frozen=True, kw_only=True)
class QuotaCutAnnounced(Event):
    """The user of a session was told when a quota ends it."""

    type: ClassVar[str] = "quota.cut-announced"
    user: str
    subject: str
    quota: str
    at: str
