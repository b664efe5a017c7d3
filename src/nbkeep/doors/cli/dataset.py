"""`nbkeep dataset`: the catalogue of datasets."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import panels
from .asking import ForDuration, ForProfile, ForSession, ask_for
from .connect import office, part
from .options import Json, Yes, given
from .output import Column, confirm, print_fields, print_json, print_note, print_table

_HELP = """Datasets that have a name, a class, a purpose and an owner, read-only in sessions.

A program in a session reads http://NAME.data.nbkeep/KEY. The sample is open to all sessions of profiles that
are cleared for the class; the whole needs a grant, which the owner decides about.
"""
dataset = typer.Typer(help=_HELP, no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset's name.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep dataset`."""
    app.add_typer(dataset, name="dataset", rich_help_panel=panels.PEOPLE)


@dataset.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    s3: Annotated[
        str, typer.Option("--s3", metavar="s3://BUCKET/PREFIX", help="What lies below it is read.")
    ],
    classification: Annotated[
        str, typer.Option("--classification", help="public, internal, confidential or pii.")
    ],
    owner: Annotated[str, typer.Option("--owner", metavar="USER", help="Who decides about requests.")],
    purpose: Annotated[str, typer.Option("--purpose", help="What the data is for.")],
    samples: Annotated[
        list[str] | None,
        typer.Option("--sample", metavar="PATTERN", help="Keys that need no grant; repeat."),
    ] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", metavar="SECRET", help="The keys that read it.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", help="Of the bucket, like eu-central-1.")] = None,
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", metavar="https://HOST", help="A server that speaks S3, if not AWS's own."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish a dataset; sessions that run may read what is theirs within a second.

    Example: nbkeep dataset add sales --s3 s3://lake/sales --classification confidential --owner jane
    --purpose 'quarterly report' --secret lake --sample '2026-01/*.parquet'
    """
    wanted = given(name=name, s3=s3, classification=classification, owner=owner, purpose=purpose,
                   samples=samples, secret=secret, region=region, endpoint=endpoint)  # fmt: skip
    with office() as api:
        found = api.post("datasets", wanted)
    if as_json:
        print_json(found)
        return
    print_note(f"{found['name']} is {found['address']} in sessions.")
    if not found["samples"]:
        print_note("It has no sample (--sample): nothing of it is read without a grant.")


@dataset.command("list")
def list_datasets(as_json: Json = False) -> None:
    """List the catalogue."""
    with office() as api:
        found = list(api.items("datasets"))
    if as_json:
        print_json(found)
        return
    columns = [Column("name", keep=True), Column("class", keep=True), Column("owner"), Column("sample"),
               Column("purpose")]  # fmt: skip
    rows: list[Any] = [
        (one["name"], one["classification"], one["owner"], "yes" if one["samples"] else "no", one["purpose"])
        for one in found
    ]
    print_table(columns, rows, "No datasets. An admin publishes one: `nbkeep dataset add`.")


@dataset.command()
def show(which: Which, as_json: Json = False) -> None:
    """Show what a dataset is, how one reads it, and whom to ask."""
    with office() as api:
        found = api.get(f"datasets/{part(which)}")
    if as_json:
        print_json(found)
        return
    print_fields(
        [
            ("name", found["name"]),
            ("id", found["id"]),
            ("class", found["classification"]),
            ("purpose", found["purpose"]),
            ("owner", found["owner"]),
            ("in sessions", found["address"]),
            ("sample", ", ".join(found["samples"]) or "none"),
            ("lies in", found["place"] or "(told to its owner and admins)"),
            ("server", found["endpoint"] or ""),
            ("secret", found["secret"] or ""),
            ("keys", "" if found["has_keys"] else "missing: their secret has ended"),
        ]
    )


@dataset.command()
def request(
    which: Which,
    reason: Annotated[str, typer.Option("--reason", help="What for; its owner reads it.")],
    session: ForSession = None,
    profile: ForProfile = None,
    duration: ForDuration = "2h",
    as_json: Json = False,
) -> None:
    """Ask for the whole of a dataset. Its owner decides; access ends by itself.

    Example: nbkeep dataset request sales --session ses_… --reason 'totals of the quarter' --for 2h
    """
    ask_for(
        {"dataset": which}, who="Its owner", session=session, profile=profile, reason=reason,
        duration=duration, as_json=as_json,
    )  # fmt: skip


@dataset.command()
def remove(
    which: Which,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record.")] = None,
    yes: Yes = False,
) -> None:
    """Take a dataset out; what is being read is cut. Its objects and its secret stay."""
    confirm(f"Take {which} out of the catalogue? Work that reads it fails.", yes=yes)
    with office() as api:
        api.delete(f"datasets/{part(which)}", **given(reason=reason))
    print_note(f"{which} is not in the catalogue any more.")
