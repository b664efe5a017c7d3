"""What gateways report of calls, taken into the table `model_calls` with its price: once each, in bounds."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast, get_args

from sqlalchemy import select

from nbkeep.egress.reports import RecordError, moment, take, text
from nbkeep.egress.usage import LONGEST_MODEL, MOST_TOKENS, Measure
from nbkeep.store.model_tables import ModelCallRow, ModelPriceRow, ModelSpendingRow

from .budgets import tell_people
from .rules import cost, month_of, price_for
from .values import TOTAL, Price

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbkeep.egress.reports import Owner, Taken
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

_NAME = re.compile(r"[a-z0-9-]{1,40}")
_OPERATION = re.compile(r"[a-z]{1,20}")
_INT_MAX = 2**62
_STATUS_MAX = 599
_MOST_SECONDS = 1e9
_FREE = frozenset({"failed", "refused", "unmetered"})


def take_calls(
    tx: Tx, clock: Clock, currency: str, records: Sequence[Mapping[str, Any]]
) -> Taken[ModelCallRow]:
    """Put the records of a gateway into the table, and count them to their people's month.

    See `reports.take`.
    """
    taken = take(
        tx, records, ModelCallRow, lambda record, row_id, owner: _row(tx, record, row_id, owner, clock)
    )
    names = {owner.session.user_id: owner.user for _, owner in taken.fresh}
    _count(tx, clock, currency, [row for row, _ in taken.fresh], names)
    return taken


def _count(
    tx: Tx, clock: Clock, currency: str, rows: Sequence[ModelCallRow], names: Mapping[str, str]
) -> None:
    """Add calls to their months, and tell when a budget is nearly used."""
    spent: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row.cost or row.measure == "refused":  # so that it is told of, whatever made the budget too small
            for scope in (row.user_id, TOTAL):
                spent[month_of(row.at)][scope] += row.cost or 0
    for month, scopes in spent.items():
        for scope, amount in sorted(scopes.items()):
            found = tx.get(ModelSpendingRow, (scope, month), with_for_update=True)
            if found is None:
                found = ModelSpendingRow(scope=scope, month=month, spent=0, warned_of="", ended_of="")
                tx.add(found)
            found.spent = min(found.spent + amount, _INT_MAX)
        tx.flush()
        tell_people(tx, clock, {one: names[one] for one in scopes if one in names}, month, currency)


def _cost(tx: Tx, row: ModelCallRow) -> int | None:
    """Return what a call cost by the prices at its time; None where its model had none."""
    if row.measure in _FREE:
        return 0
    query = (
        select(ModelPriceRow)
        .where(ModelPriceRow.provider == row.provider, ModelPriceRow.valid_from <= row.at)
        .order_by(ModelPriceRow.valid_from, ModelPriceRow.id)
    )
    prices = {one.model: Price(one.model, one.input, one.output, one.cached) for one in tx.scalars(query)}
    found = price_for(row.model, prices.values())
    return None if found is None else cost(found, row.tokens_in, row.tokens_out, row.tokens_cached)


def _row(tx: Tx, record: Mapping[str, Any], row_id: str, owner: Owner, clock: Clock) -> ModelCallRow:
    provider, operation = record.get("provider"), record.get("operation")
    if not isinstance(provider, str) or not _NAME.fullmatch(provider):
        raise RecordError("the provider is none that can be named")
    if not isinstance(operation, str) or not _OPERATION.fullmatch(operation):
        raise RecordError("the operation is no word")
    measure = record.get("measure")
    if measure not in get_args(Measure):
        raise RecordError("it does not say how it was measured")
    counts = {name: _number(record, name) for name in ("tokens_in", "tokens_out", "tokens_cached")}
    at = moment(record.get("at"), owner, clock)  # says which month it counts to
    row = ModelCallRow(
        id=row_id,
        session_id=owner.session.id,
        user_id=owner.session.user_id,
        at=at,
        day=f"{at:%Y-%m-%d}",
        provider=provider,
        operation=operation,
        model=text(record.get("model"), LONGEST_MODEL),
        streamed=record.get("streamed") is True,
        status=min(_number(record, "status"), _STATUS_MAX),
        measure=cast("str", measure),
        reason=text(record.get("reason"), 200),
        duration_s=_seconds(record.get("duration_s")),
        **counts,
    )
    row.cost = _cost(tx, row)
    return row


def _number(record: Mapping[str, Any], name: str) -> int:
    value = record.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_TOKENS:
        raise RecordError(f"{name} is not a number from 0 to {MOST_TOKENS}")
    return value


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return 0.0
    return max(0.0, min(float(value), _MOST_SECONDS))
