"""`nbkeep rules`: what an organisation has found beside what nbkeep finds by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nbkeep.model.errors import invalid

from . import panels, words
from .connect import office
from .options import Json, Yes
from .output import Column, clean, confirm, print_json, print_note, print_table

_HELP = """Own rules: what an organisation has found in documents, beside what nbkeep finds by itself.

They hold while saving and at every gate. `nbkeep scan --rules FILE` takes the same file without a server.
"""
rules = typer.Typer(help=_HELP, no_args_is_help=True)
_MOST_BYTES = 2 << 20
_MOST_NAMED = 5


def register(app: typer.Typer) -> None:
    """Add `nbkeep rules`."""
    app.add_typer(rules, name="rules", rich_help_panel=panels.COMPUTE)


@rules.command("set")
def set_rules(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rules (TOML); - is standard input.")],
    as_json: Json = False,
) -> None:
    """Have every document examined by the rules of a file, too; they take the place of earlier ones.

    The file is tried first: one with a mistake, or one that is too slow, is refused, and nothing changes.

    Example: nbkeep rules set acme-rules.toml
    """
    text = _text(file)
    with office() as api:
        found = api.put("rules", {"text": text})
    if as_json:
        print_json(found)
        return
    count = len(found["rules"])
    said = "1 rule holds" if count == 1 else f"{count} rules hold"
    print_note(f"{said} from now on, in running sessions, too.")
    if named := [clean(one["id"]) for one in found["rules"] if one.get("ignores_names")]:
        some = ", ".join(named[:_MOST_NAMED])
        others = f" and {len(named) - _MOST_NAMED} others" if len(named) > _MOST_NAMED else ""
        print_note(
            "`path` and `paths` count for nothing there, as authors choose names: "
            f"{some}{others} hold in all documents."
        )


@rules.command()
def show(
    toml: Annotated[bool, typer.Option("--toml", help="Print the file as it was set.")] = False,
    as_json: Json = False,
) -> None:
    """Show the rules that hold, and who set them."""
    with office() as api:
        found = api.get("rules")
    if as_json:
        print_json(found)
    elif toml:
        sys.stdout.write(found["text"])
    else:
        columns = [Column("rule", keep=True), Column("kind"), Column("severity"), Column("title")]
        rows = [(one["id"], one["kind"], one["severity"], one["title"]) for one in found["rules"]]
        print_table(columns, rows, "There are no own rules: `nbkeep rules set FILE` sets them.")
        if found["is_set"]:
            print_note(f"Set by {clean(found['set_by'])}, {words.moment(found['set_at'])}.")


@rules.command()
def unset(yes: Yes = False) -> None:
    """Take the own rules away: what they found is found no more, in running sessions, too."""
    confirm("This takes all own rules away: the built-in ones alone hold. Go on?", yes=yes)
    with office() as api:
        removed = api.delete("rules")["removed"]
    print_note("Unset." if removed else "There were none.")


@rules.command("test")
def try_rules(
    sample: Annotated[Path, typer.Argument(metavar="SAMPLE", help="A file of text; - is standard input.")],
    file: Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="Try these instead of those that hold."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what would be found in a sample, masked. It is sent to the office, and nothing of it is kept.

    Example: nbkeep rules test sample.py --rules acme-rules.toml
    """
    body: dict[str, Any] = {
        "sample": _text(sample),
        "name": "sample.txt" if str(sample) == "-" else sample.name,
    }
    if file is not None:
        body["text"] = _text(file)
    with office() as api:
        told = api.post("rules/test", body)
    if as_json:
        print_json(told)
        return
    columns = [
        Column("line", keep=True), Column("rule", keep=True), Column("by"), Column("severity"),
        Column("title"), Column("value"),
    ]  # fmt: skip
    rows = [
        (str(one["line"]), one["rule"], "own" if one["is_own"] else "nbkeep", one["severity"], one["title"],
         one["masked"])
        for one in told["found"]
    ]  # fmt: skip
    print_table(columns, rows, "Nothing is found in it.")
    for reason in told["unread"]:
        print_note(f"It {clean(reason)}.")


def _text(file: Path) -> str:
    try:
        if str(file) == "-":
            return sys.stdin.read(_MOST_BYTES + 1)
        if file.stat().st_size > _MOST_BYTES:
            raise invalid("file", f"{file} has more than {_MOST_BYTES >> 20} MiB.", "Name a smaller one.")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise invalid("file", f"{file} cannot be read: {error.strerror}.", "Name a file.") from error
    except UnicodeDecodeError as error:
        raise invalid("file", f"{file} is no text in UTF-8.", "Name another file.") from error
