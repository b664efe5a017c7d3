"""Events of sending the journal on. Single deliveries are none: each would be sent on, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class AuditForwardAdded(Event):
    """The journal is sent on to a place, from the record after `after_seq` on."""

    type: ClassVar[str] = "audit.forward-added"
    name: str
    place: str
    after_seq: int


@dataclass(frozen=True, kw_only=True)
class AuditForwardPaused(Event):
    """The journal is not sent on to a place for now; what comes meanwhile is sent when it goes on."""

    type: ClassVar[str] = "audit.forward-paused"
    name: str


@dataclass(frozen=True, kw_only=True)
class AuditForwardResumed(Event):
    """The journal is sent on to a place again, from where it stopped."""

    type: ClassVar[str] = "audit.forward-resumed"
    name: str


@dataclass(frozen=True, kw_only=True)
class AuditForwardRemoved(Event):
    """The journal is sent on to a place no more; it has every record up to `cursor_seq`."""

    type: ClassVar[str] = "audit.forward-removed"
    name: str
    place: str
    cursor_seq: int
