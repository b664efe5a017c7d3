"""`nbkeep inspect`: what a notebook or a script would do if it were run. Works without a server."""

from __future__ import annotations

import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nbkeep.model.errors import NbkeepError, invalid

from . import panels
from .options import Json
from .output import clean, print_error, print_json, print_note

if TYPE_CHECKING:
    from nbkeep.foresight.values import Foreseen

FOUND, NOT_KNOWN = 1, 2


class Weight(StrEnum):
    """From which weight on an act ends the command with 1."""

    DANGEROUS = "dangerous"
    NOTABLE = "notable"
    ORDINARY = "ordinary"


def register(app: typer.Typer) -> None:
    """Add `nbkeep inspect`."""
    app.command("inspect", rich_help_panel=panels.RECORD)(inspect)


def inspect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE|-", help="A notebook or a script; - reads standard input.")
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What standard input is called, such as plan.ipynb.")
    ] = "",
    fail_on: Annotated[
        Weight, typer.Option("--fail-on", help="From which weight on this ends with 1.")
    ] = Weight.DANGEROUS,
    as_json: Json = False,
) -> None:
    """List what a notebook or a script would do if it were run: by cell and line, the heaviest first.

    Nothing of it is run and nothing is sent anywhere. Ends with 0 when nothing dangerous was found, 1 when
    something was, and 2 when something could not be read or the command itself is wrong.

    Example: nbkeep inspect downloaded.ipynb
    """
    try:
        code = _inspect(file, name, fail_on, as_json=as_json)
    except NbkeepError as error:
        # Not 1, which says that the content is to blame.
        print_error(error.message, error.remedy)
        code = NOT_KNOWN
    raise typer.Exit(code)


def _inspect(file: Path, name: str, fail_on: Weight, *, as_json: bool) -> int:
    from nbkeep.foresight.job import foresee_here
    from nbkeep.foresight.look import LARGEST

    if str(file) != "-":
        if not file.is_file():
            raise invalid("file", f"There is no file {clean(file)}.", "Name a notebook or a script.")
        return _told(foresee_here(file.absolute(), name or file.name), file.name, fail_on, as_json=as_json)
    with tempfile.NamedTemporaryFile() as copy:
        data = sys.stdin.buffer.read(LARGEST + 1)
        copy.write(data)
        copy.flush()
        return _told(foresee_here(Path(copy.name), name), name or "standard input", fail_on, as_json=as_json)


def _told(found: Foreseen, name: str, fail_on: Weight, *, as_json: bool) -> int:
    from nbkeep.foresight import report, wire
    from nbkeep.foresight.values import WEIGHTS

    if as_json:
        told: dict[str, Any] = {"file": name, **wire.as_json(found), "summary": report.summary(found)}
        print_json(told)
    else:
        for line in report.as_text(found, name, clean, colours=sys.stdout.isatty()):
            print(line)
    if any(found.count(weight) for weight in WEIGHTS[: WEIGHTS.index(fail_on) + 1]):
        return FOUND
    if found.problem or any(not one.partly for one in found.not_read):
        print_note("Something could not be read, so this ends with 2.")
        return NOT_KNOWN
    return 0
