"""Events of what stands out in what people use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class AlarmRaised(Event):
    """What somebody used is unusual: once a day for each kind, and person or session."""

    type: ClassVar[str] = "alarm.raised"
    alarm_id: str
    kind: str
    user: str
    measured: int
    usual: int
    threshold: int
    message: str


@dataclass(frozen=True, kw_only=True)
class AlarmAcknowledged(Event):
    """Somebody has looked into an alarm, and said so."""

    type: ClassVar[str] = "alarm.acknowledged"
    alarm_id: str
    kind: str
    user: str
    note: str


@dataclass(frozen=True, kw_only=True)
class AlarmRuleSet(Event):
    """When a kind of alarm is raised was set."""

    type: ClassVar[str] = "alarm.rule-set"
    kind: str
    enabled: bool
    least: str
    factor: str
