"""What everybody used of models, summed up for dashboards and alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, select

from nbkeep.store.model_tables import ModelCallRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from nbkeep.model.days import Span
    from nbkeep.store.database import Tx

Key = Literal["day", "user_id", "model"]


@dataclass(frozen=True)
class Sum:
    """Tokens asked and answered, and what they cost in microcents as far as prices were known."""

    tokens: int = 0
    cost: int = 0


def sums(
    tx: Tx, span: Span, by: tuple[Key, ...], users: Collection[str] | None = None
) -> dict[tuple[str, ...], Sum]:
    """Return the sums of some days by these keys; of these ids alone where `users` are given."""
    row = ModelCallRow
    keys = [getattr(row, name) for name in by]
    query = select(*keys, func.sum(row.tokens_in + row.tokens_out), func.sum(row.cost)).where(
        row.day >= f"{span.first:%Y-%m-%d}", row.day <= f"{span.last:%Y-%m-%d}"
    )
    if users is not None:
        query = query.where(row.user_id.in_(users))
    rows = tx.execute(query.group_by(*keys))
    return {tuple(key): Sum(int(tokens or 0), int(cost or 0)) for *key, tokens, cost in rows}
