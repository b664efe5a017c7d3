"""What was used, summed up for people: one's own, or everybody's for those who may see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, func, select

from nbkeep.model.errors import invalid
from nbkeep.model.money import money_words
from nbkeep.store.model_tables import (
    ModelBudgetRow,
    ModelCallRow,
    ModelPriceRow,
    ModelProviderRow,
    ModelSpendingRow,
)
from nbkeep.store.tables import UserRow

from .budgets import list_budgets, used_by, words_of
from .rules import month_of
from .values import ADMIN, EVERYONE, READ, TOTAL, USE, Used

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

LIMIT_MAX = 1000
GROUPS = ("day", "user", "session", "provider", "model")
USUAL_GROUPS = ("day", "user", "provider", "model")
# How many calls are not in the tokens as the provider counts them, or not in the cost.
COUNTS = ("estimated", "unknown", "unmetered", "failed", "refused")


@dataclass(frozen=True)
class Wanted:
    """What to look for; empty fields do not restrict. `since` counts whole days (UTC)."""

    user: str = ""
    model: str = ""
    session: str = ""
    since: datetime | None = None


def sees_all(actor: Actor) -> bool:
    """Tell whether somebody may see what others used."""
    return actor.may(ADMIN) or actor.may(READ)


def usage(
    tx: Tx, actor: Actor, wanted: Wanted, by: tuple[str, ...] = USUAL_GROUPS, limit: int = 200
) -> list[dict[str, Any]]:
    """Return sums by these groups, the newest days first, then the dearest; others' are like not there."""
    if not by or set(by) - set(GROUPS):
        raise invalid("by", f"{','.join(by)[:60]!r} is nothing to group by.",
                      f"Some of: {', '.join(GROUPS)}.")  # fmt: skip
    keys = [_KEYS[one] for one in by]
    query = _visible(actor, select(*keys, *_SUMS)).where(*_conditions(wanted)).group_by(*keys)
    order = [_KEYS["day"].desc()] if "day" in by else []
    query = query.order_by(*order, func.sum(ModelCallRow.cost).desc(), *keys)
    rows = tx.execute(query.limit(max(1, min(limit, LIMIT_MAX))))
    return [{**dict(zip(by, row, strict=False)), **_sums(tuple(row)[len(by) :])} for row in rows]


def total(tx: Tx, actor: Actor, wanted: Wanted) -> dict[str, Any]:
    """Return the sums over all that is looked for."""
    return _sums(tuple(tx.execute(_visible(actor, select(*_SUMS)).where(*_conditions(wanted))).one()))


def own_budgets(tx: Tx, clock: Clock, actor: Actor, currency: str) -> list[dict[str, Any]]:
    """Return how the budgets stand that hold for somebody's own calls this month.

    What all people used together is told only once it is about to end calls.
    """
    if actor.kind != "user":
        return []
    month = month_of(clock.now())
    found = used_by(tx, actor.id, actor.name, month)
    return [_used_view(one, month, currency) for one in found if one.scope != TOTAL or one.is_worth_a_warning]


def budget_views(tx: Tx, clock: Clock, actor: Actor, currency: str) -> list[dict[str, Any]]:
    """Return all budgets and what this month used of them; that of everyone tells of nobody."""
    actor.require(ADMIN)
    month = month_of(clock.now())
    return [budget_view(tx, row, month, currency) for row in list_budgets(tx)]


def budget_view(tx: Tx, row: ModelBudgetRow, month: str, currency: str) -> dict[str, Any]:
    """Return one budget for its admins."""
    holder: str | None = row.scope
    if row.scope.startswith("user:"):
        holder = tx.scalar(select(UserRow.id).where(UserRow.name == row.scope.removeprefix("user:")))
    found = tx.get(ModelSpendingRow, (holder, month)) if row.scope != EVERYONE and holder else None
    view = _used_view(Used(row.scope, row.limit, found.spent if found else 0), month, currency)
    if row.scope == EVERYONE:  # it is one for each
        view |= {"spent_microcents": None, "percent": None, "spent": "", "words": ""}
    return view | {"changed_at": row.changed_at.isoformat(), "set_by": row.set_by}


