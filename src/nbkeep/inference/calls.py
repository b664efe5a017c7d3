"""What gateways report of calls, taken into the table `model_calls` with its price: once each, in bounds."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast, get_args

from sqlalchemy import select

from nbkeep.egress.usage import LONGEST_MODEL, MOST_TOKENS, Measure, printable_name
from nbkeep.model.errors import invalid
from nbkeep.store.model_tables import ModelCallRow, ModelPriceRow, ModelSpendingRow
from nbkeep.store.tables import SessionRow, UserRow

from .budgets import tell_people
from .rules import cost, month_of, price_for
from .values import TOTAL, Price

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

MAX_BATCH = 1000
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_OPERATION = re.compile(r"[a-z]{1,20}")
_INT_MAX = 2**62
_STATUS_MAX = 599
_MOST_SECONDS = 1e9
_FREE = frozenset({"failed", "refused", "unmetered"})


@dataclass
class Taken:
    """How many records are in the table now, and which never will be, with why."""

    accepted: int = 0
    refused: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


class _NoCall(Exception):  # noqa: N818 - a finding about one record, never seen outside
    pass


def take_calls(tx: Tx, clock: Clock, currency: str, records: Sequence[Mapping[str, Any]]) -> Taken:
    """Put the records of a gateway into the table, and count them to their people's month.

    A repeat counts as accepted and changes nothing. A record that is malformed, or speaks of a session that
    this office did not admit, is refused by itself. Raises `Refused` (400) for more than `MAX_BATCH` at once.
    """
    if len(records) > MAX_BATCH:
        raise invalid(
            "records", f"{len(records)} records at once are too many.", f"Send at most {MAX_BATCH}."
        )
    taken = Taken()
    ids = {str(one.get("session_id"))[:24] for one in records}
    query = select(SessionRow, UserRow.name).join(UserRow, UserRow.id == SessionRow.user_id)
    owners = {
        session.id: (session, name) for session, name in tx.execute(query.where(SessionRow.id.in_(ids)))
    }
    rows: dict[str, ModelCallRow] = {}
    for record in records:
        try:
            row = _row(record, owners, clock)
        except _NoCall as finding:
            taken.refused.append({"id": printable_name(str(record.get("id")))[:64], "why": str(finding)})
        else:
            rows.setdefault(row.id, row)
            taken.accepted += 1
    known = set(tx.scalars(select(ModelCallRow.id).where(ModelCallRow.id.in_(rows))))
    fresh = [row for row_id, row in rows.items() if row_id not in known]
    names = {session.user_id: name for session, name in owners.values()}
    for row in fresh:
        row.cost = _cost(tx, row)
    tx.add_all(fresh)
    tx.flush()
    _count(tx, clock, currency, fresh, names)
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


def _row(
    record: Mapping[str, Any], owners: Mapping[str, tuple[SessionRow, str]], clock: Clock
) -> ModelCallRow:
    row_id, provider, operation = record.get("id"), record.get("provider"), record.get("operation")
    if not isinstance(row_id, str) or not _ID.fullmatch(row_id):
        raise _NoCall("the id is not 1 to 64 letters, digits and _ . : -")
    session, _ = owners.get(str(record.get("session_id")), (None, ""))
    if session is None:
        raise _NoCall("there is no such session")
    if not isinstance(provider, str) or not _NAME.fullmatch(provider):
        raise _NoCall("the provider is none that can be named")
    if not isinstance(operation, str) or not _OPERATION.fullmatch(operation):
        raise _NoCall("the operation is no word")
    measure = record.get("measure")
    if measure not in get_args(Measure):
        raise _NoCall("it does not say how it was measured")
    counts = {name: _number(record, name) for name in ("tokens_in", "tokens_out", "tokens_cached")}
    at = _moment(record.get("at"), session, clock)
    return ModelCallRow(
        id=row_id,
        session_id=session.id,
        user_id=session.user_id,
        at=at,
        day=f"{at:%Y-%m-%d}",
        provider=provider,
        operation=operation,
        model=_text(record.get("model"))[:LONGEST_MODEL],
        streamed=record.get("streamed") is True,
        status=min(_number(record, "status"), _STATUS_MAX),
        measure=cast("str", measure),
        reason=_text(record.get("reason"))[:200],
        duration_s=_seconds(record.get("duration_s")),
        **counts,
    )


def _number(record: Mapping[str, Any], name: str) -> int:
    value = record.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_TOKENS:
        raise _NoCall(f"{name} is not a number from 0 to {MOST_TOKENS}")
    return value


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return 0.0
    return max(0.0, min(float(value), _MOST_SECONDS))


def _text(value: object) -> str:
    """Return text that both databases hold: models are named by servers."""
    text = value if isinstance(value, str) else ""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text[:400])


def _moment(value: object, session: SessionRow, clock: Clock) -> datetime:
    """Return when it was: not before the session, nor in the future."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _NoCall("at is not a moment with a time zone")
    # The month that it counts to is said by this.
    return max(min(at, clock.now()), session.requested_at)
