"""Events of security incidents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class IncidentOpened(Event):
    """Somebody opened a security incident; what it took away is gone with this record."""

    type: ClassVar[str] = "incident.opened"
    incident_id: str
    kind: str  # user | session | secret
    subject: str
    reason: str
    held: list[str]  # what goes on no more, such as session ses_… and user jane


@dataclass(frozen=True, kw_only=True)
class IncidentStepDone(Event):
    """Something outside of the database was done for an incident."""

    type: ClassVar[str] = "incident.step-done"
    incident_id: str
    step: str
    said: str
    tries: int


@dataclass(frozen=True, kw_only=True)
class IncidentStepFailed(Event):
    """Something could not be done for an incident; it is tried again. Recorded once for each problem."""

    type: ClassVar[str] = "incident.step-failed"
    incident_id: str
    step: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class IncidentEvidenceKept(Event):
    """The evidence of an incident was written and signed."""

    type: ClassVar[str] = "incident.evidence-kept"
    incident_id: str
    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class IncidentEvidenceTaken(Event):
    """Somebody took a copy of an incident's evidence."""

    type: ClassVar[str] = "incident.evidence-taken"
    incident_id: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class IncidentClosed(Event):
    """An incident was closed; what it held is released, or stays away."""

    type: ClassVar[str] = "incident.closed"
    incident_id: str
    kind: str
    subject: str
    reason: str
    outcome: list[str]