def list_providers(tx: Tx, actor: Actor) -> list[dict[str, Any]]:
    """Return the providers: everybody who has sessions may know which there are."""
    _require(actor)
    rows = tx.scalars(select(ModelProviderRow).order_by(ModelProviderRow.name))
    return [provider_view(row) for row in rows]


def list_prices(tx: Tx, actor: Actor, currency: str, *, history: bool = False) -> list[dict[str, Any]]:
    """Return the prices that hold now, or with those before, by provider and model, the newest first."""
    _require(actor)
    query = select(ModelPriceRow).order_by(
        ModelPriceRow.provider, ModelPriceRow.model, ModelPriceRow.valid_from.desc(), ModelPriceRow.id.desc()
    )
    rows = list(tx.scalars(query))
    if not history:
        newest: dict[tuple[str, str], ModelPriceRow] = {}
        for row in rows:
            newest.setdefault((row.provider, row.model), row)
        rows = list(newest.values())
    return [price_view(row, currency) for row in rows]


def provider_view(row: ModelProviderRow) -> dict[str, Any]:
    """Return a provider for the doors."""
    return {
        "name": row.name,
        "kind": row.kind,
        "host": row.host,
        "port": row.port,
        "prefix": row.prefix,
        "added_at": row.added_at.isoformat(),
    }


def price_view(row: ModelPriceRow, currency: str) -> dict[str, Any]:
    """Return a price for the doors: microcents for a million tokens."""
    return {
        "provider": row.provider,
        "model": row.model,
        "input_microcents": row.input,
        "output_microcents": row.output,
        "cached_microcents": row.cached,
        "currency": currency,
        "valid_from": row.valid_from.isoformat(),
        "set_by": row.set_by,
    }


_KEYS: dict[str, Any] = {
    "day": ModelCallRow.day,
    "user": UserRow.name,
    "session": ModelCallRow.session_id,
    "provider": ModelCallRow.provider,
    "model": ModelCallRow.model,
}
_SUMMED = ("tokens_in", "tokens_out", "tokens_cached", "cost_microcents")
_SUMS = (
    func.count(),
    func.sum(ModelCallRow.tokens_in),
    func.sum(ModelCallRow.tokens_out),
    func.sum(ModelCallRow.tokens_cached),
    func.sum(ModelCallRow.cost),
    func.count().filter(ModelCallRow.cost.is_(None)),
    *(func.count().filter(ModelCallRow.measure == name) for name in COUNTS),
)


def _sums(row: tuple[Any, ...]) -> dict[str, Any]:
    names = ("calls", *_SUMMED, "unpriced", *COUNTS)
    return {name: int(value or 0) for name, value in zip(names, row, strict=True)}


def _used_view(used: Used, month: str, currency: str) -> dict[str, Any]:
    return {
        "scope": used.scope,
        "month": month,
        "limit_microcents": used.limit,
        "spent_microcents": used.spent,
        "limit": money_words(used.limit, currency),
        "spent": money_words(used.spent, currency),
        "currency": currency,
        "percent": used.percent,
        "is_spent": used.is_spent,
        "warns": used.is_worth_a_warning,
        "words": words_of(used, month, currency),
    }


def _require(actor: Actor) -> None:
    if not sees_all(actor):
        actor.require(USE)


def _visible(actor: Actor, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    query = query.select_from(ModelCallRow).join(UserRow, UserRow.id == ModelCallRow.user_id)
    if sees_all(actor):
        return query
    actor.require(USE)
    return query.where(ModelCallRow.user_id == actor.id)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.user:
        found.append(UserRow.name == wanted.user)
    if wanted.model:
        is_begun = wanted.model.endswith("*")
        name = wanted.model[:-1] if is_begun else wanted.model
        found.append(
            ModelCallRow.model.startswith(name, autoescape=True) if is_begun else ModelCallRow.model == name
        )
    if wanted.session:
        found.append(ModelCallRow.session_id == wanted.session)
    if wanted.since:
        found.append(ModelCallRow.day >= f"{wanted.since:%Y-%m-%d}")
    return found
