"""Saved state of ended sessions: asked for later when the node was away, deleted when its time is over."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from nbkeep.model.actor import SYSTEM
from nbkeep.model.session import SessionState
from nbkeep.sessions.kept import finish_state, wish_discard
from nbkeep.sessions.records import LIVE_STATES
from nbkeep.sessions.state_limits import hold_to_limit
from nbkeep.store.tables import SessionRow

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts

_AT_ONCE = 50  # a round has other things to do; the next one goes on
_log = logging.getLogger("nbkeep.worker")


def look_after_states(parts: Parts) -> None:
    """Give up what is to go, then ask and delete what is pending. Twice is safe."""
    give_up_expired(parts)
    with parts.store.read() as tx:
        query = select(SessionRow.id).where(
            SessionRow.state_pending.is_(True), SessionRow.state.not_in(LIVE_STATES)
        )
        pending = list(tx.scalars(query.order_by(SessionRow.ended_at).limit(_AT_ONCE)))
    for session_id in pending:
        if not finish_state(parts, SYSTEM, session_id):
            _log.info("The state of %s waits for its node", session_id)


def hold_to_limits(parts: Parts) -> int:
    """Tell people who have more suspended than may be; return how many sessions are over."""
    size = SessionRow.kept["bytes"].as_float()  # PostgreSQL's integer cast ends at 2 GiB
    is_over = or_(
        func.count() > parts.settings.max_suspended_sessions,
        func.sum(size) > parts.settings.max_suspended_bytes,
        func.count(SessionRow.over_limit_since) > 0,
    )
    users = (
        select(SessionRow.user_id)
        .where(
            SessionRow.state == SessionState.SUSPENDED.value,
            SessionRow.discard_state.is_(False),
            SessionRow.held_by.is_(None),
        )
        .group_by(SessionRow.user_id)
        .having(is_over)
    )
    with parts.store.read() as tx:
        found = list(tx.scalars(users))
    over = 0
    for user_id in found:
        with parts.store.write() as tx:
            over += hold_to_limit(tx, parts.clock, parts.settings, user_id)
    return over


def give_up_expired(parts: Parts) -> int:
    """Decide which states are to go; return how many. A resume that is admitted first keeps its state."""
    now = parts.clock.now()
    expired = select(SessionRow.id).where(
        SessionRow.state == SessionState.SUSPENDED.value,
        SessionRow.kept_until <= now,
        SessionRow.held_by.is_(None),
        SessionRow.discard_state.is_(False),
    )
    with parts.store.read() as tx:
        if tx.scalar(expired.limit(1)) is None:
            return 0
    with parts.store.write() as tx:
        found = list(tx.scalars(expired.limit(_AT_ONCE)))
        for session_id in found:
            row = tx.get_one(SessionRow, session_id)
            reason = "retention" if row.over_limit_since is None else "limit"
            wish_discard(tx, parts.clock, SYSTEM, row, reason)
    return len(found)
