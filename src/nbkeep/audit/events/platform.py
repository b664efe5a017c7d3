"""Events of the journal itself and of the platform."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class AuditExported(Event):
    """Somebody took a copy of the journal, whole or from and until these times, or what fits a filter."""

    type: ClassVar[str] = "audit.exported"
    since: str = ""
    until: str = ""
    format: str = "jsonl"  # jsonl | csv | ocsf
    filter: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class PlatformStarted(Event):
    """The office started."""

    type: ClassVar[str] = "platform.started"
    version: str


@dataclass(frozen=True, kw_only=True)
class ClockJumped(Event):
    """The host's wall clock jumped; the deadlines of this many live sessions were moved along with it."""

    type: ClassVar[str] = "platform.clock-jumped"
    by_s: float
    sessions: int


@dataclass(frozen=True, kw_only=True)
class StraySessionStopped(Event):
    """A node ran a session that the office does not know as live: it was stopped."""

    type: ClassVar[str] = "session.stray-stopped"
    known_as: str = ""  # its state here, "" when there is no such session at all
