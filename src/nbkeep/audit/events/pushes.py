"""Events of commits that git sends to a forge. No record has a value that was found in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class PushExamined(Event):
    """A push was kept back and examined, and the policies have decided: it is on record before it is sent."""

    type: ClassVar[str] = "push.examined"
    push_id: str  # of the review that it waits for, or passes by; "" where there is none
    user: str
    repository: str
    refs: list[str]
    commits: int
    files: int
    found: list[str]
    findings: int
    classification: str
    decision: str
    because: list[dict[str, Any]]
    outcome: str  # passed, waiting, refused
    problem: str


@dataclass(frozen=True, kw_only=True)
class PushLooked(Event):
    """Somebody was shown what a push would send; once for each of them in ten minutes."""

    type: ClassVar[str] = "push.looked"
    push_id: str
    user: str
    repository: str


@dataclass(frozen=True, kw_only=True)
class PushApproved(Event):
    """A reviewer approved that exactly these commits are sent to that repository, once."""

    type: ClassVar[str] = "push.approved"
    push_id: str
    user: str
    repository: str
    fingerprint: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class PushDenied(Event):
    """A reviewer turned a push down."""

    type: ClassVar[str] = "push.denied"
    push_id: str
    user: str
    repository: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class PushSentBack(Event):
    """A reviewer wants a push to be changed first."""

    type: ClassVar[str] = "push.sent-back"
    push_id: str
    user: str
    repository: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class PushWithdrawn(Event):
    """Its author, an admin or an incident ended the request before a forge had taken it."""

    type: ClassVar[str] = "push.withdrawn"
    push_id: str
    user: str
    repository: str


@dataclass(frozen=True, kw_only=True)
class PushPassed(Event):
    """The approved push was let out: the approval is used up, unless `PushSettled` says "refused"."""

    type: ClassVar[str] = "push.passed"
    push_id: str
    user: str
    repository: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class PushSettled(Event):
    """What became of an approved push that was let out: refused by the forge, its approval holds again."""

    type: ClassVar[str] = "push.settled"
    push_id: str
    user: str
    repository: str
    outcome: str  # taken, refused, unknown
    reason: str


@dataclass(frozen=True, kw_only=True)
class PushLapsed(Event):
    """Nobody decided, or its author did not push again, in time."""

    type: ClassVar[str] = "push.lapsed"
    push_id: str
    user: str
    repository: str
    was: str
