"""`nbkeep upload`: how what programs send to hosts is treated."""

from __future__ import annotations

from typing import Annotated

import typer

from . import panels, words
from .connect import office
from .options import Json, Yes
from .output import Column, confirm, print_json, print_note, print_table

_HELP = """How what programs of sessions send to hosts is treated.

examined: as the policies for the gate upload say (`nbkeep policy set --gate upload …`), which is so for all
hosts that nothing is set for. trusted: it is not read. closed: programs may only ask for something there.
"""
upload = typer.Typer(help=_HELP, no_args_is_help=True)

Host = Annotated[
    str, typer.Argument(metavar="HOST", help="A name, *.name for all below it, a network, or * for all.")
]


def register(app: typer.Typer) -> None:
    """Add `nbkeep upload`."""
    app.add_typer(upload, name="upload", rich_help_panel=panels.COMPUTE)


@upload.command("set")
def set_upload(
    host: Host,
    treatment: Annotated[
        str, typer.Argument(metavar="TREATMENT", help="examined, trusted or closed.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Set how uploads to a host are treated; running sessions know within a second.

    Example: nbkeep upload set '*.acme.local' trusted
    """
    with office() as api:
        found = api.patch("uploads", {"host": host, "treatment": treatment})
    if as_json:
        print_json(found)
        return
    print_note(f"{found['host']}: {found['words']}.")


@upload.command("unset")
def unset_upload(host: Host, yes: Yes = False) -> None:
    """Take away what is set for a host: what is set for something wider holds, or it is examined.

    Example: nbkeep upload unset '*.acme.local'
    """
    confirm(f"Unset how uploads to {host} are treated?", yes=yes)
    with office() as api:
        api.delete("uploads", host=host)
    print_note(f"Unset: {host}.")


@upload.command("list")
def list_uploads(as_json: Json = False) -> None:
    """List what is set; all other hosts are examined."""
    with office() as api:
        found = api.get("uploads")["items"]
    if as_json:
        print_json(found)
        return
    columns = [Column("host", keep=True), Column("uploads", keep=True), Column("set by")]
    rows = [
        (one["host"], one["treatment"], f"{one['set_by']}, {words.moment(one['set_at'])}") for one in found
    ]
    print_table(columns, rows, "Nothing is set: all hosts are examined, where a policy asks for that.")


@upload.command()
def explain(host: Host, as_json: Json = False) -> None:
    """Tell how uploads to a host are treated, and which entry says so.

    Example: nbkeep upload explain api.acme.local
    """
    with office() as api:
        found = api.get("uploads/explain", host=host)
    if as_json:
        print_json(found)
        return
    by = f"by the entry {found['by']}" if found["by"] else "nothing is set for it"
    print_note(f"{found['host']}: {found['treatment']} ({by}): {found['words']}.")
