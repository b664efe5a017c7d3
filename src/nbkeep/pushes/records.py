"""Reading pushes that are, or were, held for a review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, tuple_

from nbkeep.model.actor import ROLE_SCOPES
from nbkeep.model.cursors import make_cursor, read_cursor
from nbkeep.model.errors import invalid, not_found
from nbkeep.store.push_tables import PushRow
from nbkeep.store.tables import UserRow

from . import rules
from .values import State

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

LIMIT_MAX = 1000
SHOWN = ("mine", "to-review", "all")
Pair = tuple[PushRow, UserRow]


@dataclass(frozen=True)
class Listed:
    """A page of pushes with their authors, newest first, and the cursor of the next (None on the last)."""

    items: list[Pair]
    next: str | None


def find_push(tx: Tx, actor: Actor, push_id: str) -> Pair:
    """Return a push and its author; "not yours" and "not there" are the same 404."""
    row = tx.get(PushRow, push_id)
    if row is None or not rules.may_see(actor, is_author=row.user_id == actor.id):
        raise not_found("push", push_id[:60])
    return row, tx.get_one(UserRow, row.user_id)


def list_pushes(
    tx: Tx, actor: Actor, now: datetime, *, show: str = "all", limit: int = 100, cursor: str | None = None
) -> Listed:
    """Return a page of pushes that somebody may see; raise `Refused`: 400 for bad words, 403 without scope.

    `show`: `mine`; `to-review`: those that wait for a decision which is theirs to make; `all`: both, and what
    was decided before.
    """
    if show not in SHOWN:
        raise invalid("show", f"{show[:40]!r} is no part of the list.", f"One of: {', '.join(SHOWN)}.")
    sees_all = actor.may(rules.REVIEW) or actor.may(rules.ADMIN)
    if not sees_all:
        actor.require(rules.ASK)
    query = select(PushRow, UserRow).join(UserRow, UserRow.id == PushRow.user_id)
    if show == "mine" or not sees_all:
        query = query.where(PushRow.user_id == actor.id)
    if show == "to-review":
        is_open = PushRow.requested_at > now - rules.LAPSES
        query = query.where(PushRow.state == State.WAITING.value, PushRow.user_id != actor.id, is_open)
        if not actor.may(rules.REVIEW):
            query = query.where(PushRow.id.is_(None))
    place = tuple_(PushRow.requested_at, PushRow.id)
    if cursor:
        query = query.where(place < tuple_(*read_cursor(cursor)))
    limit = max(1, min(limit, LIMIT_MAX))
    query = query.order_by(PushRow.requested_at.desc(), PushRow.id.desc()).limit(limit + 1)
    found = [(row, user) for row, user in tx.execute(query)]
    last = found[limit - 1][0] if len(found) > limit else None
    return Listed(found[:limit], make_cursor(last.requested_at, last.id) if last else None)


def waiting_for(tx: Tx, actor: Actor, now: datetime) -> int:
    """Return how many pushes wait for a decision that this actor may make."""
    if not actor.may(rules.REVIEW):
        return 0
    waits = (
        select(func.count())
        .select_from(PushRow)
        .where(
            PushRow.state == State.WAITING.value,
            PushRow.user_id != actor.id,
            PushRow.requested_at > now - rules.LAPSES,
        )
    )
    return tx.scalar(waits) or 0


def same_as(tx: Tx, user_id: str, fingerprint: str) -> PushRow | None:
    """Return the newest request of somebody for exactly this push."""
    query = select(PushRow).where(PushRow.fingerprint == fingerprint, PushRow.user_id == user_id)
    return tx.scalar(query.order_by(PushRow.requested_at.desc(), PushRow.id.desc()).limit(1))


def reviewers_of(tx: Tx, user_id: str) -> list[str]:
    """Return the ids of the active people who may decide about somebody's pushes."""
    roles = [role.value for role, scopes in ROLE_SCOPES.items() if rules.REVIEW in scopes]
    query = select(UserRow.id).where(
        UserRow.role.in_(roles), UserRow.status == "active", UserRow.id != user_id
    )
    return list(tx.scalars(query.order_by(UserRow.id)))
