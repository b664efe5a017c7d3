"""Events of shares: released documents that others may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class ShareMade(Event):
    """A released document may be looked at by others from now on."""

    type: ClassVar[str] = "share.made"
    share_id: str
    release_id: str
    owner: str
    kind: str  # link | gallery
    form: str
    sha256: str
    classification: str
    audience: list[str]
    expires_at: str


@dataclass(frozen=True, kw_only=True)
class ShareViewed(Event):
    """Somebody was given the document of a share; once for each of them, address and way in ten minutes."""

    type: ClassVar[str] = "share.viewed"
    share_id: str
    owner: str
    sha256: str
    way: str  # page: in the portal; file: taken as a file


@dataclass(frozen=True, kw_only=True)
class ShareShortened(Event):
    """A share ends earlier than was released."""

    type: ClassVar[str] = "share.shortened"
    share_id: str
    owner: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class ShareRevoked(Event):
    """A share was ended; nobody is given its document any more."""

    type: ClassVar[str] = "share.revoked"
    share_id: str
    owner: str
    sha256: str
    reason: str
