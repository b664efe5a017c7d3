"""`nbkeep image`: what kernels run in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nbkeep.model.errors import Refused
from nbkeep.settings import Settings

from . import panels, words
from .connect import office
from .options import Json, complete_image
from .output import Column, print_fields, print_json, print_note, print_table

image = typer.Typer(help="What kernels run in: Python and its packages.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep image`."""
    app.add_typer(image, name="image", rich_help_panel=panels.COMPUTE)


@image.command()
def build(
    name: Annotated[str, typer.Argument(metavar="IMAGE", help="The image, e.g. base.")] = "base",
) -> None:
    """Build an image on this machine from its lock file; new sessions use it at once.

    Works in the data directory itself (NBKEEP_DATA) and needs no running service.

    Example: nbkeep image build base
    """
    from nbkeep.backends.local.images import build_image  # works on this machine, so seldom needed

    built: dict[str, Any] = build_image(Settings.load().data_dir, name)
    print_note(f"The image {name} is ready ({built['digest'][:19]}): {len(built['packages'])} packages.")


@image.command("list")
def list_images(as_json: Json = False) -> None:
    """List images."""
    with office() as api:
        found = list(api.items("images"))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("name", keep=True),
        Column("python"),
        Column("packages", right=True),
        Column("built (UTC)"),
        Column("digest"),
    ]
    rows = [
        (
            i["name"],
            i["python"] or "-",
            len(i["packages"]),
            words.moment(i["built_at"]) if i["is_built"] else "not yet",
            i["digest"][:19],
        )
        for i in found
    ]
    print_table(columns, rows, "No images yet. Build one: `nbkeep image build base`.")


@image.command()
def show(
    name: Annotated[str, typer.Argument(metavar="IMAGE", autocompletion=complete_image, help="The image.")],
    as_json: Json = False,
) -> None:
    """Show an image and its packages."""
    with office() as api:
        found: dict[str, Any] | None = next((i for i in api.items("images") if i["name"] == name), None)
    if found is None:
        raise Refused(
            "image-not-found", f"There is no image {name!r}.", "See `nbkeep image list`.", status=404
        )
    if as_json:
        print_json(found)
        return
    print_fields(
        [
            ("name", found["name"]),
            ("digest", found["digest"]),
            ("python", found["python"]),
            ("built", words.moment(found["built_at"])),
        ]
    )
    print()
    rows = [(package["name"], package["version"]) for package in found["packages"]]
    print_table([Column("package", keep=True), Column("version")], rows, "It has no packages.")
