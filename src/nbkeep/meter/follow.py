"""Intervals of one session: opened and ended in the transaction that changes its state."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.model.ids import new_id
from nbkeep.model.session import SessionState
from nbkeep.store.meter_tables import MeterDayRow, MeterIntervalRow, MeterPriceRow

from .rules import held, pieces
from .values import FLAVOR, FROZEN, SUSPENDED, UNSEEN_US, Held, Moment, PriceFrom

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow


def follow(tx: Tx, clock: Clock, row: SessionRow, *, was_alive: bool = True) -> None:
    """Bring a session's intervals in line with its state, as of now. Twice is safe.

    `was_alive`: False where it is not known that the session ran until now: what is counted ends with its
    last sign of life then.
    """
    moment = Moment.of(clock)
    wanted = {one.resource: one for one in held_by(row)}
    tx.flush()
    for interval in open_intervals(tx, row.id):
        wish = wanted.get(interval.resource)
        if wish is not None and is_same(interval, wish, row) and interval.boot == moment.boot:
            del wanted[interval.resource]
            continue
        if was_alive or interval.resource == SUSPENDED:
            grow(interval, moment, most_us=None if interval.resource == SUSPENDED else UNSEEN_US)
        end(tx, interval, moment)
    for wish in wanted.values():
        begin(tx, moment, row, wish)


def held_by(row: SessionRow) -> list[Held]:
    """Return what a session holds now, as far as its row says."""
    kept_bytes = None if row.kept is None or row.discard_state else int(row.kept.get("bytes", 0))
    return held(
        SessionState(row.state), row.profile, was_ready=row.ready_at is not None, kept_bytes=kept_bytes
    )


def open_intervals(tx: Tx, session_id: str) -> list[MeterIntervalRow]:
    """Return the intervals of a session that still grow."""
    query = select(MeterIntervalRow).where(
        MeterIntervalRow.session_id == session_id, MeterIntervalRow.ended_at.is_(None)
    )
    return list(tx.scalars(query))


def is_same(interval: MeterIntervalRow, wish: Held, row: SessionRow) -> bool:
    """Tell whether an interval goes on as it is."""
    return (
        interval.amount == wish.amount
        and interval.profile_name == row.profile_name
        and interval.list_price == wish.list_price
    )


def begin(tx: Tx, moment: Moment, row: SessionRow, wish: Held) -> None:
    """Open an interval from this moment on."""
    is_compute = wish.resource.startswith((FLAVOR, FROZEN))
    tx.add(
        MeterIntervalRow(
            id=new_id("int", moment.now),
            session_id=row.id,
            user_id=row.user_id,
            profile_name=row.profile_name,
            resource=wish.resource,
            amount=wish.amount,
            cpu_millis=row.profile["cpu_millis"] if is_compute else 0,
            memory_bytes=row.profile["memory_bytes"] if is_compute else 0,
            list_price=wish.list_price,
            began_at=moment.now,
            lasted_us=0,
            boot=moment.boot,
            mono_us=moment.mono_us,
        )
    )
    tx.flush()


def grow(interval: MeterIntervalRow, moment: Moment, *, most_us: int | None = None) -> None:
    """Count the time since an interval was last looked at; nothing across a boot, or more than `most_us`.

    Whoever counts moves the place up to where it was counted along with it, so that none counts it again.
    """
    passed_us = moment.mono_us - interval.mono_us
    if interval.boot != moment.boot or passed_us <= 0 or (most_us is not None and passed_us > most_us):
        return
    interval.lasted_us += passed_us
    interval.mono_us = moment.mono_us


def end(tx: Tx, interval: MeterIntervalRow, moment: Moment) -> None:
    """End an interval as long as it is, and add it to the sums of its days, in one transaction."""
    interval.ended_at = moment.now
    for piece in pieces(
        interval.resource,
        interval.amount,
        interval.began_at,
        interval.lasted_us,
        prices_of(tx, interval.resource),
        interval.list_price,
    ):
        key = (
            f"{piece.day:%Y-%m-%d}", interval.user_id, interval.profile_name, interval.resource,
            interval.amount,
        )  # fmt: skip
        add_to_day(tx, key, piece.lasted_us, piece.cost)
    tx.flush()


def add_to_day(tx: Tx, key: tuple[str, str, str, str, int], lasted_us: int, cost: int) -> None:
    """Add to a day's sum. `key`: day, user id, profile, resource, amount."""
    day = tx.get(MeterDayRow, key)
    if day is None:
        names = ("day", "user_id", "profile_name", "resource", "amount")
        day = MeterDayRow(**dict(zip(names, key, strict=True)), lasted_us=0, cost=0)
        tx.add(day)
    day.lasted_us += lasted_us
    day.cost += cost


def restart(tx: Tx, interval: MeterIntervalRow, moment: Moment) -> None:
    """End an interval and go on with it under a new beginning: the wall clock says something else now."""
    fields = (
        "session_id", "user_id", "profile_name", "resource", "amount", "cpu_millis", "memory_bytes",
        "list_price", "boot", "mono_us",
    )  # fmt: skip
    again = {name: getattr(interval, name) for name in fields}
    unseen = timedelta(microseconds=max(0, moment.mono_us - interval.mono_us))
    end(tx, interval, moment)
    tx.add(
        MeterIntervalRow(
            id=new_id("int", moment.now), began_at=moment.now - unseen, lasted_us=0, ended_at=None, **again
        )
    )
    tx.flush()


def prices_of(tx: Tx, resource: str) -> list[PriceFrom]:
    """Return the prices of a resource in order of time; of two at one moment the later set counts."""
    query = (
        select(MeterPriceRow.valid_from, MeterPriceRow.price)
        .where(MeterPriceRow.resource == resource)
        .order_by(MeterPriceRow.valid_from, MeterPriceRow.set_at, MeterPriceRow.id)
    )
    return [PriceFrom(valid_from, price) for valid_from, price in tx.execute(query)]
