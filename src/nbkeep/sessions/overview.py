"""How many sessions there are, in which state and of which profile: for dashboards and metrics."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, or_, select

from nbkeep.model.session import SessionState
from nbkeep.store.tables import SessionRow

from .records import LIVE_STATES

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.store.database import Tx

# A session whose last work is this long ago counts as idle, wherever idle ones are counted.
IDLE_AFTER = timedelta(minutes=15)


@dataclass
class Counts:
    """Sessions of one profile. `idle` and `frozen` are among the `live` ones, suspended ones are not."""

    live: int = 0
    idle: int = 0
    frozen: int = 0
    suspended: int = 0


def counts_by_profile(tx: Tx, now: datetime) -> dict[str, Counts]:
    """Return the counts of all profiles that have a live or a suspended session, by name, in order."""
    row = SessionRow
    is_idle = and_(
        row.state.in_([SessionState.READY.value, SessionState.FROZEN.value]),
        row.is_busy.is_(False),
        func.coalesce(row.last_work_at, row.ready_at, row.requested_at) <= now - IDLE_AFTER,
    )
    query = (
        select(row.profile_name, row.state, func.count(), func.sum(case((is_idle, 1), else_=0)))
        .where(or_(row.state.in_(LIVE_STATES), row.state == SessionState.SUSPENDED.value))
        .group_by(row.profile_name, row.state)
    )
    found: defaultdict[str, Counts] = defaultdict(Counts)
    for profile, state, number, idle in tx.execute(query):
        one = found[profile]
        if state == SessionState.SUSPENDED:
            one.suspended += number
            continue
        one.live += number
        one.idle += int(idle or 0)
        one.frozen += number if state == SessionState.FROZEN else 0
    return dict(sorted(found.items()))
