"""`nbkeep classification`: what sessions that carry a class of data may still reach."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import panels
from .connect import office, part
from .options import Json, given, require_some
from .output import Column, print_json, print_table

_HELP = """Classes of data: public, internal, confidential, pii; each with rules of the network.

A session carries the highest class of what it has read. The rules of that class and of those below it take
from what it may reach; they open nothing.
"""
classification = typer.Typer(help=_HELP, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep classification`."""
    app.add_typer(classification, name="classification", rich_help_panel=panels.COMPUTE)


@classification.command("list")
def list_classes(as_json: Json = False) -> None:
    """List the classes, the lowest first, with their rules."""
    with office() as api:
        found = list(api.items("classifications"))
    if as_json:
        print_json(found)
        return
    _print(found)


@classification.command("set")
def set_class(
    name: Annotated[str, typer.Argument(metavar="CLASS", help="public, internal, confidential or pii.")],
    public_internet: Annotated[
        bool | None,
        typer.Option(
            "--public-internet/--no-public-internet",
            help="Whether the public internet stays open where a profile opens it.",
        ),
    ] = None,
    egress_only: Annotated[
        str | None,
        typer.Option(
            "--egress-only",
            metavar="HOSTS",
            help="All that is left of what they may reach; +HOST adds; none: no such limit.",
        ),
    ] = None,
    egress_denylist: Annotated[
        str | None,
        typer.Option("--egress-denylist", metavar="HOSTS", help="What they may never reach; or none."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change the rules of a class; running sessions that carry it have them within a second.

    Example: nbkeep classification set confidential --no-public-internet --egress-denylist '*.dropbox.com'
    """
    fields = given(public_internet=public_internet, egress_only=egress_only, egress_denylist=egress_denylist)
    require_some(fields, "for example --no-public-internet; see --help")
    with office() as api:
        found = api.patch(f"classifications/{part(name)}", fields)
    if as_json:
        print_json(found)
        return
    _print([found])


def _print(found: list[dict[str, Any]]) -> None:
    columns = [Column("class", keep=True), Column("public internet"), Column("only"), Column("refused")]
    rows = [
        (
            one["name"],
            "as the profile says" if one["public_internet"] else "closed",
            ", ".join(one["egress_only"]) or "all that is allowed",
            ", ".join(one["egress_denylist"]) or "nothing more",
        )
        for one in found
    ]
    print_table(columns, rows, "No classes.")
