"""What a line of the inventory says, and in which order lines stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

READ = "audit:read"
KINDS = (
    "sessions",
    "images",
    "datasets",
    "shares",
    "connections",
    "endpoints",
    "gpus",
    "human-credentials",
    "non-human-credentials",
    "model-providers",
)
SOON = timedelta(days=14)
UNUSED = timedelta(days=90)
LOOKS_BACK = timedelta(days=30)
UNOWNED, EXPIRING, ATTENTION, FINE = "unowned", "expiring", "attention", "fine"
Order = tuple[int, int, str, str, str]
_RANK = {UNOWNED: 0, ATTENTION: 1, EXPIRING: 2, FINE: 3}


@dataclass(frozen=True)
class Thing:
    """One thing that there is. `what`: which sort of its kind; `level`: see `_RANK`; `todo`: "" for nothing.

    `exposure`: who, or what, can reach it. Times are None where nobody knows, or there is none.
    """

    kind: str
    what: str
    id: str
    name: str
    owner: str = ""
    purpose: str = ""
    classification: str = ""
    exposure: str = ""
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    level: str = FINE
    todo: str = ""
    details: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def order(self) -> Order:
        """What nobody owns comes first, then what needs something done."""
        return (_RANK[self.level], KINDS.index(self.kind), self.what, self.name, self.id)


@dataclass(frozen=True)
class Owner:
    """Somebody whose things are looked at."""

    name: str
    is_active: bool


Owners = dict[str, Owner]  # by id


def level_of(
    now: datetime, *, expires_at: datetime | None, unowned: str = "", attention: str = ""
) -> tuple[str, str]:
    """Return how a thing stands and what to do about it, the gravest first.

    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 11, 1, tzinfo=UTC)
    >>> level_of(now, expires_at=now + timedelta(days=3), unowned="Find an owner.")
    ('unowned', 'Find an owner.')
    >>> level_of(now, expires_at=now + timedelta(days=3))
    ('expiring', 'It ends in 3 days: renew it, or let it end.')
    """
    if unowned:
        return UNOWNED, unowned
    if attention:
        return ATTENTION, attention
    if expires_at is not None and now <= expires_at <= now + SOON:
        days = (expires_at - now).days
        return EXPIRING, f"It ends in {days} day{'' if days == 1 else 's'}: renew it, or let it end."
    return FINE, ""
