"""Events of declared connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class ConnectionDeclared(Event):
    """A place outside got a name, and a port inside of sandboxes."""

    type: ClassVar[str] = "connection.declared"
    connection_id: str
    name: str
    kind: str  # tcp | postgres
    host: str
    port: int
    local_port: int
    database: str = ""
    role: str = ""
    tls: str = ""
    secret_id: str = ""
    made_by: str = ""


@dataclass(frozen=True, kw_only=True)
class ConnectionGranted(Event):
    """Sessions of somebody may use a declared connection."""

    type: ClassVar[str] = "connection.granted"
    connection_id: str
    name: str
    to: str


@dataclass(frozen=True, kw_only=True)
class ConnectionUngranted(Event):
    """A grant of a declared connection was taken away."""

    type: ClassVar[str] = "connection.ungranted"
    connection_id: str
    name: str
    to: str


@dataclass(frozen=True, kw_only=True)
class ConnectionRemoved(Event):
    """A declared connection was removed, with its grants."""

    type: ClassVar[str] = "connection.removed"
    connection_id: str
    name: str
    reason: str = ""
