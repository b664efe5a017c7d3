"""`nbkeep state-key`: the key that saved variables are encrypted with."""

from __future__ import annotations

from typing import Annotated

import typer

from nbkeep.sessions.state_keys import key_id, place_of
from nbkeep.settings import Settings

from . import panels
from .options import Json
from .output import Column, print_json, print_note, print_table

Source = Annotated[
    str, typer.Option("--source", metavar="NAME", help="One of the setting state_keys; else the platform's.")
]

state_key = typer.Typer(help="The key that saved variables are encrypted with.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep state-key`."""
    app.add_typer(state_key, name="state-key", rich_help_panel=panels.MACHINE)


@state_key.command()
def show(source: Source = "", as_json: Json = False) -> None:
    """Tell where it lies, and the ids of the keys in it; never a key.

    Works in the data directory itself (NBKEEP_DATA) and needs no running service.
    """
    place = place_of(Settings.load(), source)
    ids = [key_id(one) for one in place.read()]
    if as_json:
        print_json({"file": str(place.where), "ids": ids})
        return
    print_note(str(place))
    uses = ["new sessions"] + ["those saved with it"] * (len(ids) - 1)
    print_table([Column("id", keep=True), Column("used for")], list(zip(ids, uses, strict=True)), "No key.")


@state_key.command()
def new(source: Source = "") -> None:
    """Make a new key; sessions that start from now on use it. Suspended ones go on with theirs.

    The new key is written in front of the others, or into a new file where there is none. Works in the data
    directory itself (NBKEEP_DATA) and needs no restart.

    Example: nbkeep state-key new
    """
    place = place_of(Settings.load(), source)
    made = key_id(place.add())
    print_note(
        f"The key {made} is the first of {len(place.read())} in {place}. Keep a copy apart from the data."
    )
