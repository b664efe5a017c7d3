"""What was used and what it cost, by day (UTC): one's own, or everybody's for those who may see it.

Ended intervals are summed up already, as they ended; open ones are cut into days here. Tokens and bytes
are read where calls of models and connections are recorded.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from nbkeep.model.days import Span
from nbkeep.model.errors import not_found
from nbkeep.store.meter_tables import MeterDayRow
from nbkeep.store.model_tables import ModelCallRow
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.tables import UserRow

from .rules import used
from .sums import growing
from .values import ADMIN, READ, USE, unit_of

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

MODELS, GATEWAY = "models", "gateway"
_ELSEWHERE = {MODELS: "tokens", GATEWAY: "bytes"}


@dataclass
class Sum:
    """How much of a resource, and what it cost in microcents."""

    amount_us: int = 0
    cost: int = 0


def sees_all(actor: Actor) -> bool:
    """Tell whether somebody may see what others used."""
    return actor.may(ADMIN) or actor.may(READ)


def usage(
    tx: Tx, actor: Actor, span: Span, *, user: str = "", own: bool = False, daily: bool = False
) -> list[dict[str, Any]]:
    """Return sums by person and resource, and with `daily` by day, in this order.

    `own`: one's own alone. Others are like not there (404) for those who may not see them.
    """
    users = _users(tx, actor, user, own=own)
    sums: defaultdict[tuple[str, str, str], Sum] = defaultdict(Sum)
    for found in (_ended(tx, span, users, daily=daily), _open(tx, span, users)):
        for day, user_id, resource, amount_us, cost in found:
            one = sums[day if daily else "", user_id, resource]
            one.amount_us += amount_us
            one.cost += cost
    items = [
        _line(day, users[user_id], resource, used(resource, 1, one.amount_us), one.cost)
        for (day, user_id, resource), one in sums.items()
    ]
    items += _models(tx, span, users, daily=daily) + _gateway(tx, span, users, daily=daily)
    return sorted(items, key=lambda one: (one["day"], one["user"], one["resource"]))


@dataclass(frozen=True)
class Total:
    """What everybody together used of a resource, in its unit, and what it cost in microcents."""

    quantity: float
    cost: int


def totals(tx: Tx, span: Span) -> dict[str, Total]:
    """Return what sessions held in these days, by resource, whoever's they were: no names, no models.

    For the platform's own figures; what a person may see is `usage`.
    """
    sums: defaultdict[str, Sum] = defaultdict(Sum)
    row = MeterDayRow
    ended = (
        select(row.resource, row.amount, func.sum(row.lasted_us), func.sum(row.cost))
        .where(row.day >= f"{span.first:%Y-%m-%d}", row.day <= f"{span.last:%Y-%m-%d}")
        .group_by(row.resource, row.amount)
    )
    for resource, amount, lasted_us, cost in tx.execute(ended):
        sums[resource].amount_us += amount * int(lasted_us)
        sums[resource].cost += int(cost)
    for _, _, resource, amount_us, cost in _open(tx, span, None):
        sums[resource].amount_us += amount_us
        sums[resource].cost += cost
    return {name: Total(used(name, 1, one.amount_us), one.cost) for name, one in sums.items()}


def _line(day: str, user: str, resource: str, quantity: float, cost: int) -> dict[str, Any]:
    return {
        "day": day,
        "user": user,
        "resource": resource,
        "unit": _ELSEWHERE.get(resource) or unit_of(resource),
        "quantity": round(quantity, 6),
        "cost_microcents": cost,
    }


def _users(tx: Tx, actor: Actor, wanted: str, *, own: bool) -> dict[str, str]:
    """Return the names, by id, of the people that somebody may see and has asked for."""
    query = select(UserRow.id, UserRow.name)
    if own or not sees_all(actor):
        actor.require("self" if sees_all(actor) else USE)
        query = query.where(UserRow.id == actor.id)
    names = {row.id: row.name for row in tx.execute(query)}
    if not wanted:
        return names
    found = {user_id: name for user_id, name in names.items() if name == wanted}
    if not found:
        raise not_found("user", wanted)
    return found


def _ended(tx: Tx, span: Span, users: dict[str, str], *, daily: bool) -> list[tuple[str, str, str, int, int]]:
    row = MeterDayRow
    # Summed up by the database: a month has thirty times as many lines as it has people.
    day = row.day if daily else func.min(row.day)
    query = select(
        day, row.user_id, row.resource, row.amount, func.sum(row.lasted_us), func.sum(row.cost)
    ).where(row.day >= f"{span.first:%Y-%m-%d}", row.day <= f"{span.last:%Y-%m-%d}")
    query = query.where(*_only(row.user_id, users))
    keys = (row.user_id, row.resource, row.amount)
    query = query.group_by(row.day, *keys) if daily else query.group_by(*keys)
    return [
        (day, user_id, resource, amount * int(lasted_us), int(cost))
        for day, user_id, resource, amount, lasted_us, cost in tx.execute(query)
        if user_id in users
    ]


def _open(tx: Tx, span: Span, users: dict[str, str] | None) -> list[tuple[str, str, str, int, int]]:
    first, last = f"{span.first:%Y-%m-%d}", f"{span.last:%Y-%m-%d}"
    return [
        (one.day, one.user_id, one.resource, one.amount * one.lasted_us, one.cost)
        for one in growing(tx, span.end, next(iter(users)) if users and len(users) == 1 else None)
        if (users is None or one.user_id in users) and first <= one.day <= last
    ]


def _only(column: Any, users: dict[str, str]) -> list[Any]:
    """Return the condition that leaves out everybody else where one person is asked about."""
    return [column.in_(users)] if len(users) == 1 else []


def _models(tx: Tx, span: Span, users: dict[str, str], *, daily: bool) -> list[dict[str, Any]]:
    row = ModelCallRow
    keys = [row.day, row.user_id] if daily else [row.user_id]
    query = (
        select(*keys, func.sum(row.tokens_in + row.tokens_out), func.sum(row.cost))
        .where(
            row.day >= f"{span.first:%Y-%m-%d}",
            row.day <= f"{span.last:%Y-%m-%d}",
            *_only(row.user_id, users),
        )
        .group_by(*keys)
    )
    found: list[dict[str, Any]] = []
    for *key, tokens, cost in tx.execute(query):
        user, day = users.get(key[-1]), key[0] if daily else ""
        if user is not None:
            found.append(_line(day, user, MODELS, int(tokens or 0), int(cost or 0)))
    return found


def _gateway(tx: Tx, span: Span, users: dict[str, str], *, daily: bool) -> list[dict[str, Any]]:
    """Return the bytes that went through the gateway, as far back as connections are kept."""
    row = ConnectionRow
    days = (span.last - span.first).days + 1
    spans = (
        [Span(one, one) for one in (span.first + timedelta(days=number) for number in range(days))]
        if daily
        else [span]
    )
    found: list[dict[str, Any]] = []
    for one in spans:
        query = select(row.user_id, func.sum(row.bytes_out + row.bytes_in)).where(
            row.at >= one.begin, row.at < one.end, *_only(row.user_id, users)
        )
        for user_id, passed in tx.execute(query.group_by(row.user_id)):
            if user_id in users and passed:
                day = f"{one.first:%Y-%m-%d}" if daily else ""
                found.append(_line(day, users[user_id], GATEWAY, int(passed), 0))
    return found
