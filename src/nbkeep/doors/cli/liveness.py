"""`nbkeep liveness`: whether keys that are found still work, asked of their providers."""

from __future__ import annotations

from typing import Annotated

import typer

from nbkeep.model.errors import invalid

from . import panels, words
from .connect import office
from .options import Json
from .output import Column, print_json, print_note, print_table

_ALSO_AT_HOME = {"github": "a GitHub Enterprise", "gitlab": "a GitLab"}
_HELP = """Whether keys that are found in documents still work: asked of their providers, by the office.

Off until it is turned on for a provider. Reviewers see what came of it; no value is kept or shown.
"""
liveness = typer.Typer(help=_HELP, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep liveness`."""
    app.add_typer(liveness, name="liveness", rich_help_panel=panels.COMPUTE)


@liveness.command("set")
def set_liveness(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="As `nbkeep liveness list` names it.")],
    state: Annotated[str, typer.Argument(metavar="on|off", help="Whether it is asked.")],
) -> None:
    """Turn asking a provider on or off. The key is sent to it, in one request that reads who it belongs to.

    Example: nbkeep liveness set github on
    """
    if state not in {"on", "off"}:
        raise invalid("state", f"{state[:60]!r} is neither on nor off.", "Write on or off.")
    with office() as api:
        api.put(f"liveness/{provider}", {"on": state == "on"})
    if state == "off":
        print_note(f"{provider} is not asked.")
        return
    print_note(f"{provider} is asked from now on: keys that look like its own are sent to it.")
    if provider in _ALSO_AT_HOME:
        print_note(f"So are tokens of {_ALSO_AT_HOME[provider]} of your own, which look the same.")


@liveness.command("list")
def list_liveness(as_json: Json = False) -> None:
    """List who can be asked, and who is."""
    with office() as api:
        found = api.get("liveness")["items"]
    if as_json:
        print_json(found)
        return
    columns = [Column("provider", keep=True), Column("asked", keep=True), Column("about"), Column("set by")]
    rows = [
        (one["name"], "on" if one["on"] else "off", ", ".join(one["rules"]),
         f"{one['set_by']}, {words.moment(one['set_at'])}" if one["on"] else "")
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "")
