"""Record an end: ask the node what the session has kept, then write both down in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.store.tables import SessionRow

from .kept import ask_kept
from .marks import mark_ended
from .records import is_live

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.session import StopReason

    from .interface import Parts


def end_session(
    parts: Parts,
    actor: Actor,
    session_id: str,
    reason: StopReason,
    detail: str = "",
    *,
    run: int | None = None,
) -> bool:
    """Record that a session's processes have ended. False: it was over, or has been resumed since `run`.

    Call it when they have: what they have saved is asked for now. Twice is safe; when the node is away the
    loops ask later.
    """
    with parts.store.read() as tx:
        row = tx.get_one(SessionRow, session_id)
    if not is_live(row) or (run is not None and run != row.run):
        return False
    kept = ask_kept(parts, session_id)
    with parts.store.write() as tx:
        row_now = tx.get_one(SessionRow, session_id)
        return mark_ended(tx, parts.clock, actor, row_now, reason, detail, kept=kept, run=row.run)
