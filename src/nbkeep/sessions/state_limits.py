"""How much one person may have suspended: beyond it the oldest are told of, and kept for a day more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.model.session import SessionState
from nbkeep.model.units import format_size
from nbkeep.outbox.notices import ENDED, add_notice, dismiss_about
from nbkeep.store.tables import SessionRow

from .kept import retention_s

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

NOTICE = "state-over-limit"
# Long enough to come back to, and to choose what may go.
TOLD_BEFORE = timedelta(days=1)


def hold_to_limit(tx: Tx, clock: Clock, settings: Settings, user_id: str) -> int:
    """Look at a person's suspended sessions, newest first; return how many are over the limit. Twice is safe.

    One over it is kept for a day from when its user is told. Once there is room again it is kept as long as
    its profile says.
    """
    query = select(SessionRow).where(
        SessionRow.user_id == user_id,
        SessionRow.state == SessionState.SUSPENDED.value,
        SessionRow.discard_state.is_(False),
        SessionRow.held_by.is_(None),
    )
    newest_first = tx.scalars(query.order_by(SessionRow.ended_at.desc(), SessionRow.id.desc()))
    size = over = 0
    for count, row in enumerate(newest_first, 1):
        size += int((row.kept or {}).get("bytes", 0))
        if count > settings.max_suspended_sessions or size > settings.max_suspended_bytes:
            over += 1
            _tell(tx, clock, settings, row)
        elif row.over_limit_since is not None:
            _keep(tx, clock, row)
    return over


def _tell(tx: Tx, clock: Clock, settings: Settings, row: SessionRow) -> None:
    if row.over_limit_since is not None:
        return
    now = clock.now()
    row.over_limit_since = now
    until = now + TOLD_BEFORE
    row.kept_until = until = min(row.kept_until or until, until)
    text = (
        f"Session {row.name}: its variables are kept until {until:%H:%M} UTC on {until.day} {until:%B} only. "
        f"At most {settings.max_suspended_sessions} of your sessions may be suspended, with "
        f"{format_size(settings.max_suspended_bytes)} in all, and this is an older one beyond that. "
        "Resume it, or discard others, to keep it longer; files stay."
    )
    dismiss_about(tx, clock, row.id, ENDED)  # it names the day that was true until now
    add_notice(tx, clock, row.user_id, NOTICE, text, session_id=row.id)


def _keep(tx: Tx, clock: Clock, row: SessionRow) -> None:
    row.over_limit_since = None
    row.kept_until = (row.ended_at or clock.now()) + timedelta(seconds=retention_s(row.profile))
    dismiss_about(tx, clock, row.id, NOTICE)
