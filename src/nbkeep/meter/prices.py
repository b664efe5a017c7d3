"""Prices of resources: set from a moment on, never changed, and never for time that has passed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.errors import invalid
from nbkeep.model.ids import new_id
from nbkeep.model.money import MICROCENTS, parse_microcents, price_words
from nbkeep.store.meter_tables import MeterPriceRow
from nbkeep.store.tables import FlavorRow

from .follow import held_by, prices_of
from .rules import price_at
from .values import ADMIN, FLAVOR, FROZEN, GPU, HOME, READ, SUSPENDED, USE, unit_of

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

BY_FLAVOR = "the flavor"  # in place of who set a price, where that is its own
MOST_PRICE = 100_000 * MICROCENTS
_RESOURCE = re.compile(r"(flavor|frozen|gpu):[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?|storage:(suspended|home)")
_MICROCENTS_IN_MICRO = 100


def set_price(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    resource: str,
    amount: str,
    valid_from: datetime | None,
    currency: str,
) -> MeterPriceRow:
    """Set what an hour of a resource costs from a moment on; None: from now on. Raises `Refused` (400, 403).

    What is past keeps its price: people have been shown it.
    """
    actor.require(ADMIN)
    if not _RESOURCE.fullmatch(resource):
        raise invalid("resource", f"{resource[:60]!r} is nothing that has a price.",
                      f"Write {FLAVOR}NAME, {GPU}TYPE, {FROZEN}NAME, {SUSPENDED} or {HOME}.")  # fmt: skip
    price = parse_microcents(amount, "price", MOST_PRICE)
    now = clock.now()
    begin = valid_from or now
    if begin < now:
        raise invalid("from", "A price cannot begin in the past.", "Leave --from out to let it begin now.")
    row = MeterPriceRow(
        id=new_id("prc", now), resource=resource, price=price, valid_from=begin, set_at=now, set_by=actor.name
    )
    tx.add(row)
    tx.flush()
    journal.append(
        tx,
        clock,
        actor,
        events.PriceSet(
            resource=resource, price=price_words(price), currency=currency, valid_from=begin.isoformat()
        ),
    )
    return row


def list_prices(
    tx: Tx, clock: Clock, actor: Actor, currency: str, *, history: bool = False
) -> list[dict[str, Any]]:
    """Return the prices that hold now, by resource; or all that were ever set, the newest first.

    Flavors that have a price of their own, and no other, are among those that hold now.
    """
    if not (actor.may(ADMIN) or actor.may(READ)):
        actor.require(USE)
    query = select(MeterPriceRow).order_by(
        MeterPriceRow.resource, MeterPriceRow.valid_from.desc(), MeterPriceRow.set_at.desc()
    )
    rows = list(tx.scalars(query))
    if history:
        return [price_view(row, currency) for row in rows]
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.valid_from <= clock.now():
            found.setdefault(row.resource, price_view(row, currency))
    for flavor in tx.scalars(select(FlavorRow)):
        if flavor.price_per_hour_micros:
            found.setdefault(f"{FLAVOR}{flavor.name}", _own(flavor, currency))
    return [found[name] for name in sorted(found)]


def price_view(row: MeterPriceRow, currency: str) -> dict[str, Any]:
    """Return a price for the doors: microcents for an hour of one unit."""
    return {
        "resource": row.resource,
        "unit": unit_of(row.resource),
        "price_microcents": row.price,
        "price": price_words(row.price),
        "currency": currency,
        "valid_from": row.valid_from.isoformat(),
        "set_at": row.set_at.isoformat(),
        "set_by": row.set_by,
    }


def _own(flavor: FlavorRow, currency: str) -> dict[str, Any]:
    microcents = flavor.price_per_hour_micros * _MICROCENTS_IN_MICRO
    return {
        "resource": f"{FLAVOR}{flavor.name}",
        "unit": "hours",
        "price_microcents": microcents,
        "price": price_words(microcents),
        "currency": currency,
        "valid_from": flavor.updated_at.isoformat(),
        "set_at": flavor.updated_at.isoformat(),
        "set_by": BY_FLAVOR,
    }


def hourly_cost(tx: Tx, clock: Clock, row: SessionRow) -> int:
    """Return what a session costs per hour as it is now, in microcents: all that it holds together."""
    now = clock.now()
    total = 0
    for one in held_by(row):
        price = price_at(now, prices_of(tx, one.resource), one.list_price)
        total += price * one.amount // (1000 if one.resource == SUSPENDED else 1)
    return total
