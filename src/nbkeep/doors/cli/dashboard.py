"""`nbkeep dashboard`: sessions, spend, GPUs, storage and alarms at a glance."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nbkeep.dashboard.values import Sheet, csv, words
from nbkeep.model.money import money_words

from . import panels
from .connect import office
from .options import Json
from .output import Column, print_fields, print_json, print_table

_UNITS: dict[str, Any] = {
    "microcents": "money", "bytes": "bytes", "seconds": "hours", "tokens": "tokens", "count": "count",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add `nbkeep dashboard`."""
    app.command("dashboard", rich_help_panel=panels.RECORD)(dashboard)


def dashboard(
    month: Annotated[
        str | None,
        typer.Option("--month", metavar="YYYY-MM", help="Which month (UTC); this one if not said."),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option("--sheet", metavar="NAME", help="The numbers of one chart, such as spend-by-project."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print that sheet as CSV, for spreadsheets.")] = False,
    as_json: Json = False,
) -> None:
    """Show sessions, spend, GPU-hours, storage and alarms at a glance.

    Example: nbkeep dashboard --sheet spend-by-user --csv
    """
    if as_csv and sheet is None:
        raise typer.BadParameter("Say which numbers: --csv needs --sheet.")
    with office() as api:
        found = api.get("dashboard", month=month)
    if as_json:
        print_json(found)
        return
    sheets: dict[str, dict[str, Any]] = {one["name"]: one for one in found["sheets"]}
    if sheet is None:
        _figures(found, list(sheets))
        return
    if sheet not in sheets:
        raise typer.BadParameter(f"There is no sheet {sheet!r}. One of: {', '.join(sheets)}.")
    read = _sheet(sheets[sheet])
    if as_csv:
        for line in csv(read, found["currency"]):
            print(line)
        return
    columns = [Column(read.label, keep=True), *(Column(one, right=True) for one in read.columns)]
    rows = [
        (label, *(words(read.unit, one, found["currency"]) for one in amounts))
        for label, amounts in read.rows
    ]
    print_table(columns, rows, f"Nothing in {found['month']}.")


def _sheet(told: dict[str, Any]) -> Sheet:
    rows = [(one["label"], tuple(one["amounts"])) for one in told["rows"]]
    return Sheet(told["name"], told["title"], told["label"], tuple(told["columns"]), _UNITS[told["unit"]],
                 "bars", rows)  # fmt: skip


def _figures(found: dict[str, Any], sheets: list[str]) -> None:
    sessions, currency = found["sessions"], found["currency"]
    print_fields([
        ("sessions", f"{sessions['live']} live, {sessions['idle']} of them idle"),
        ("suspended", sessions["suspended"]),
        ("spent", f"{money_words(found['spent_microcents'], currency)} in {found['month']}"),
        ("GPU-hours", f"{found['gpu_hours']:,.1f}"),
        ("homes", words("bytes", found["home_bytes"], currency)),
        ("saved sessions", words("bytes", found["kept_bytes"], currency)),
        ("tokens of models", f"{found['tokens']:,}"),
        ("idle GPUs", len(found["idle_gpus"]) or None),
        ("open alarms", found["open_alarms"]),
        ("sheets", ", ".join(sheets)),
    ])  # fmt: skip
