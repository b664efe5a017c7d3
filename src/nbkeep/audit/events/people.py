"""Events about people: users, invitations, passwords, tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class UserInvited(Event):
    """A person was invited; their account waits for its first password."""

    type: ClassVar[str] = "user.invited"
    user: str
    email: str
    role: str
    expires_at: str
    by_mail: bool = False


@dataclass(frozen=True, kw_only=True)
class UserActivated(Event):
    """An invited person set a first password."""

    type: ClassVar[str] = "user.activated"
    user: str


@dataclass(frozen=True, kw_only=True)
class UserDisabled(Event):
    """A person may no longer sign in; tokens and browser sessions ended."""

    type: ClassVar[str] = "user.disabled"
    user: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class UserEnabled(Event):
    """A disabled person may sign in again."""

    type: ClassVar[str] = "user.enabled"
    user: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class UserRoleChanged(Event):
    """A person's role changed."""

    type: ClassVar[str] = "user.role-changed"
    user: str
    old: str
    new: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class UserLimitsChanged(Event):
    """A person's limits changed: field → [old, new]."""

    type: ClassVar[str] = "user.limits-changed"
    user: str
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ResetLinkMade(Event):
    """A link was made with which a person may set a new password; older links ended."""

    type: ClassVar[str] = "user.reset-link-made"
    user: str
    expires_at: str
    by_mail: bool = False


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(Event):
    """A person set a new password; browser sessions from before ended."""

    type: ClassVar[str] = "user.password-changed"
    user: str
    how: str  # invite | reset | self


@dataclass(frozen=True, kw_only=True)
class TokenCreated(Event):
    """A person made an API token."""

    type: ClassVar[str] = "token.created"
    user: str
    token_id: str
    name: str
    scopes: list[str]
    expires_at: str


@dataclass(frozen=True, kw_only=True)
class TokenRevoked(Event):
    """An API token was ended before its time."""

    type: ClassVar[str] = "token.revoked"
    user: str
    token_id: str
    name: str
    reason: str = ""
