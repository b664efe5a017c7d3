"""People's homes: GB-hours of `storage:home`, of the size that was measured last.

A home belongs to a person, not to a session: each has one row, which is what an open interval is to a
session. When it ends (another size, another boot, a jump of the clock), it is added to the sums of its days,
and begins anew. Of a day there is one sum for each person, however often the size changed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from nbkeep.model.days import midnight
from nbkeep.store.storage_tables import MeterHomeRow
from nbkeep.store.tables import MarkRow

from .follow import add_to_day, prices_of
from .rules import drifted, pieces
from .values import HOME, MARK, MEGABYTE, Moment

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .values import Piece, PriceFrom

GIGABYTE_MB = 1000
_AT_ONCE = 500


def set_size(tx: Tx, clock: Clock, user_id: str, used_bytes: int) -> bool:
    """Take a home's measured size, which holds from now on; 0: there is none. Twice is safe.

    Time until now keeps the size before. False, and nothing is done, where an office on another host has the
    meter: its node has other homes.
    """
    moment = Moment.of(clock)
    mark = tx.get(MarkRow, MARK)
    if mark is None or mark.value["boot"] != moment.boot:
        return False
    amount = -(-max(0, used_bytes) // MEGABYTE)
    row = tx.get(MeterHomeRow, user_id, populate_existing=True)
    if row is None:
        if amount:
            tx.add(
                MeterHomeRow(
                    user_id=user_id, amount=amount, began_at=moment.now, lasted_us=0, boot=moment.boot,
                    mono_us=moment.mono_us, measured_at=moment.now,
                )
            )  # fmt: skip
            tx.flush()
        return True
    row.measured_at = moment.now
    if amount == row.amount:
        return True
    _grow(row, moment)
    _settle(tx, row)
    if amount:
        row.amount, row.began_at = amount, moment.now
        row.boot, row.mono_us = moment.boot, moment.mono_us
    else:
        tx.delete(row)
    tx.flush()
    return True


def count(tx: Tx, moment: Moment) -> None:
    """Count all homes up to now. The meter's beat calls it, in its transaction: it is the same turn.

    What was counted in an earlier boot is settled; how long the host was off is not counted. So is what began
    before today, so that who reads has two days at most to part, however seldom a home changes.
    """
    row = MeterHomeRow
    for home in tx.scalars(select(row).where(row.boot != moment.boot).limit(_AT_ONCE)).all():
        _settle(tx, home)
        home.began_at, home.boot, home.mono_us = moment.now, moment.boot, moment.mono_us
    tx.flush()
    tx.execute(
        update(row)
        .where(row.boot == moment.boot, row.mono_us < moment.mono_us)
        .values(lasted_us=row.lasted_us + (moment.mono_us - row.mono_us), mono_us=moment.mono_us)
        .execution_options(synchronize_session=False)
    )
    for user_id in _due(tx, moment)[:_AT_ONCE]:
        home = tx.get_one(row, user_id, populate_existing=True)
        _settle(tx, home)
        home.began_at = moment.now
    tx.flush()


def open_pieces(
    amount: int, began_at: datetime, lasted_us: int, prices: list[PriceFrom]
) -> list[tuple[Piece, int]]:
    """Return the parts of what a home has held since it was settled, each with its MB x microseconds."""
    found = pieces(HOME, amount, began_at, lasted_us, prices, 0)
    return [(one, amount * one.lasted_us) for one in found]


def _due(tx: Tx, moment: Moment) -> list[str]:
    """Return whose home is to be settled: it began before today, or the clock has jumped since."""
    row = MeterHomeRow
    query = select(row.user_id, row.began_at, row.lasted_us).where(row.boot == moment.boot)
    today = midnight(moment.now.date())
    return [
        one.user_id
        for one in tx.execute(query)
        if one.began_at < today or drifted(one.began_at, one.lasted_us, moment.now)
    ]


def _grow(row: MeterHomeRow, moment: Moment) -> None:
    passed_us = moment.mono_us - row.mono_us
    if row.boot == moment.boot and passed_us > 0:
        row.lasted_us += passed_us
        row.mono_us = moment.mono_us


def _settle(tx: Tx, row: MeterHomeRow) -> None:
    """Add what was counted to the sums of its days, in this transaction, and begin at nothing."""
    for piece, mb_us in open_pieces(row.amount, row.began_at, row.lasted_us, prices_of(tx, HOME)):
        key = (f"{piece.day:%Y-%m-%d}", row.user_id, "", HOME, GIGABYTE_MB)
        add_to_day(tx, key, (mb_us + GIGABYTE_MB // 2) // GIGABYTE_MB, piece.cost)
    row.began_at += timedelta(microseconds=row.lasted_us)
    row.lasted_us = 0
    tx.flush()
