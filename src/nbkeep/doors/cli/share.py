"""`nbkeep share`: released documents that others may look at, until when, and who has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nbkeep.model.units import format_size

from . import panels, words
from .connect import office, part
from .files import write_whole_bytes
from .options import Json, Limit, Yes, given
from .output import Column, confirm, print_fields, print_json, print_note, print_table

_HELP = """Released documents that others may look at: for whom, until when, and who has looked.

A document is shared by a release; here shares are seen, shortened and ended.
"""
share = typer.Typer(help=_HELP, no_args_is_help=True)
Which = Annotated[str, typer.Argument(metavar="ID", help="As `nbkeep share list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep share`."""
    app.add_typer(share, name="share", rich_help_panel=panels.WORK)


@share.command("list")
def list_shares(
    with_me: Annotated[bool, typer.Option("--with-me", help="What others share with you by a link.")] = False,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody's; admins may.")] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List what you share, also what is over; newest first.

    Example: nbkeep share list --with-me
    """
    which = "all" if everybody else "with-me" if with_me else "mine"
    with office() as api:
        found = list(api.items("shares", limit=limit, which=which))
    if as_json:
        print_json(found)
        return
    if which == "with-me":
        columns = [Column("id", keep=True), Column("title"), Column("owner"), Column("class"),
                   Column("until (UTC)")]  # fmt: skip
        rows: list[Any] = [
            (one["id"], one["title"], one["owner"], one["classification"], words.moment(one["expires_at"]))
            for one in found
        ]
        print_table(columns, rows, "Nothing is shared with you by a link. See `nbkeep gallery list`, too.")
        return
    columns = [Column("id", keep=True), Column("state"), Column("title"), Column("owner"), Column("for"),
               Column("views", right=True), Column("until (UTC)")]  # fmt: skip
    rows = [
        (one["id"], one["state"], one["title"], one["owner"], ", ".join(one["audience"]), one["views"],
         words.moment(one["expires_at"]))
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "Nothing is shared. A release shares a document.")


@share.command()
def show(which: Which, as_json: Json = False) -> None:
    """Show a share of yours: its link, whom it is for, until when."""
    with office() as api:
        found = api.get(f"shares/{part(which)}")
    if as_json:
        print_json(found)
        return
    ended = f"by {found['revoked_by']}, {words.moment(found['revoked_at'])} (UTC): {found['revoke_reason']}"
    print_fields(
        [
            ("id", found["id"]),
            ("title", found["title"]),
            ("description", found["description"] or None),
            ("tags", ", ".join(found["tags"]) or None),
            ("owner", found["owner"]),
            ("state", found["state"]),
            ("ended", ended if found["revoked_at"] else None),
            ("kind", found["kind"]),
            ("for", ", ".join(found["audience"])),
            ("form", found["form"]),
            ("class", found["classification"]),
            ("sha256", found["sha256"]),
            ("release", found["release_id"]),
            ("released", f"{words.moment(found['released_at'])} (UTC)"),
            ("until", f"{words.moment(found['expires_at'])} (UTC)"),
            ("views", found["views"]),
            ("link", found["url"]),
            ("link for anyone", found["anyone_url"]),
        ]
    )


@share.command()
def views(which: Which, limit: Limit = 50, as_json: Json = False) -> None:
    """List who was given the document of a share, newest first."""
    with office() as api:
        found = list(api.items(f"shares/{part(which)}/views", limit=limit))
    if as_json:
        print_json(found)
        return
    columns = [Column("at (UTC)"), Column("who", keep=True), Column("how"), Column("times", right=True),
               Column("from")]  # fmt: skip
    rows: list[Any] = [
        (words.moment(one["at"]), one["viewer"], one["way"], one["times"], one["address"]) for one in found
    ]
    print_table(columns, rows, "Nobody has looked yet.")


@share.command()
def get(
    which: Which,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write to this file (0600); else ID.share, here.")
    ] = None,
) -> None:
    """Download a document that is shared with you. That you did is recorded, and its owner sees it.

    Example: nbkeep share get shr_06f3k2m9q1x8d4ztw7ha -o churn.html
    """
    path = out or Path(f"{which[:30].replace('/', '_')}.share")
    with office() as api:
        size = write_whole_bytes(path, api.chunks(f"shares/{part(which)}/file"))
    print_note(f"{path}: {format_size(size)}. Open it where you trust it: outside of the portal scripts run.")


@share.command()
def shorten(
    which: Which,
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="2026-12-01, 2026-12-01T18:00 (UTC), or 8h.")
    ],
) -> None:
    """Bring the end of a share forward; a later one needs another release.

    Example: nbkeep share shorten shr_06f3k2m9q1x8d4ztw7ha --until 8h
    """
    with office() as api:
        found = api.patch(f"shares/{part(which)}", {"expires_at": words.future(until)})
    print_note(f"“{found['title']}” is shared until {words.moment(found['expires_at'])} (UTC).")


@share.command()
def revoke(
    which: Which,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why: for the record, and for its owner.")
    ] = None,
    yes: Yes = False,
) -> None:
    """End a share at once: nobody is given the document any more.

    Example: nbkeep share revoke shr_06f3k2m9q1x8d4ztw7ha --reason "wrong figures"
    """
    with office() as api:
        found = api.get(f"shares/{part(which)}")
        confirm(f"End “{found['title']}” of {found['owner']}, seen {found['views']} times?", yes=yes)
        api.post(f"shares/{part(which)}/revoke", given(reason=reason))
    print_note(f"“{found['title']}” is shared no more.")
