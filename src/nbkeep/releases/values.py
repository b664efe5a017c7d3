"""The words of this room: states of a release, and what somebody asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from nbkeep.rendering.interface import Keep


class State(StrEnum):
    """Where a release is. The first four are open, the others are ends."""

    COPYING = "copying"
    EXAMINING = "examining"
    WAITING = "waiting"
    """For a reviewer."""
    READY = "ready"
    """To be taken by its author, once."""
    RELEASED = "released"
    """Taken, shared or published."""
    DENIED = "denied"
    SENT_BACK = "sent-back"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """Nobody decided, or its author did not take it, in time."""
    FAILED = "failed"
    """It could not be copied, or nothing could be made of it."""


OPEN = (State.COPYING, State.EXAMINING, State.WAITING, State.READY)
IN_WORK = (State.COPYING, State.EXAMINING)
PLAIN, REDACTED = "plain", "redacted"
"""The variants of what leaves."""


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for, as they wrote it. `request.py` reads it, and says what is wrong.

    `form`: "" the one that suits file and gate. `until`: a duration, for share and publish; "" the usual one.
    `project`: "" the only one that they are in. `session_id`: "" their latest one.
    """

    path: str
    gate: str
    form: str = ""
    keep: Keep = field(default_factory=Keep)
    reason: str = ""
    audience: tuple[str, ...] = ()
    until: str = ""
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    project: str = ""
    session_id: str = ""


@dataclass(frozen=True)
class Document:
    """Bytes on their way out, with what a browser must be told of them."""

    data: bytes
    media_type: str
    name: str
    sha256: str
