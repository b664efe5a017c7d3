"""What time does to pushes that are held: they lapse, and what reviewers were shown is deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select, update

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.store.push_tables import PushRow
from nbkeep.store.tables import UserRow

from . import rules
from .tell import forget_waiting, named, tell_author
from .values import State

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.rendering.kept import Documents
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store

_AT_ONCE = 500


def lapse_pushes(store: Store, clock: Clock) -> int:
    """End what nobody decided, and what was not pushed again, in time; return how many. Twice is safe.

    Nothing depends on it: it is over at its moment.
    """
    now = clock.now()
    over = or_(
        and_(PushRow.state == State.APPROVED.value, PushRow.lapses_at <= now),
        and_(PushRow.state == State.WAITING.value, PushRow.requested_at <= now - rules.LAPSES),
    )
    with store.read() as tx:
        if tx.scalar(select(PushRow.id).where(over).limit(1)) is None:
            return 0
    with store.write() as tx:
        rows = tx.scalars(select(PushRow).where(over).order_by(PushRow.id).limit(_AT_ONCE)).all()
        for row in rows:
            was = row.state
            row.state, row.ended_at = State.LAPSED.value, now
            event = events.PushLapsed(
                session_id=row.session_id,
                push_id=row.id,
                user=tx.get_one(UserRow, row.user_id).name,
                repository=row.repository,
                was=was,
            )
            journal.append(tx, clock, SYSTEM, event)
            forget_waiting(tx, clock, row)
            why = "nobody decided" if was == State.WAITING else "it was not pushed again"
            tell_author(tx, clock, row, f"{named(row)} is over: {why} in time. Push again if you need it.")
    return len(rows)


def forget_pages(store: Store, clock: Clock, settings: Settings, documents: Documents) -> int:
    """Delete what reviewers were shown of pushes that are long over; return how many. Twice is safe.

    Raises OSError: then all of them stay.
    """
    now = clock.now()
    before = now - timedelta(seconds=settings.releases_retention_s)
    held = select(UserRow.id).where(UserRow.held_by.is_not(None))
    over = and_(PushRow.forgotten_at.is_(None), PushRow.ended_at <= before, PushRow.user_id.not_in(held))
    with store.read() as tx:
        if tx.scalar(select(PushRow.id).where(over).limit(1)) is None:
            return 0
    with store.write() as tx:
        gone = set(tx.scalars(select(PushRow.page_sha256).where(over)))
        tx.execute(update(PushRow).where(over).values(forgotten_at=now))
        needed = set(tx.scalars(select(PushRow.page_sha256).where(PushRow.forgotten_at.is_(None))))
        for one in gone - needed:  # in the transaction: nobody keeps the same page meanwhile
            documents.forget(one)
    return len(gone - needed)
