"""Look at both clocks, and move the deadlines of live sessions when the wall clock jumped."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.session import SessionState
from nbkeep.sessions.limits import moved_end
from nbkeep.sessions.records import LIVE_STATES
from nbkeep.store.tables import MarkRow, SessionRow

from .clockguard import Sight, jump_s

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts
    from nbkeep.store.database import Tx

MARK = "clocks"
_WRITE_EVERY_S = 15.0
_log = logging.getLogger("nbkeep.worker")


def check(parts: Parts, boot_id: str) -> float:
    """Compare with what was seen last and return the jump in seconds (0.0 for none).

    What was seen is written at most every 15 seconds, and always together with a shift, so that one jump is
    never applied twice.
    """
    sight = Sight(parts.clock.now(), parts.clock.monotonic_s(), boot_id)
    with parts.store.read() as tx:
        mark = tx.get(MarkRow, MARK)
    if mark is not None and not _is_worth_writing(Sight.from_mark(mark.value), sight):
        return 0.0
    with parts.store.write() as tx:
        mark = tx.get(MarkRow, MARK)
        if mark is None:
            tx.add(MarkRow(name=MARK, value=sight.as_mark(), at=sight.now))
            return 0.0
        jump = jump_s(Sight.from_mark(mark.value), sight)
        mark.value, mark.at = sight.as_mark(), sight.now
        if jump:
            moved = shift_deadlines(tx, sight.now, timedelta(seconds=jump))
            journal.append(tx, parts.clock, SYSTEM, events.ClockJumped(by_s=round(jump, 3), sessions=moved))
            _log.warning("The wall clock jumped by %.0f s; deadlines of %d sessions moved along", jump, moved)
        return jump


def shift_deadlines(tx: Tx, now: datetime, by: timedelta) -> int:
    """Move every moment from which live sessions' limits, and the keeping of states, are counted.

    What was approved ends at its moment: no end goes beyond it. Return how many live sessions there were.
    """
    rows = tx.scalars(select(SessionRow).where(SessionRow.state.in_(LIVE_STATES))).all()
    for row in rows:
        row.last_work_at = _moved(row.last_work_at, by)
        row.last_heartbeat_at = _moved(row.last_heartbeat_at, by)
        row.idle_kept_until = _moved(row.idle_kept_until, by)
        if row.ends_at is not None:
            row.ends_at = moved_end(row.ends_at, by, now, row.approved_until)
        row.quota_ends_at = _moved(row.quota_ends_at, by)
        row.freeze_asked_at = _moved(row.freeze_asked_at, by)
        row.frozen_at = _moved(row.frozen_at, by)
        row.stop_requested_at = _moved(row.stop_requested_at, by)
        row.started_at = _moved(row.started_at, by)
        row.ready_at = _moved(row.ready_at, by)
    for row in tx.scalars(select(SessionRow).where(SessionRow.state == SessionState.SUSPENDED.value)):
        row.kept_until = _moved(row.kept_until, by)
    return len(rows)


def _moved(moment: datetime | None, by: timedelta) -> datetime | None:
    return moment + by if moment is not None else None


def _is_worth_writing(before: Sight, after: Sight) -> bool:
    # Also when time went back: the monotonic clock of another boot may be anywhere.
    return (
        bool(jump_s(before, after))
        or before.boot_id != after.boot_id
        or not 0 <= after.monotonic_s - before.monotonic_s < _WRITE_EVERY_S
    )
