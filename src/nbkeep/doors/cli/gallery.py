"""`nbkeep gallery`: what people published for you."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import panels, words
from .connect import office
from .options import Json, Limit, given
from .output import Column, print_json, print_table

gallery = typer.Typer(
    help="Documents that people published for you, each as it was released.", no_args_is_help=True
)
Tag = Annotated[str | None, typer.Option("--tag", help="Only with this tag.")]
Project = Annotated[str | None, typer.Option("--project", help="Only for this project of yours.")]
Owner = Annotated[str | None, typer.Option("--owner", help="Only of this person.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep gallery`."""
    app.add_typer(gallery, name="gallery", rich_help_panel=panels.WORK)


@gallery.command("list")
def list_gallery(
    tag: Tag = None, project: Project = None, owner: Owner = None, limit: Limit = 50, as_json: Json = False
) -> None:
    """List what is published for you, newest first.

    Example: nbkeep gallery list --project orion
    """
    _print(limit, given(tag=tag, project=project, owner=owner), as_json=as_json)


@gallery.command()
def search(
    text: Annotated[list[str], typer.Argument(metavar="WORD…", help="In title, description, tags, owner.")],
    tag: Tag = None,
    project: Project = None,
    owner: Owner = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Look for documents that have all these words.

    Example: nbkeep gallery search churn europe --tag q3
    """
    sought = given(find=" ".join(text), tag=tag, project=project, owner=owner)
    _print(limit, sought, as_json=as_json)


def _print(limit: int, sought: dict[str, Any], *, as_json: bool) -> None:
    with office() as api:
        found = list(api.items("gallery", limit=limit, **sought))
    if as_json:
        print_json(found)
        return
    columns = [Column("id", keep=True), Column("title"), Column("owner"), Column("class"), Column("tags"),
               Column("released (UTC)")]  # fmt: skip
    rows: list[Any] = [
        (one["id"], one["title"], one["owner"], one["classification"], ", ".join(one["tags"]),
         words.moment(one["released_at"]))
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "Nothing fits." if sought else "Nothing is published for you yet.")
