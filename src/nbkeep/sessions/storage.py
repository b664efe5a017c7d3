"""What people have stored, noted by day (UTC): their homes as the node sees them, and what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.model.session import SessionState
from nbkeep.store.alarm_tables import StorageDayRow
from nbkeep.store.tables import SessionRow

if TYPE_CHECKING:
    from sqlalchemy import Select

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx


def note_storage(tx: Tx, clock: Clock, user_id: str, home_bytes: int) -> None:
    """Note what one person has stored today, with a home that was just measured. The last of a day counts."""
    kept = tx.scalar(_kept_bytes().where(SessionRow.user_id == user_id))
    day = f"{clock.now():%Y-%m-%d}"
    tx.merge(StorageDayRow(day=day, user_id=user_id, home_bytes=home_bytes, kept_bytes=int(kept or 0)))


def kept_bytes(tx: Tx) -> int:
    """Return how much all suspended sessions have kept."""
    return int(tx.scalar(_kept_bytes()) or 0)


def _kept_bytes() -> Select[float]:
    # As a float: PostgreSQL's integer cast ends at 2 GiB, and a double is exact to 8 PiB.
    return select(func.sum(SessionRow.kept["bytes"].as_float())).where(
        SessionRow.state == SessionState.SUSPENDED.value, SessionRow.kept.is_not(None)
    )
