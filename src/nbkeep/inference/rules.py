"""Which price holds for a model, and how months go: values in, values out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nbkeep.model.money import cost_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from .values import Price

_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})$")
_DECEMBER = 12


def price_for(model: str, prices: Iterable[Price]) -> Price | None:
    """Return the price of a model: by its name, its name without the date at its end, or the longest `name*`.

    Providers answer with dated names (`gpt-x-2026-05-01`) to calls of undated ones.
    """
    known = {one.model: one for one in prices}
    for name in (model, _DATED.sub("", model)):
        if name in known:
            return known[name]
    begun = [one for one in known.values() if one.model.endswith("*") and model.startswith(one.model[:-1])]
    return max(begun, key=lambda one: len(one.model), default=None)


def cost(price: Price, tokens_in: int, tokens_out: int, tokens_cached: int) -> int:
    """Return what a call cost in microcents: cached tokens are part of the input, at a price of their own."""
    cached = min(tokens_cached, tokens_in)
    return (
        cost_of(tokens_in - cached, price.input)
        + cost_of(cached, price.cached)
        + cost_of(tokens_out, price.output)
    )


def month_of(at: datetime) -> str:
    """Return the month (UTC) of a moment, such as `2026-11`."""
    return f"{at:%Y-%m}"


def day_after(month: str) -> str:
    """Return the first day after a month.

    >>> day_after("2026-12"), day_after("2026-02")
    ('2027-01-01', '2026-03-01')
    """
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1}-01-01" if number == _DECEMBER else f"{year}-{number + 1:02}-01"
