"""What all events have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base: what happened. Who, when and in which order is added by `journal.append`."""

    type: ClassVar[str]
    session_id: str | None = None
