"""`nbkeep price`: what an hour of a flavor, a GPU or storage costs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import panels, words
from .connect import office
from .options import Json, given
from .output import Column, print_json, print_note, print_table

price = typer.Typer(help="What an hour of a flavor, a GPU or storage costs.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep price`."""
    app.add_typer(price, name="price", rich_help_panel=panels.RECORD)


@price.command("set")
def set_price(
    resource: Annotated[
        str,
        typer.Argument(
            metavar="RESOURCE",
            help="flavor:NAME, gpu:TYPE, frozen:NAME (paused), storage:suspended, storage:home (a GB).",
        ),
    ],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="For an hour, in the platform's currency.")],
    valid_from: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="From when on, such as 2027-01-01; now if not said."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Set what an hour costs from now on, or from a later moment; time before keeps its price.

    Example: nbkeep price set gpu:a100 2.50 --from 2027-01-01
    """
    wanted = given(resource=resource, price=amount, valid_from=words.past(valid_from))
    with office() as api:
        found = api.post("prices", wanted)
    if as_json:
        print_json(found)
        return
    print_note(
        f"{found['resource']} costs {found['price']} {found['currency']} an hour "
        f"from {words.moment(found['valid_from'])} (UTC) on."
    )


@price.command("list")
def list_prices(as_json: Json = False) -> None:
    """List the prices that hold now."""
    _print(history=False, as_json=as_json)


@price.command("history")
def show_history(as_json: Json = False) -> None:
    """List all prices that were ever set, also those to come."""
    _print(history=True, as_json=as_json)


def _print(*, history: bool, as_json: bool) -> None:
    with office() as api:
        found: list[dict[str, Any]] = list(api.items("prices", history=history))
    if as_json:
        print_json(found)
        return
    columns = [Column("resource", keep=True), Column("an hour", right=True), Column("counted in"),
               Column("from (UTC)"), Column("set by")]  # fmt: skip
    rows = [
        (one["resource"], f"{one['price']} {one['currency']}", one["unit"], words.moment(one["valid_from"]),
         one["set_by"])
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "No prices. Set one: `nbkeep price set flavor:NAME AMOUNT`.")
