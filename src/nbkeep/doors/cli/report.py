"""`nbkeep report` and `nbkeep usage`: who used what, and what it cost."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nbkeep.model.money import money_words, price_words

from . import panels
from .connect import office
from .options import Json, complete_user
from .output import Column, print_json, print_note, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

report = typer.Typer(help="Who used what, and what it cost.", no_args_is_help=True)
# Spreadsheets take a cell that begins so for a formula, and run it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

User = Annotated[
    str | None, typer.Option("--user", autocompletion=complete_user, help="Only of this person.")
]
Month = Annotated[
    str | None, typer.Option("--month", metavar="YYYY-MM", help="Which month (UTC); this one if not said.")
]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep report` and `nbkeep usage`."""
    app.add_typer(report, name="report", rich_help_panel=panels.RECORD)
    app.command("usage", rich_help_panel=panels.WORK)(usage)


@report.command()
def daily(user: User = None, month: Month = None, as_csv: Csv = False, as_json: Json = False) -> None:
    """Show sums by day, person and resource: everybody's for admins and auditors, else your own.

    Example: nbkeep report daily --user jane --month 2026-11 --csv
    """
    _report("day", user, month, as_csv=as_csv, as_json=as_json)


@report.command()
def monthly(user: User = None, month: Month = None, as_csv: Csv = False, as_json: Json = False) -> None:
    """Show sums of a month by person and resource: everybody's for admins and auditors, else your own."""
    _report("month", user, month, as_csv=as_csv, as_json=as_json)


def usage(month: Month = None, as_json: Json = False) -> None:
    """Show what you used in a month, and what it cost."""
    _report("month", None, month, own=True, as_json=as_json)


def safe_cell(value: object) -> object:
    """Return a cell of CSV that no spreadsheet takes for a formula; numbers stay numbers.

    >>> safe_cell("=HYPERLINK(1)"), safe_cell("jane"), safe_cell(1.5)
    ("'=HYPERLINK(1)", 'jane', 1.5)
    """
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _report(
    by: str,
    user: str | None,
    month: str | None,
    *,
    own: bool = False,
    as_csv: bool = False,
    as_json: bool = False,
) -> None:
    with office() as api:
        found = api.get("usage", by=by, user=user, month=month, own=own or None)
        is_nobodys = own and not found["items"] and api.get("me")["user"] is None
    if as_json:
        print_json(found)
        return
    items: list[dict[str, Any]] = found["items"]
    names = ["day"] * (by == "day") + ["user", "resource"]
    currency = found["currency"]
    if as_csv:
        _print_csv(
            [*names, "quantity", "unit", "cost", "currency"],
            [
                [*(one[name] for name in names), one["quantity"], one["unit"],
                 price_words(one["cost_microcents"]), currency]
                for one in items
            ],
        )  # fmt: skip
        return
    columns = [*(Column(name, keep=name == "resource") for name in names), Column("used", right=True),
               Column("of"), Column("cost", right=True)]  # fmt: skip
    rows: list[tuple[object, ...]] = [
        (*(one[name] for name in names), _quantity(one), one["unit"],
         money_words(one["cost_microcents"], currency))
        for one in items
    ]  # fmt: skip
    if len(rows) > 1:
        total = money_words(found["cost_microcents"], currency)
        rows.append(("all", *[""] * (len(names) - 1), "", "", total))
    print_table(columns, rows, f"Nothing was used in {found['month']}.")
    if rows:
        print_note(f"{found['month']} (UTC), up to a few seconds ago.")
    elif is_nobodys:
        print_note("The operator of this machine starts nothing; `nbkeep report monthly` shows everybody's.")


def _quantity(one: dict[str, Any]) -> str:
    return f"{one['quantity']:,.0f}" if one["unit"] in {"tokens", "bytes"} else f"{one['quantity']:,.2f}"


def _print_csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(head)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
