"""The ends of grants: withdrawn by who asked, revoked by who decides, or over by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import Refused
from nbkeep.store.tables import GrantRow, UserRow

from . import passwords, rules
from .approvals import note_taken
from .records import find_grant, owner_of
from .tell import forget_deciders, named, tell
from .values import State

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

_AT_ONCE = 500


def withdraw_grant(tx: Tx, clock: Clock, actor: Actor, grant_id: str) -> GrantRow:
    """End one's own request, or one's own access before its time; raise `Refused` (409) where it is over."""
    row, user = find_grant(tx, actor, grant_id)
    if row.user_id != actor.id:
        raise Refused("not-yours", f"{row.id} is a request of {user.name}.",
                      "Deny it (`nbkeep grant deny`) or revoke it (`nbkeep grant revoke`).")  # fmt: skip
    if _is_over(row, clock.now()) or row.state not in {State.REQUESTED, State.GRANTED}:
        raise _ended(row)
    _end(row, clock, State.WITHDRAWN, actor.name)
    note_taken(tx, clock.now(), row)
    event = events.GrantWithdrawn(
        session_id=row.session_id,
        grant_id=row.id,
        kind=row.kind,
        subject=row.subject,
        user=user.name,
        profile=row.profile_name,
    )
    journal.append(tx, clock, actor, event)
    passwords.end(tx, clock, actor, row)
    forget_deciders(tx, clock, row)
    return row


def revoke_grant(tx: Tx, clock: Clock, actor: Actor, grant_id: str, reason: str) -> GrantRow:
    """Take access away: what it alone allowed is cut at once. Raises `Refused` (409) where there is none."""
    row, user = find_grant(tx, actor, grant_id)
    if not rules.decides(actor, owner_of(tx, row)):
        actor.require(rules.DECIDE)
    if row.state != State.GRANTED or _is_over(row, clock.now()):
        raise _ended(row)
    take_away(tx, clock, actor, row, user, rules.read_reason(reason))
    return row


def take_away(tx: Tx, clock: Clock, actor: Actor, row: GrantRow, user: UserRow, said: str) -> None:
    """End access before its time, on record, and tell whose it was. Who may do so was decided before."""
    _end(row, clock, State.REVOKED, actor.name)
    note_taken(tx, clock.now(), row)
    row.answer = said
    event = events.GrantRevoked(
        session_id=row.session_id,
        grant_id=row.id,
        kind=row.kind,
        subject=row.subject,
        user=user.name,
        profile=row.profile_name,
        reason=said,
    )
    journal.append(tx, clock, actor, event)
    passwords.end(tx, clock, actor, row)
    tell(tx, clock, row, f"Your access to {named(row)} was ended by {actor.name}: {said}")


def expire_grants(store: Store, clock: Clock) -> int:
    """Put on record that grants are over; return how many. Twice is safe, and late does no harm.

    Nothing depends on it but what people read: a grant holds until its moment, whenever this is called.
    """
    over = (GrantRow.state == State.GRANTED, GrantRow.expires_at <= clock.now())
    with store.read() as tx:
        if tx.scalar(select(GrantRow.id).where(*over).limit(1)) is None:
            return 0
    with store.write() as tx:
        rows = tx.scalars(select(GrantRow).where(*over).order_by(GrantRow.expires_at).limit(_AT_ONCE)).all()
        for row in rows:
            _end(row, clock, State.EXPIRED, SYSTEM.name)
            row.ended_at = row.expires_at
            event = events.GrantExpired(
                session_id=row.session_id,
                grant_id=row.id,
                kind=row.kind,
                subject=row.subject,
                user=tx.get_one(UserRow, row.user_id).name,
                profile=row.profile_name,
            )
            journal.append(tx, clock, SYSTEM, event)
            passwords.end(tx, clock, SYSTEM, row)
            tell(tx, clock, row, f"Your access to {named(row)} is over. Ask again if you still need it.")
    return len(rows)


def _is_over(row: GrantRow, now: datetime) -> bool:
    return row.expires_at is not None and row.expires_at <= now


def _end(row: GrantRow, clock: Clock, state: State, by: str) -> None:
    row.state, row.ended_at, row.ended_by = state.value, clock.now(), by


def _ended(row: GrantRow) -> Refused:
    what = "waits for a decision" if row.state == State.REQUESTED else f"is {row.state}"
    what = "is over" if row.state == State.GRANTED else what
    return Refused("grant-not-live", f"{row.id} {what}.", "See `nbkeep grant list`.", status=409)
