"""How GPUs of sessions are used: looked at every minute, noted per session and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.model.session import SessionState
from nbkeep.store.alarm_tables import GpuUseRow
from nbkeep.store.tables import SessionRow

from .rules import IDLE_PERCENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nbkeep.backends.interface import Backend
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

LOOK_EVERY_S = 60.0
# Longer than two looks: what was between them nobody has seen, and nothing is said of it.
_UNSEEN_S = 150.0
_DAY = timedelta(days=1)


@dataclass
class Gpus:
    """The looks of one office. A kill loses the minute since the last one."""

    _looked: tuple[str, float] | None = None  # the boot, and its monotonic clock

    def look(self, store: Store, clock: Clock, backend: Backend) -> int:
        """Note how each session uses its GPUs; return of how many. Raises `Unavailable`.

        Where nobody can measure a card, its session counts as idle while no cell runs in it.
        """
        with store.read() as tx:
            rows = gpu_sessions(tx)
        passed_s = self._passed_s(clock)
        if not rows:
            return 0
        percents = {one.session_id: one.percent for one in backend.gpu_use()}
        now = clock.now()
        with store.write() as tx:
            for row in rows:
                percent = percents.get(row.id)
                is_idle = not row.is_busy if percent is None else percent < IDLE_PERCENT
                _note(tx, now, row, percent, round(passed_s), is_idle=is_idle)
        return len(rows)

    def _passed_s(self, clock: Clock) -> float:
        before, self._looked = self._looked, (clock.boot_id(), clock.monotonic_s())
        if before is None or before[0] != self._looked[0]:
            return 0.0
        passed_s = self._looked[1] - before[1]
        return passed_s if passed_s <= _UNSEEN_S else 0.0


def gpu_sessions(tx: Tx) -> Sequence[SessionRow]:
    """Return the running sessions that hold GPUs."""
    row = SessionRow
    query = select(row).where(
        row.state == SessionState.READY.value, row.profile["gpu_count"].as_integer() > 0
    )
    return tx.scalars(query).all()


def _goes_on(last: GpuUseRow | None, row: SessionRow, now: datetime) -> bool:
    """Tell whether the same run of a session was looked at a moment ago.

    It was not while it was suspended or frozen, while the office was away, or before the wall clock jumped.
    """
    if last is None or (row.ready_at is not None and row.ready_at > last.looked_at):
        return False
    return abs((now - last.looked_at).total_seconds()) <= _UNSEEN_S


def _note(
    tx: Tx, now: datetime, row: SessionRow, percent: int | None, passed_s: int, *, is_idle: bool
) -> None:
    day = f"{now:%Y-%m-%d}"
    use = tx.get(GpuUseRow, (row.id, day))
    last = use or tx.get(GpuUseRow, (row.id, f"{now - _DAY:%Y-%m-%d}"))
    in_a_row_s = last.idle_in_a_row_s if last is not None else 0
    if not _goes_on(last, row, now):
        in_a_row_s = passed_s = 0
    if use is None:
        use = GpuUseRow(session_id=row.id, day=day, user_id=row.user_id, watched_s=0, idle_s=0)
        tx.add(use)
    use.watched_s += passed_s
    use.idle_s += passed_s if is_idle else 0
    use.idle_in_a_row_s = in_a_row_s + passed_s if is_idle else 0
    use.percent, use.looked_at = percent, now
