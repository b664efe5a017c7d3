"""`nbkeep export`: the configuration as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import panels
from .connect import office
from .files import write_whole
from .output import print_note


def register(app: typer.Typer) -> None:
    """Add `nbkeep export`."""
    app.command(rich_help_panel=panels.CONFIGURATION)(export)


def export(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this file (0600) instead of standard output."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of YAML.")] = False,
) -> None:
    """Write the configuration as a file that `nbkeep apply` takes.

    It holds no secret.

    Example: nbkeep export -o nbkeep.yaml
    """
    with office() as api:
        text = api.text("config", format="json" if as_json else "yaml").rstrip("\n")
    if output is None:
        print(text)
        return
    write_whole(output, text.split("\n"))
    print_note(f"Written to {output}. `nbkeep apply -f {output} --dry-run` compares it with what is there.")
