"""`nbkeep state-key`: the key that saved variables are encrypted with."""

from __future__ import annotations

import typer

from nbkeep.sessions.state_keys import add_secret, key_id, read_secrets
from nbkeep.settings import Settings

from . import panels
from .options import Json
from .output import Column, print_json, print_note, print_table

state_key = typer.Typer(help="The key that saved variables are encrypted with.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep state-key`."""
    app.add_typer(state_key, name="state-key", rich_help_panel=panels.MACHINE)


@state_key.command()
def show(as_json: Json = False) -> None:
    """Tell where it lies, and the ids of the keys in it; never a key.

    Works in the data directory itself (NBKEEP_DATA) and needs no running service.
    """
    settings = Settings.load()
    ids = [key_id(one) for one in read_secrets(settings)]
    if as_json:
        print_json({"file": str(settings.state_key_file), "ids": ids})
        return
    print_note(str(settings.state_key_file))
    uses = ["new sessions"] + ["those saved with it"] * (len(ids) - 1)
    print_table([Column("id", keep=True), Column("used for")], list(zip(ids, uses, strict=True)), "No key.")


@state_key.command()
def new() -> None:
    """Make a new key; sessions that start from now on use it. Suspended ones go on with theirs.

    The new key is written in front of the others, or into a new file where there is none. Works in the data
    directory itself (NBKEEP_DATA) and needs no restart.

    Example: nbkeep state-key new
    """
    settings = Settings.load()
    made = add_secret(settings)
    count = len(read_secrets(settings))
    print_note(
        f"The key {made} is the first of {count} in {settings.state_key_file}. "
        "Keep a copy apart from the data."
    )
