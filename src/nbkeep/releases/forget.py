"""What time does to releases: what nobody decides or takes lapses, and old documents are deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select, update

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.store.release_tables import ReleaseRow
from nbkeep.store.share_tables import ShareRow
from nbkeep.store.tables import UserRow

from . import rules
from .tell import forget_waiting, named, tell_author
from .values import State

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.clock import Clock
    from nbkeep.rendering.kept import Documents
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store, Tx

_AT_ONCE = 500


def lapse_releases(store: Store, clock: Clock) -> int:
    """End what nobody decided in `rules.LAPSES`, and what was not taken in time; return how many.

    Twice is safe. Nothing that is to be taken depends on it: it is over at its moment.
    """
    now = clock.now()
    over = or_(
        and_(ReleaseRow.state == State.READY, ReleaseRow.lapses_at <= now),
        and_(ReleaseRow.state == State.WAITING, ReleaseRow.examined_at <= now - rules.LAPSES),
    )
    with store.read() as tx:
        if tx.scalar(select(ReleaseRow.id).where(over).limit(1)) is None:
            return 0
    with store.write() as tx:
        rows = tx.scalars(select(ReleaseRow).where(over).order_by(ReleaseRow.id).limit(_AT_ONCE)).all()
        for row in rows:
            was = row.state
            row.state, row.ended_at = State.LAPSED.value, now
            event = events.ReleaseLapsed(
                session_id=row.session_id,
                release_id=row.id,
                user=tx.get_one(UserRow, row.user_id).name,
                gate=row.gate,
                was=was,
            )
            journal.append(tx, clock, SYSTEM, event)
            forget_waiting(tx, clock, row)
            why = "it was not taken" if was == State.READY else "nobody decided"
            tell_author(
                tx, clock, row, f"{named(row)} leaves no more: {why} in time. Ask again if you need it."
            )
    return len(rows)


def forget_documents(store: Store, clock: Clock, settings: Settings, documents: Documents) -> int:
    """Delete the documents that no release and no live share needs any more; return how many.

    Also what a killed office left: copies that no row names. To be called while none is copied or examined,
    for documents are there before a row names them. Twice is safe.
    """
    now = clock.now()
    before = now - timedelta(seconds=settings.releases_retention_s)
    with store.write() as tx:
        held = select(UserRow.id).where(UserRow.held_by.is_not(None))  # an incident's: nothing of it goes
        old = (ReleaseRow.ended_at <= before, ReleaseRow.forgotten_at.is_(None))
        tx.execute(update(ReleaseRow).where(*old, ReleaseRow.user_id.not_in(held)).values(forgotten_at=now))
        needed = _needed(tx, now)
    # Rows say first that documents are gone: nobody is promised one that is being deleted.
    unneeded = [name for name in documents.names() if name not in needed]
    for name in unneeded:
        documents.forget(name)
    return len(unneeded)


def _needed(tx: Tx, now: datetime) -> set[str]:
    """Return the hashes of all documents that somebody may still ask for."""
    row = ReleaseRow
    names = (row.source_sha256, row.plain_sha256, row.redacted_sha256, row.preview_sha256)
    needed = {
        name for found in tx.execute(select(*names).where(row.forgotten_at.is_(None))) for name in found
    }
    shared = select(ShareRow.sha256).where(ShareRow.revoked_at.is_(None), ShareRow.expires_at > now)
    return needed | set(tx.scalars(shared))
