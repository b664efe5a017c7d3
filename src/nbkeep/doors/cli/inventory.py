"""`nbkeep inventory`: everything that there is, whose it is, and what is to be done about it."""

from __future__ import annotations

import csv
import sys
from typing import Annotated, Any

import typer

from . import panels, words
from .connect import office
from .options import Json
from .output import Column, clean, print_json, print_note, print_table
from .report import safe_cell

_CSV = ("kind", "what", "id", "name", "owner", "purpose", "classification", "exposure", "created_at",
        "last_used_at", "expires_at", "level", "todo")  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add `nbkeep inventory`."""
    app.command("inventory", rich_help_panel=panels.RECORD)(inventory)


def inventory(
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="sessions, images, datasets, shares, connections, endpoints, gpus, human-credentials, "
            "non-human-credentials or model-providers.",
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    as_json: Json = False,
) -> None:
    """List what there is; what nobody owns comes first, then what needs something done.

    Example: nbkeep inventory --kind non-human-credentials
    """
    with office() as api:
        # In one answer, so that it is of one moment.
        found: list[dict[str, Any]] = api.get("inventory", kind=kind, whole="true")["items"]
    if as_json:
        print_json(found)
        return
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(_CSV)
        # Names are anybody's: on a terminal they steer nothing, in a spreadsheet they are no formula.
        writer.writerows([safe_cell(clean(one[name])) for name in _CSV] for one in found)
        return
    columns = [Column("what"), Column("name", keep=True), Column("owner"), Column("class"),
               Column("exposure"), Column("last used"), Column("ends"), Column("to do")]  # fmt: skip
    rows = [
        (one["what"], one["name"], one["owner"] or "unknown", one["classification"], one["exposure"],
         _day(one["last_used_at"]), _day(one["expires_at"]), one["todo"])
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "There is nothing of that kind.")
    if found:
        _sum_up(found)


def _sum_up(found: list[dict[str, Any]]) -> None:
    unowned = sum(one["level"] == "unowned" for one in found)
    todo = sum(bool(one["todo"]) for one in found)
    print_note(f"{len(found)} in all; something to do: {todo}, without a known owner: {unowned}.")


def _day(at: str | None) -> str:
    return words.moment(at)[:10] if at else ""
