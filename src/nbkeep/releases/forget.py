"""What time does to releases: what nobody decides or takes lapses, and old documents are deleted."""

from __future__ import annotations

import logging
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

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import InstrumentedAttribute

    from nbkeep.model.clock import Clock
    from nbkeep.rendering.kept import Documents
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store, Tx

_AT_ONCE = 500
_FOR_NOTHING = (State.WITHDRAWN, State.FAILED, State.LAPSED)
"""Nobody comes back to these: their documents go with the next sweep."""
_TURNED_DOWN = (State.DENIED, State.SENT_BACK)
_AFTER_NO = timedelta(days=7)  # in which people talk about it
_log = logging.getLogger("nbkeep.releases")


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
    for documents are there before a row names them. Twice is safe; what cannot be deleted is logged.
    """
    now = clock.now()
    with store.write() as tx:
        over = and_(ReleaseRow.forgotten_at.is_(None), _is_over(settings, now), ~_is_held(now))
        tx.execute(update(ReleaseRow).where(over).values(forgotten_at=now))
        needed = _needed(tx, now)
    # Rows say first that documents are gone: nobody is promised one that is being deleted.
    return sum(_forget(documents, name) for name in documents.names() if name not in needed)


def _is_over(settings: Settings, now: datetime) -> ColumnElement[bool]:
    """Whether a release ended so long ago that its documents have served: by what they can still be for."""
    retention = timedelta(seconds=settings.releases_retention_s)
    at_once, soon = ReleaseRow.state.in_(_FOR_NOTHING), ReleaseRow.state.in_(_TURNED_DOWN)
    return or_(
        and_(at_once, ReleaseRow.ended_at <= now),
        and_(soon, ReleaseRow.ended_at <= now - min(_AFTER_NO, retention)),
        and_(~at_once, ~soon, ReleaseRow.ended_at <= now - retention),
    )


def _is_held(now: datetime) -> ColumnElement[bool]:
    """Whether nothing of a release goes: it is shared, or its author is held by an incident."""
    users = select(UserRow.id).where(UserRow.held_by.is_not(None))
    return or_(ReleaseRow.user_id.in_(users), ReleaseRow.id.in_(_live(now, ShareRow.release_id)))


def _live(now: datetime, column: InstrumentedAttribute[str]) -> Select[str]:
    return select(column).where(ShareRow.revoked_at.is_(None), ShareRow.expires_at > now)


def _needed(tx: Tx, now: datetime) -> set[str]:
    """Return the hashes of all documents that somebody may still ask for."""
    row = ReleaseRow
    names = (row.source_sha256, row.plain_sha256, row.redacted_sha256, row.preview_sha256)
    needed = {
        name for found in tx.execute(select(*names).where(row.forgotten_at.is_(None))) for name in found
    }
    return needed | set(tx.scalars(_live(now, ShareRow.sha256)))


def _forget(documents: Documents, name: str) -> bool:
    try:
        documents.forget(name)
    except OSError as error:  # the others go all the same, and what waits is examined
        _log.warning("Document %s cannot be deleted: %s", name, error)
        return False
    return True
