"""Events of evidence packs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class EvidenceRequested(Event):
    """Somebody asked for an evidence pack: what is on record of these days for a framework."""

    type: ClassVar[str] = "evidence.requested"
    evidence_id: str
    framework: str
    first_day: str
    last_day: str


@dataclass(frozen=True, kw_only=True)
class EvidenceBuilt(Event):
    """An evidence pack was made and signed."""

    type: ClassVar[str] = "evidence.built"
    evidence_id: str
    framework: str
    first_day: str
    last_day: str
    asked_by: str
    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class EvidenceFailed(Event):
    """An evidence pack could not be made."""

    type: ClassVar[str] = "evidence.failed"
    evidence_id: str
    framework: str
    asked_by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class EvidenceDownloaded(Event):
    """Somebody took a copy of an evidence pack."""

    type: ClassVar[str] = "evidence.downloaded"
    evidence_id: str
    framework: str
    sha256: str
