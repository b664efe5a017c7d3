"""Events of documents that leave. No record has a value that was found in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class ReleaseRequested(Event):
    """A person asked to let a document of their home leave."""

    type: ClassVar[str] = "release.requested"
    release_id: str
    user: str
    path: str
    gate: str
    form: str
    project: str
    audience: list[str]
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReleaseExamined(Event):
    """A copy of the document was examined, and the policies have decided."""

    type: ClassVar[str] = "release.examined"
    release_id: str
    user: str
    gate: str
    source_sha256: str
    plain_sha256: str
    redacted_sha256: str
    found: list[str]
    findings: int
    classification: str
    decision: str
    because: list[dict[str, Any]]
    problem: str


@dataclass(frozen=True, kw_only=True)
class ReleaseLooked(Event):
    """Somebody was shown a document; once for each of them and what they looked at in ten minutes."""

    type: ClassVar[str] = "release.looked"
    release_id: str
    user: str
    gate: str
    variant: str  # preview, compare, plain, redacted
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ReleaseApproved(Event):
    """A reviewer approved that exactly this leaves."""

    type: ClassVar[str] = "release.approved"
    release_id: str
    user: str
    gate: str
    sha256: str
    variant: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReleaseDenied(Event):
    """The document may not leave: a reviewer, or the policies alone, said so."""

    type: ClassVar[str] = "release.denied"
    release_id: str
    user: str
    gate: str
    by_policy: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReleaseSentBack(Event):
    """A reviewer wants the document to be changed first."""

    type: ClassVar[str] = "release.sent-back"
    release_id: str
    user: str
    gate: str
    comments: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReleaseWithdrawn(Event):
    """Its author, or an admin, wants the document to leave no more."""

    type: ClassVar[str] = "release.withdrawn"
    release_id: str
    user: str
    gate: str


@dataclass(frozen=True, kw_only=True)
class ReleaseReleased(Event):
    """A document was shared or published."""

    type: ClassVar[str] = "release.released"
    release_id: str
    user: str
    gate: str
    sha256: str
    variant: str
    share_id: str


@dataclass(frozen=True, kw_only=True)
class ReleaseTaken(Event):
    """Its author has taken a document that was let out for download or export."""

    type: ClassVar[str] = "release.taken"
    release_id: str
    user: str
    gate: str
    path: str
    sha256: str
    variant: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class ReleaseLapsed(Event):
    """Nobody decided about a document, or its author did not take it, in time."""

    type: ClassVar[str] = "release.lapsed"
    release_id: str
    user: str
    gate: str
    was: str


@dataclass(frozen=True, kw_only=True)
class ReleaseFailed(Event):
    """A document could not be copied, or nothing could be made of it that could leave."""

    type: ClassVar[str] = "release.failed"
    release_id: str
    user: str
    gate: str
    problem: str
