"""Reading people from the database: one, many, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from nbkeep.model.errors import invalid, not_found
from nbkeep.store.tables import UserRow

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

STATUSES = ("invited", "active", "disabled")
LIMIT_MAX = 1000


@dataclass(frozen=True)
class People:
    """One page of people, by name, and the cursor of the next page (None on the last)."""

    rows: list[UserRow]
    next: str | None


def list_users(
    tx: Tx,
    actor: Actor,
    *,
    limit: int = 100,
    cursor: str | None = None,
    text: str = "",
    status: str | None = None,
    role: str | None = None,
) -> People:
    """Return a page of people by name; `text` is looked for in names and addresses. Needs `admin:users`."""
    actor.require("admin:users")
    if status is not None and status not in STATUSES:
        raise invalid("status", f"There is no status {status!r}.", f"One of: {', '.join(STATUSES)}.")
    limit = max(1, min(limit, LIMIT_MAX))
    query = select(UserRow).order_by(UserRow.name).limit(limit + 1)
    if cursor:
        query = query.where(UserRow.name > cursor)
    if text:
        low = text.strip().lower()
        query = query.where(
            or_(UserRow.name.contains(low, autoescape=True), UserRow.email.contains(low, autoescape=True))
        )
    if status:
        query = query.where(UserRow.status == status)
    if role:
        query = query.where(UserRow.role == role)
    rows = list(tx.scalars(query))
    return People(rows[:limit], rows[limit - 1].name if len(rows) > limit else None)


def count_users(tx: Tx, actor: Actor) -> dict[str, int]:
    """Return how many people there are by status. Needs `admin:users`."""
    actor.require("admin:users")
    found = tx.execute(select(UserRow.status, func.count()).group_by(UserRow.status))
    counts: dict[str, int] = {status: 0 for status in STATUSES}  # noqa: C420 - fromkeys has a narrower type
    return counts | {status: count for status, count in found}  # noqa: C416 - a Row is no pair to `dict`


def get_user(tx: Tx, actor: Actor, name: str) -> UserRow:
    """Return a person: oneself, or anybody for who holds `admin:users`; raise `Refused` (404) otherwise."""
    row = find_user(tx, name)
    if row is None or not (actor.may("admin:users") or (row.id == actor.id and actor.may("self"))):
        raise not_found("user", name)
    return row


def find_user(tx: Tx, name: str) -> UserRow | None:
    """Return the person of a name, or None. Decides nothing: for other rooms and for signing in."""
    return tx.scalar(select(UserRow).where(UserRow.name == name))
