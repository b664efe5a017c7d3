"""Sheets: the numbers of one chart, as page, CSV and API have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nbkeep.audit.spreadsheet import line
from nbkeep.model.money import money_words, price_words
from nbkeep.model.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

# Amounts are whole numbers: microcents, bytes, seconds, tokens, or things that are counted.
Unit = Literal["money", "bytes", "hours", "tokens", "count"]
Shape = Literal["bars", "stacked", "lines", "ranking"]
_GIB = 1 << 30
_HOUR_S = 3600


@dataclass(frozen=True)
class Sheet:
    """One table of numbers. `rows`: a label, and an amount per column."""

    name: str
    title: str
    label: str
    columns: tuple[str, ...]
    unit: Unit
    shape: Shape
    rows: list[tuple[str, tuple[int, ...]]]
    note: str = ""
    empty: str = "Nothing in this month."

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(amount for _, amounts in self.rows for amount in amounts)

    def headings(self) -> list[str]:
        """Return the names of the columns, with their unit."""
        return [f"{one}{_IN[self.unit]}" for one in self.columns]


@dataclass(frozen=True)
class IdleGpu:
    """A session whose GPUs do nothing now. `percent`: None where nobody measures them."""

    session_id: str
    user: str
    profile: str
    gpus: str
    idle_s: int
    percent: int | None
    hourly_cost: int


@dataclass(frozen=True)
class Dashboard:
    """All of it, for one month (UTC). What is said of sessions and GPUs is of now."""

    month: str
    today: str
    currency: str
    live: int
    idle: int
    frozen: int
    suspended: int
    spent: int
    spent_today: int
    gpu_s: int
    home_bytes: int | None  # as last noted; None: never
    kept_bytes: int
    tokens: int
    open_alarms: int
    alarms: list[dict[str, Any]]
    idle_gpus: list[IdleGpu]
    sheets: list[Sheet] = field(default_factory=list[Sheet])

    def sheet(self, name: str) -> Sheet | None:
        """Return a sheet by its name."""
        return next((one for one in self.sheets if one.name == name), None)


def number(unit: Unit, amount: int) -> str:
    """Return an amount as programs read it, exactly: in the currency, GiB, hours.

    >>> number("money", 150_000_000), number("bytes", 3 << 29), number("hours", 5400)
    ('1.50', '1.5', '1.5')
    """
    if unit == "money":
        return price_words(amount)
    if unit in {"bytes", "hours"}:
        return f"{amount / (_GIB if unit == 'bytes' else _HOUR_S):.6f}".rstrip("0").rstrip(".")
    return str(amount)


def words(unit: Unit, amount: int | None, currency: str) -> str:
    """Return an amount for people; None: nobody knows it yet."""
    if amount is None:
        return "-"
    match unit:
        case "money":
            return money_words(amount, currency)
        case "bytes":
            return format_size(amount)
        case "hours":
            return f"{amount / _HOUR_S:,.1f} h"
        case "tokens" | "count":
            return f"{amount:,}"


def csv(sheet: Sheet, currency: str) -> Iterator[str]:
    """Yield a sheet as lines of CSV without their ends; no spreadsheet takes a cell for a formula."""
    headings = [f"{one} ({currency})" if sheet.unit == "money" else one for one in sheet.headings()]
    yield line([sheet.label, *headings])
    for label, amounts in sheet.rows:
        yield line([label, *(number(sheet.unit, one) for one in amounts)])


def as_json(found: Dashboard) -> dict[str, Any]:
    """Return everything for the API; amounts are whole numbers with their unit."""
    return {
        "month": found.month,
        "currency": found.currency,
        "sessions": {
            "live": found.live, "idle": found.idle, "frozen": found.frozen, "suspended": found.suspended,
        },
        "spent_microcents": found.spent,
        "spent_today_microcents": found.spent_today,
        "gpu_hours": round(found.gpu_s / _HOUR_S, 6),
        "home_bytes": found.home_bytes,
        "kept_bytes": found.kept_bytes,
        "tokens": found.tokens,
        "open_alarms": found.open_alarms,
        "idle_gpus": [
            {
                "session_id": one.session_id, "user": one.user, "profile": one.profile, "gpus": one.gpus,
                "idle_s": one.idle_s, "percent": one.percent, "hourly_cost_microcents": one.hourly_cost,
            }
            for one in found.idle_gpus
        ],
        "sheets": [
            {
                "name": one.name, "title": one.title, "label": one.label, "columns": list(one.columns),
                "unit": _UNITS[one.unit], "note": one.note,
                "rows": [{"label": label, "amounts": list(amounts)} for label, amounts in one.rows],
            }
            for one in found.sheets
        ],
    }  # fmt: skip


_IN: dict[Unit, str] = {"money": "", "bytes": " (GiB)", "hours": " (hours)", "tokens": "", "count": ""}
_UNITS: dict[Unit, str] = {
    "money": "microcents", "bytes": "bytes", "hours": "seconds", "tokens": "tokens", "count": "count",
}  # fmt: skip
