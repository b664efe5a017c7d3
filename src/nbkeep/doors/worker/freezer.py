"""Frozen sessions: suspended when their time is over, and brought in line with what their rows say."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.model.errors import Refused
from nbkeep.model.session import SessionState
from nbkeep.sessions.freeze import settle_freezer, suspend_idle
from nbkeep.sessions.frozen import rest_s
from nbkeep.store.tables import SessionRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nbkeep.sessions.interface import Parts
    from nbkeep.settings import Settings

_log = logging.getLogger("nbkeep.worker")


def suspend_frozen(parts: Parts) -> int:
    """Suspend sessions that have been frozen for as long as they may be; return how many."""
    now = parts.clock.now()
    with parts.store.read() as tx:
        rows = tx.scalars(
            select(SessionRow).where(
                SessionRow.state == SessionState.FROZEN.value, SessionRow.held_by.is_(None)
            )
        )
        found = [row.id for row in rows if _has_rested(parts.settings, row, now)]
    return sum(suspend_idle(parts, session_id, only_frozen=True) for session_id in found)


def _has_rested(settings: Settings, row: SessionRow, now: datetime) -> bool:
    return row.frozen_at is not None and now - row.frozen_at >= timedelta(
        seconds=rest_s(settings, row.profile)
    )


def settle(parts: Parts, is_frozen: Mapping[str, bool], states: Mapping[str, SessionState]) -> None:
    """Freeze and thaw where a part that was killed in between left the node otherwise than the row says.

    `is_frozen`: what the node said of sessions that live, `states`: what their rows did. Both may be old.
    """
    for session_id in is_frozen.keys() & states.keys():
        if is_frozen[session_id] == (states[session_id] == SessionState.FROZEN):
            continue
        try:
            settle_freezer(parts, session_id)
        except Refused as error:
            _log.warning("%s cannot be frozen after all, and is suspended: %s", session_id, error)
            suspend_idle(parts, session_id, only_frozen=True)
