"""`nbkeep apply`: make the configuration what a file says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nbkeep.model.errors import Refused

from . import panels
from .connect import office
from .options import Json, Yes
from .output import confirm, print_json, print_note

_LARGEST_CHARS = 4 << 20


def register(app: typer.Typer) -> None:
    """Add `nbkeep apply`."""
    app.command(rich_help_panel=panels.CONFIGURATION)(apply)


def apply(
    file: Annotated[
        Path, typer.Option("--file", "-f", help="YAML or JSON as `nbkeep export` writes it; - reads stdin.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make the configuration what a file says.

    All of it, in one step, or nothing.

    Example: nbkeep apply -f nbkeep.yaml --dry-run
    """
    text = _read(file)
    with office() as api:
        plan = _send(api, text, dry_run=True)
        if dry_run or not plan:
            _print(plan, as_json=as_json, title="Would change:")
            return
        if not as_json:
            _print(plan, as_json=False, title="Will change:")
        if any(change.get("action") == "delete" for change in plan):
            confirm("This deletes things. Apply it?", yes=yes)
        done = _send(api, text, dry_run=False)
    if as_json:
        print_json(done)
    else:
        print_note(f"Applied: {len(done)} changes.")


def _send(api: Any, text: str, *, dry_run: bool) -> list[dict[str, Any]]:
    answer = api.post_text("config", text, "application/yaml", dry_run="true" if dry_run else "false")
    return answer["changes"]


def _read(file: Path) -> str:
    try:
        text = sys.stdin.read(_LARGEST_CHARS + 1) if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            "no-file", f"{file} cannot be read ({error.__class__.__name__}).", "Check the path."
        ) from error
    if len(text) > _LARGEST_CHARS:
        raise Refused("file-too-large", f"{file} is larger than 4 MiB.", "Is it the right file?")
    return text


def _print(changes: list[dict[str, Any]], *, as_json: bool, title: str) -> None:
    if as_json:
        print_json(changes)
        return
    if not changes:
        print_note("Nothing to change: everything is as the file says.")
        return
    print_note(title)
    for change in changes:
        print(_words(change))


def _words(change: dict[str, Any]) -> str:
    line = f"  {change['action']} {change['kind']} {change['name']}"
    fields: dict[str, Any] = change.get("fields") or {}
    return line + "".join(f"\n      {key}: {_pair(value)}" for key, value in fields.items())


def _pair(value: Any) -> str:
    match value:
        case [before, after]:
            return f"{before} → {after}"  # pyright: ignore[reportUnknownVariableType]
        case _:
            return str(value)
