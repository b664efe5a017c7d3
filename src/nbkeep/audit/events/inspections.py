"""Events of documents that were looked into before they were opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class DocumentInspected(Event):
    """A person had a document looked into, without running it. `path`: in their home, "" for an upload."""

    type: ClassVar[str] = "document.inspected"
    inspection_id: str
    user: str
    name: str
    path: str
    sha256: str
    dangerous: int
    notable: int
    problem: str
