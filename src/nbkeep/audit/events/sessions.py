"""Events of sessions, as the office sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class SessionRequested(Event):
    """A session was admitted."""

    type: ClassVar[str] = "session.requested"
    user: str
    name: str
    profile: str


@dataclass(frozen=True, kw_only=True)
class DocumentQuarantined(Event):
    """A kept document was put into the fresh home of a session in quarantine, to be run there."""

    type: ClassVar[str] = "session.document-quarantined"
    user: str
    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class SessionRefused(Event):
    """Somebody wanted a session and a rule said no."""

    type: ClassVar[str] = "session.refused"
    user: str
    profile: str
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class SessionLaunched(Event):
    """An admitted session was handed to its backend, with this image and these limits."""

    type: ClassVar[str] = "session.started"
    image: str
    cpu_millis: int
    memory_bytes: int
    gpu_count: int = 0


@dataclass(frozen=True, kw_only=True)
class SessionReady(Event):
    """A session answered for the first time, this many seconds after its start."""

    type: ClassVar[str] = "session.ready"
    start_s: float


@dataclass(frozen=True, kw_only=True)
class SessionStopRequested(Event):
    """Somebody or a limit asked for a session's end."""

    type: ClassVar[str] = "session.stop-requested"
    reason: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class SessionEnded(Event):
    """A session holds no compute any more; `reason` tells orderly ends from failures."""

    type: ClassVar[str] = "session.ended"
    reason: str
    detail: str = ""
    lasted_s: float = 0


@dataclass(frozen=True, kw_only=True)
class SessionExtended(Event):
    """Somebody asked to keep working: the idle stop or the end moved."""

    type: ClassVar[str] = "session.extended"
    added_s: int
    idle_kept_until: str
    ends_at: str


@dataclass(frozen=True, kw_only=True)
class SessionFrozen(Event):
    """An idle session was saved and frozen: it holds its memory until then, computes and costs nothing."""

    type: ClassVar[str] = "session.frozen"
    until: str


@dataclass(frozen=True, kw_only=True)
class SessionThawed(Event):
    """A frozen session goes on, because its user came back."""

    type: ClassVar[str] = "session.thawed"
    frozen_s: float


@dataclass(frozen=True, kw_only=True)
class SessionSuspended(Event):
    """A session ended and can be resumed until then: what was saved, and how many variables were not."""

    type: ClassVar[str] = "session.suspended"
    saved_at: str
    bytes: int
    kernels: int
    kept: int
    lost: int
    kept_until: str


@dataclass(frozen=True, kw_only=True)
class SessionResumed(Event):
    """A suspended session was admitted anew, to go on with what was saved at that moment."""

    type: ClassVar[str] = "session.resumed"
    user: str
    name: str
    profile: str
    saved_at: str = ""


@dataclass(frozen=True, kw_only=True)
class SessionStateDeleted(Event):
    """A session's saved state was given up: from here on it cannot be resumed."""

    type: ClassVar[str] = "session.state-deleted"
    reason: str  # user | admin | retention | limit


@dataclass(frozen=True, kw_only=True)
class SessionAccessGranted(Event):
    """An admin may enter somebody's session, for this reason, until then; the owner is told."""

    type: ClassVar[str] = "session.access-granted"
    owner: str
    reason: str
    until: str
