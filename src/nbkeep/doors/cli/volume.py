"""`nbkeep volume`: homes, what fills them, and their size."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import panels, words
from .connect import office, part
from .options import Json, Limit, UserName
from .output import Column, print_fields, print_json, print_note, print_table

volume = typer.Typer(help="Homes: their size, and what fills them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep volume`."""
    app.add_typer(volume, name="volume", rich_help_panel=panels.WORK)


@volume.command("list")
def list_volumes(limit: Limit = 200, as_json: Json = False) -> None:
    """List homes."""
    with office() as api:
        found = list(api.items("volumes", limit=limit))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("user", keep=True),
        Column("kind"),
        Column("size", right=True),
        Column("used", right=True),
        Column("free", right=True),
        Column("full", right=True),
    ]
    rows = [
        (
            v["user"],
            v.get("kind") or "-",
            _size(v),
            words.size(v.get("used_bytes")),
            _free(v),
            _percent(v),
        )
        for v in found
    ]
    print_table(columns, rows, "No homes yet: a home is made when its user's first session starts.")


@volume.command()
def show(user: UserName, as_json: Json = False) -> None:
    """Show one home."""
    with office() as api:
        _print(api.get(f"volumes/{part(user)}"), as_json=as_json)


@volume.command()
def usage(user: UserName, as_json: Json = False) -> None:
    """Show which folders and large files fill a home, and what could be cleaned."""
    with office() as api:
        found = api.get(f"volumes/{part(user)}/usage")
    if as_json:
        print_json(found)
        return
    rows = [(words.size(f["bytes"]), f["files"], f["path"]) for f in found["folders"]]
    print_table(
        [Column("bytes", right=True), Column("files", right=True), Column("folder")], rows, "It is empty."
    )
    if found["files"]:
        print()
        rows = [(words.size(f["bytes"]), f["path"]) for f in found["files"]]
        print_table([Column("bytes", right=True), Column("large file")], rows, "")
    if found["suggestions"]:
        print()
        rows = [(words.size(s["bytes"]), s["path"], s["why"]) for s in found["suggestions"]]
        print_table([Column("bytes", right=True), Column("could be cleaned"), Column("because")], rows, "")


@volume.command()
def classified(user: UserName, limit: Limit = 200, as_json: Json = False) -> None:
    """Show which files were changed since a session had read data above public, and of which class that was.

    Example: nbkeep volume classified jane
    """
    with office() as api:
        found = api.get(f"volumes/{part(user)}/classified", limit=min(limit, 1000))
    if as_json:
        print_json(found)
        return
    for one in found["whole"]:
        print_note(f"All of the home counts as {one['classification']}: {one['why']}.")
    columns = [Column("class", keep=True), Column("changed (UTC)"), Column("bytes", right=True),
               Column("session"), Column("file"), Column("note")]  # fmt: skip
    rows = [
        (one["classification"], words.moment(one["changed_at"]), words.size(one["bytes"]), one["session_id"],
         one["path"], one["note"])
        for one in found["items"]
    ]  # fmt: skip
    print_table(columns, rows, "No files: no session of theirs wrote any after it had read such data.")
    if found["next"]:
        print_note(f"The first {len(rows)} of {found['total']}; --limit shows up to 1000, the API all.")


@volume.command()
def resize(
    user: UserName,
    size: Annotated[str, typer.Argument(metavar="SIZE", help="The new size, e.g. 20GiB; it can only grow.")],
    as_json: Json = False,
) -> None:
    """Give a home more room, also while it is in use.

    Example: nbkeep volume resize jane 20GiB
    """
    with office() as api:
        changed = api.patch(f"volumes/{part(user)}", {"size": size})
    _print(changed, as_json=as_json)
    if not as_json:
        print_note("Running sessions see the new size at once.")


def _size(found: dict[str, Any]) -> str:
    """Return a home's size, also the one that it will have; a plain folder has none."""
    if found.get("kind") == "folder":
        return "no limit"
    return words.size(found["size_bytes"] or found["planned_size_bytes"])


def _free(found: dict[str, Any]) -> str:
    """Return what is free in a home; a plain folder shares the disk's with everything on it."""
    on_disk = " on disk" if found.get("kind") == "folder" else ""
    return f"{words.size(found.get('free_bytes'))}{on_disk}"


def _percent(found: dict[str, Any]) -> str:
    if not found.get("size_bytes") or found.get("used_bytes") is None:
        return "-"
    return f"{100 * found['used_bytes'] / found['size_bytes']:.0f}%"


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_fields(
        [
            ("user", found["user"]),
            ("kind", found.get("kind")),
            ("size", _size(found)),
            ("used", words.size(found.get("used_bytes"))),
            ("free", _free(found)),
            ("full", _percent(found)),
            ("note", found["problem"]),
        ]
    )
