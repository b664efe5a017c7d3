"""Keep working: the idle countdown starts anew and, near the end, the end moves as far as policy allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.model.session import SessionState
from nbkeep.model.verdict import Refuse

from .limits import extend
from .records import clockwork, visible_session

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow


def extend_session(tx: Tx, clock: Clock, actor: Actor, session_id: str) -> SessionRow:
    """Extend a session that the actor may see; raise `Refused` (403) when policy gives nothing more."""
    row = visible_session(tx, actor, session_id)
    extend_row(tx, clock, actor, row)
    return row


def extend_row(tx: Tx, clock: Clock, actor: Actor, row: SessionRow) -> None:
    """Extend a session whose right to ask has been checked. Twice is safe: the total stays within policy."""
    now = clock.now()
    if row.state != SessionState.READY:
        raise Refuse("not-ready", f"The session is {row.state}: there is nothing to extend.").as_error(409)
    given = extend(clockwork(row), now)
    if isinstance(given, Refuse):
        raise given.as_error()
    added_s = given.extended_s - row.extended_s
    row.idle_kept_until, row.ends_at, row.extended_s = given.idle_kept_until, given.ends_at, given.extended_s
    journal.append(
        tx,
        clock,
        actor,
        events.SessionExtended(
            session_id=row.id,
            added_s=added_s,
            idle_kept_until=given.idle_kept_until.isoformat(),
            ends_at=given.ends_at.isoformat(),
        ),
    )
