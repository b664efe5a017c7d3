"""What people have stored, noted once a day (UTC): their homes as the node sees them, and what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.model.errors import NbkeepError
from nbkeep.model.session import SessionState
from nbkeep.store.alarm_tables import StorageDayRow
from nbkeep.store.tables import SessionRow, UserRow

if TYPE_CHECKING:
    from sqlalchemy import Select

    from nbkeep.store.database import Tx

    from .interface import Parts


def unnoted(tx: Tx, day: str, most: int) -> list[str]:
    """Return the ids of people whose storage was not noted on a day (UTC), at most so many."""
    noted = select(StorageDayRow.user_id).where(StorageDayRow.day == day)
    return list(
        tx.scalars(select(UserRow.id).where(UserRow.id.not_in(noted)).order_by(UserRow.id).limit(most))
    )


def note_storage(parts: Parts, user_id: str) -> bool:
    """Note what one person has stored today; False where the node does not say how large the home is.

    Twice is safe: the last look of a day counts. Call it outside transactions: measuring may take minutes.
    """
    with parts.store.read() as tx:
        name = tx.get_one(UserRow, user_id).name
    try:
        volume = parts.backend.volume(name)
    except NbkeepError:
        return False
    with parts.store.write() as tx:
        kept = tx.scalar(_kept_bytes().where(SessionRow.user_id == user_id))
        tx.merge(
            StorageDayRow(
                day=f"{parts.clock.now():%Y-%m-%d}",
                user_id=user_id,
                home_bytes=volume.used_bytes if volume is not None else 0,
                kept_bytes=int(kept or 0),
            )
        )
    return True


def kept_bytes(tx: Tx) -> int:
    """Return how much all suspended sessions have kept."""
    return int(tx.scalar(_kept_bytes()) or 0)


def _kept_bytes() -> Select[float]:
    # As a float: PostgreSQL's integer cast ends at 2 GiB, and a double is exact to 8 PiB.
    return select(func.sum(SessionRow.kept["bytes"].as_float())).where(
        SessionRow.state == SessionState.SUSPENDED.value, SessionRow.kept.is_not(None)
    )
