"""Events of projects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class ProjectCreated(Event):
    """People can be grouped in a project, and things be granted to it."""

    type: ClassVar[str] = "project.created"
    project_id: str
    name: str
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class ProjectDescribed(Event):
    """What a project is for was written anew."""

    type: ClassVar[str] = "project.described"
    project_id: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class ProjectHostsChanged(Event):
    """What a project says of hosts to the sessions of its members was changed."""

    type: ClassVar[str] = "project.hosts-changed"
    project_id: str
    name: str
    changes: dict[str, Any]  # field → [old, new]


@dataclass(frozen=True, kw_only=True)
class ProjectRemoved(Event):
    """A project was removed, with its members and with what was granted to it."""

    type: ClassVar[str] = "project.removed"
    project_id: str
    name: str
    members: list[str]
    secrets: list[str]
    connections: list[str]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ProjectMemberAdded(Event):
    """Somebody is in a project, or became its lead, or is its lead no more."""

    type: ClassVar[str] = "project.member-added"
    project_id: str
    name: str
    user: str
    is_lead: bool


@dataclass(frozen=True, kw_only=True)
class ProjectMemberRemoved(Event):
    """Somebody is in a project no more, and loses what was granted to it."""

    type: ClassVar[str] = "project.member-removed"
    project_id: str
    name: str
    user: str
