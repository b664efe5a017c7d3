"""Events of signing in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class SignInSucceeded(Event):
    """A person signed in with name and password."""

    type: ClassVar[str] = "signin.succeeded"
    user: str


@dataclass(frozen=True, kw_only=True)
class SignInFailed(Event):
    """A sign-in was refused. `user` is "" for unknown names: people type passwords into name fields."""

    type: ClassVar[str] = "signin.failed"
    user: str
    reason: str  # wrong-password | unknown-name | not-active


@dataclass(frozen=True, kw_only=True)
class SignInLocked(Event):
    """Too many wrong passwords in a row: that name (or that address) is not listened to for a while."""

    type: ClassVar[str] = "signin.locked"
    user: str
    address: str = ""
    until: str
    failed: int
