"""What everybody's sessions held and cost, summed up from the sums of days and from what still grows.

No ended interval is read, however many there are: an end has added to the sums of its days.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import case, func, select

from nbkeep.store.meter_tables import MeterDayRow, MeterIntervalRow
from nbkeep.store.storage_tables import MeterHomeRow

from .follow import prices_of
from .rules import pieces
from .values import GPU, HOME, PriceFrom

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from nbkeep.model.days import Span
    from nbkeep.store.database import Tx

Key = Literal["day", "user_id", "profile_name", "resource"]


@dataclass(frozen=True)
class Growing:
    """The part of one open interval, or of a home (of no profile), that lies within one day."""

    day: str
    user_id: str
    profile_name: str
    resource: str
    amount: int
    lasted_us: int
    cost: int  # microcents


@dataclass
class Sum:
    """What it cost in microcents, and for how long GPUs were held, each counted."""

    cost: int = 0
    gpu_us: int = 0


def growing(tx: Tx, before: datetime, user_id: str | None = None) -> list[Growing]:
    """Return what open intervals and homes come to that began before a moment, by days (UTC) and priced.

    `user_id`: of this person alone.
    """
    row = MeterIntervalRow
    query = select(
        row.user_id, row.profile_name, row.resource, row.amount, row.began_at, row.lasted_us, row.list_price
    ).where(row.ended_at.is_(None), row.began_at < before)
    if user_id is not None:
        query = query.where(row.user_id == user_id)
    prices: dict[str, list[PriceFrom]] = {}
    found: list[Growing] = []
    for owner, profile, resource, amount, began_at, lasted_us, list_price in tx.execute(query):
        if resource not in prices:
            prices[resource] = prices_of(tx, resource)
        found += [
            Growing(f"{one.day:%Y-%m-%d}", owner, profile, resource, amount, one.lasted_us, one.cost)
            for one in pieces(resource, amount, began_at, lasted_us, prices[resource], list_price)
        ]
    return found + _homes(tx, before, user_id)


def _homes(tx: Tx, before: datetime, only: str | None) -> list[Growing]:
    row, of_homes = MeterHomeRow, prices_of(tx, HOME)
    query = select(row.user_id, row.amount, row.began_at, row.lasted_us).where(row.began_at < before)
    if only is not None:
        query = query.where(row.user_id == only)
    return [
        Growing(f"{one.day:%Y-%m-%d}", user_id, "", HOME, amount, one.lasted_us, one.cost)
        for user_id, amount, began_at, lasted_us in tx.execute(query)
        for one in pieces(HOME, amount, began_at, lasted_us, of_homes, 0)
    ]


def sums(
    tx: Tx,
    span: Span,
    by: tuple[Key, ...],
    still: Iterable[Growing],
    users: Collection[str] | None = None,
) -> dict[tuple[str, ...], Sum]:
    """Return the sums of some days by these keys. `still`: what grows; `users`: of these ids alone."""
    row = MeterDayRow
    keys = [getattr(row, name) for name in by]
    # A product of storage could outgrow the database's integers; that of GPUs cannot.
    held: Any = case((row.resource.startswith(GPU), row.amount * row.lasted_us), else_=0)
    first, last = f"{span.first:%Y-%m-%d}", f"{span.last:%Y-%m-%d}"
    query = select(*keys, func.sum(row.cost), func.sum(held)).where(row.day >= first, row.day <= last)
    if users is not None:
        query = query.where(row.user_id.in_(users))
    found: defaultdict[tuple[str, ...], Sum] = defaultdict(Sum)
    for *key, cost, gpu_us in tx.execute(query.group_by(*keys)):
        found[tuple(key)] = Sum(int(cost or 0), int(gpu_us or 0))
    for one in still:
        if first <= one.day <= last and (users is None or one.user_id in users):
            mine = found[tuple(getattr(one, name) for name in by)]
            mine.cost += one.cost
            mine.gpu_us += one.amount * one.lasted_us if one.resource.startswith(GPU) else 0
    return dict(found)
