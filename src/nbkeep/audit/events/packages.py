"""Events of packages and their policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class PackageInstalled(Event):
    """A session fetched a file of a package, whole. Each file once for each session."""

    type: ClassVar[str] = "package.installed"
    user: str
    name: str
    version: str
    file: str
    sha256: str
    index: str


@dataclass(frozen=True, kw_only=True)
class PackageRefused(Event):
    """A session was refused a package, or a file of one was another than its index promised."""

    type: ClassVar[str] = "package.refused"
    user: str
    name: str
    version: str = ""
    reason: str = ""
    is_last: bool = False  # further ones of this session are in the list of its packages alone


@dataclass(frozen=True, kw_only=True)
class PackageApproved(Event):
    """A version of a package was approved."""

    type: ClassVar[str] = "package.approved"
    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class PackageRevoked(Event):
    """The approval of a version of a package was taken back."""

    type: ClassVar[str] = "package.revoked"
    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class AdvisoriesLoaded(Event):
    """Known vulnerabilities were loaded, in the place of those before."""

    type: ClassVar[str] = "package.advisories-loaded"
    advisories: int
    packages: int
