"""What an incident is about, and what is concerned by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.store.tables import SecretRow, SessionRow, UserRow

Kind = Literal["user", "session", "secret"]
ADMIN, READ = "admin:incidents", "audit:read"
OPEN, CLOSED = "open", "closed"
WAITING, DONE = "waiting", "done"
# The notice to users; to admins it is the incident's id, so that closing withdraws it.
NOTICE = "incident"
REASON_LENGTH = 1000


@dataclass(frozen=True)
class Target:
    """Whom or what an incident is about. `id` and `name` as the database has them."""

    kind: Kind
    id: str
    name: str


@dataclass(frozen=True)
class Concerned:
    """What opening would act upon.

    `sessions`: live ones that are frozen or, before they are ready, ended; `kept`: suspended ones, whose
    saved variables stay as they are; `users`: who is shut out; `owners`: whose sessions are concerned.
    """

    target: Target
    sessions: list[SessionRow] = field(default_factory=list["SessionRow"])
    kept: list[SessionRow] = field(default_factory=list["SessionRow"])
    users: list[UserRow] = field(default_factory=list["UserRow"])
    owners: list[UserRow] = field(default_factory=list["UserRow"])
    secret: SecretRow | None = None


@dataclass(frozen=True)
class Span:
    """The time that is looked back on."""

    since: datetime
    until: datetime
