"""Set providers, prices and budgets. Each is one transaction with its audit record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, not_found
from nbkeep.model.ids import new_id
from nbkeep.model.money import price_words
from nbkeep.store.model_tables import ModelBudgetRow, ModelPriceRow, ModelProviderRow
from nbkeep.store.tables import UserRow

from . import parse
from .values import ADMIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

MOST_PROVIDERS = 100
_USER = "user:"


def add_provider(tx: Tx, clock: Clock, actor: Actor, name: str, host: str, kind: str) -> ModelProviderRow:
    """Have requests to a host metered, also those of running sessions. Raises `Refused` (400, 409)."""
    actor.require(ADMIN)
    wanted = parse.provider(name, host, kind)
    rows = tx.scalars(select(ModelProviderRow)).all()
    for row in rows:
        if row.name == name or (row.host, row.port, row.prefix) == (wanted.host, wanted.port, wanted.prefix):
            raise Refused("provider-exists", f"There is a provider {row.name!r} at {row.host}:{row.port}.",
                          f"Remove it first: `nbkeep model provider remove {row.name}`.",
                          status=409)  # fmt: skip
    if len(rows) >= MOST_PROVIDERS:
        raise Refused("many-providers", f"There are {len(rows)} providers.", "Remove one first.", status=409)
    row = ModelProviderRow(name=name, kind=wanted.kind, host=wanted.host, port=wanted.port,
                           prefix=wanted.prefix, added_at=clock.now())  # fmt: skip
    tx.add(row)
    tx.flush()
    event = events.ModelProviderAdded(
        name=name, kind=row.kind, host=row.host, port=row.port, prefix=row.prefix
    )
    journal.append(tx, clock, actor, event)
    return row


def remove_provider(tx: Tx, clock: Clock, actor: Actor, name: str) -> None:
    """Meter requests to a host no more; what was used stays on record. Raises `Refused` (404)."""
    actor.require(ADMIN)
    row = tx.get(ModelProviderRow, name)
    if row is None:
        raise not_found("model provider", name[:60])
    tx.delete(row)
    journal.append(tx, clock, actor, events.ModelProviderRemoved(name=name, host=row.host, port=row.port))


def set_price(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    provider: str,
    model: str,
    amounts: Sequence[str | None],
    currency: str,
) -> ModelPriceRow:
    """Set what a million tokens cost from now on; calls before keep their price. Raises `Refused`."""
    actor.require(ADMIN)
    wanted = parse.price(model, amounts)
    if tx.get(ModelProviderRow, provider) is None:
        raise not_found("model provider", provider[:60])
    now = clock.now()
    row = ModelPriceRow(id=new_id("prc", now), provider=provider, model=wanted.model, input=wanted.input,
                        output=wanted.output, cached=wanted.cached, valid_from=now,
                        set_by=actor.name)  # fmt: skip
    tx.add(row)
    tx.flush()
    journal.append(
        tx,
        clock,
        actor,
        events.ModelPriceSet(
            provider=provider,
            model=row.model,
            input=price_words(row.input),
            output=price_words(row.output),
            cached=price_words(row.cached),
            currency=currency,
        ),
    )
    return row


def set_budget(tx: Tx, clock: Clock, actor: Actor, scope: str, month: str, currency: str) -> ModelBudgetRow:
    """Set what models may cost in each month (UTC), in place of an earlier budget. Raises `Refused`."""
    actor.require(ADMIN)
    scope, limit = parse.scope(scope), parse.month_limit(month)
    if scope.startswith(_USER):
        name = scope.removeprefix(_USER)
        if tx.scalar(select(UserRow.id).where(UserRow.name == name)) is None:
            raise not_found("user", name)
    row = tx.get(ModelBudgetRow, scope)
    if row is None:
        row = ModelBudgetRow(scope=scope, limit=limit, changed_at=clock.now(), set_by=actor.name)
        tx.add(row)
    row.limit, row.changed_at, row.set_by = limit, clock.now(), actor.name
    tx.flush()
    event = events.ModelBudgetSet(scope=scope, month=price_words(limit), currency=currency)
    journal.append(tx, clock, actor, event)
    return row


def remove_budget(tx: Tx, clock: Clock, actor: Actor, scope: str) -> None:
    """Take a budget away; what is said for everyone counts for its person then. Raises `Refused` (404)."""
    actor.require(ADMIN)
    row = tx.get(ModelBudgetRow, parse.scope(scope))
    if row is None:
        raise Refused("budget-not-found", f"There is no budget for {scope}.",
                      "See `nbkeep model budget list`.", status=404)  # fmt: skip
    tx.delete(row)
    journal.append(tx, clock, actor, events.ModelBudgetRemoved(scope=row.scope))
