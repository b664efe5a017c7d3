"""Events of what sessions reach, and of alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class EgressRefused(Event):
    """Code of a session wanted to reach a host and a rule said no: the first time for each host and rule."""

    type: ClassVar[str] = "egress.refused"
    user: str
    host: str
    port: int
    rule: str = ""  # "" when no rule allowed it
    reason: str = ""
    is_last: bool = False  # later refusals of this session are in the network log alone


@dataclass(frozen=True, kw_only=True)
class EgressAlarm(Event):
    """What a session sends is worth a second look, although the rules allow it: once a day for each host."""

    type: ClassVar[str] = "egress.alarm"
    user: str
    profile: str
    kind: str
    host: str
    measured: int
    threshold: int
    message: str
