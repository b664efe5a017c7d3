"""Events of what may leave: policies that were set and unset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class PolicySet(Event):
    """What happens at a gate to what is found was decided, for everything or for a part."""

    type: ClassVar[str] = "policy.set"
    scope: str  # everywhere, profile:NAME, project:NAME, class:NAME
    gate: str
    decisions: dict[str, list[str | None]]  # {what is found: [before, after]}; None before: the default


@dataclass(frozen=True, kw_only=True)
class PolicyUnset(Event):
    """What was decided for a gate holds no more: the default does, or what is set elsewhere."""

    type: ClassVar[str] = "policy.unset"
    scope: str
    gate: str
    decisions: dict[str, str]  # {what is found: what was decided}
    why: str = ""  # where nobody asked for it: its project was removed, a new profile has the name


@dataclass(frozen=True, kw_only=True)
class UploadSet(Event):
    """How what programs send to a host is treated was set."""

    type: ClassVar[str] = "upload.set"
    host: str  # a name, *.name, an address, a network, *
    treatment: str  # examined, trusted, closed
    before: str = ""  # nothing was set


@dataclass(frozen=True, kw_only=True)
class UploadUnset(Event):
    """What was set for a host holds no more: what is set for something wider does, or it is examined."""

    type: ClassVar[str] = "upload.unset"
    host: str
    treatment: str
