"""Events of flavors, profiles, images, volumes and the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class FlavorCreated(Event):
    """A flavor was made."""

    type: ClassVar[str] = "flavor.created"
    flavor: str
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FlavorChanged(Event):
    """A flavor changed: field → [old, new]."""

    type: ClassVar[str] = "flavor.changed"
    flavor: str
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FlavorDeleted(Event):
    """A flavor was deleted."""

    type: ClassVar[str] = "flavor.deleted"
    flavor: str


@dataclass(frozen=True, kw_only=True)
class ProfileCreated(Event):
    """A profile was made."""

    type: ClassVar[str] = "profile.created"
    profile: str
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ProfileChanged(Event):
    """A profile changed: field → [old, new]."""

    type: ClassVar[str] = "profile.changed"
    profile: str
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ProfileDeleted(Event):
    """A profile was deleted; sessions that run it go on."""

    type: ClassVar[str] = "profile.deleted"
    profile: str


@dataclass(frozen=True, kw_only=True)
class VolumeResized(Event):
    """A home volume got another size."""

    type: ClassVar[str] = "volume.resized"
    user: str
    old_bytes: int
    new_bytes: int


@dataclass(frozen=True, kw_only=True)
class ConfigApplied(Event):
    """A configuration file was applied; each change has its own record too."""

    type: ClassVar[str] = "config.applied"
    changes: list[str]
