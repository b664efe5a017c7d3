"""What a session's trusted half reports every few seconds: is there work, how much memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .limits import stop_due
from .records import clockwork

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.store.tables import SessionRow

_TOLERANCE = timedelta(seconds=5)


def take_heartbeat(
    clock: Clock,
    row: SessionRow,
    *,
    last_work_at: datetime | None,
    is_busy: bool,
    memory_used_bytes: int | None,
) -> None:
    """Keep a report. Work is never moved back, and a moment in the future is not believed.

    The office has the last word on time: a session that reports a `last_work_at` from before a jump of the
    clock cannot shorten or lengthen its idle time (see `doors/worker/clockguard.py`).
    """
    now = clock.now()
    row.last_heartbeat_at = now
    row.is_busy = is_busy
    if memory_used_bytes is not None:
        row.memory_used_bytes = max(0, min(memory_used_bytes, 1 << 62))
    if is_busy:
        row.last_work_at = now
    elif last_work_at is not None and last_work_at <= now + _TOLERANCE:
        moment = min(last_work_at, now)
        row.last_work_at = max(moment, row.last_work_at) if row.last_work_at else moment
    if row.freeze_asked_at is not None and stop_due(clockwork(row), now) is None:
        row.freeze_asked_at = None  # somebody works again
