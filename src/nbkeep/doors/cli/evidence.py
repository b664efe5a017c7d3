"""`nbkeep evidence`: signed packs of what is on record, told by the controls of a framework."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nbkeep.model.errors import Refused
from nbkeep.model.units import format_size

from . import panels, words
from .connect import office
from .files import write_whole_bytes
from .options import Json, Limit
from .output import Column, print_json, print_note, print_table

if TYPE_CHECKING:
    from .client import Api

_POLL_S = 0.5
_FRAMEWORKS = ("nist-csf-2.0", "owasp-nhi", "nist-800-207")

evidence = typer.Typer(help="Signed packs of what is on record, for auditors.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep evidence`."""
    app.add_typer(evidence, name="evidence", rich_help_panel=panels.RECORD)


@evidence.command()
def build(
    framework: Annotated[
        str, typer.Option("--framework", metavar="|".join(_FRAMEWORKS), help="Whose controls.")
    ],
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="First day (UTC), e.g. 2026-10-01.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="Last day (UTC), e.g. 2026-10-31.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Download it to this file (0600) when it is done.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Build a pack, wait until it is done, and download it with --out.

    It is made in the background: after Ctrl-C it is made all the same, and `nbkeep evidence list` shows it.

    Example: nbkeep evidence build --framework nist-csf-2.0 --from 2026-10-01 --to 2026-10-31 --out oct.zip
    """
    with office() as api:
        made = api.post("evidence", {"framework": framework, "from": first, "to": last})
        if not as_json:
            print_note(f"{made['id']}: being made.")
        while made["state"] in {"waiting", "building"}:
            time.sleep(_POLL_S)
            made = api.get(f"evidence/{made['id']}")
        if made["state"] == "failed":
            raise Refused("evidence-failed", f"The pack was not made: {made['problem']}")
        if out:
            _fetch(api, made, out, quiet=as_json)
    if as_json:
        print_json(made)
        return
    print(f"{made['covered']} covered, {made['partly']} partly, {made['not_covered']} not covered.")
    if not out:
        print_note(f"Get it with `nbkeep evidence download {made['id']}`.")


@evidence.command("list")
def list_packs(limit: Limit = 50, as_json: Json = False) -> None:
    """List packs, newest first."""
    with office() as api:
        found = list(api.items("evidence", limit=limit))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("id", keep=True),
        Column("framework"),
        Column("from"),
        Column("to"),
        Column("state"),
        Column("covered", right=True),
        Column("partly", right=True),
        Column("not", right=True),
        Column("asked (UTC)"),
        Column("by"),
        Column("size", right=True),
    ]
    rows = [
        (
            one["id"],
            one["framework"],
            one["from"],
            one["to"],
            one["state"],
            one["covered"],
            one["partly"],
            one["not_covered"],
            words.moment(one["asked_at"]),
            one["asked_by"],
            format_size(one["size_bytes"]),
        )
        for one in found
    ]
    print_table(columns, rows, "No pack yet. `nbkeep evidence build` makes one.")
    for one in found:
        if one["problem"]:
            print_note(f"{one['id']}: {one['problem']}")


@evidence.command()
def download(
    evidence_id: Annotated[str, typer.Argument(metavar="ID", help="As `nbkeep evidence list` shows it.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write to this file (0600); else its own name, here.")
    ] = None,
) -> None:
    """Download a pack. That a copy was taken is recorded."""
    with office() as api:
        _fetch(api, api.get(f"evidence/{evidence_id}"), out)


@evidence.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The pack, as a ZIP.", dir_okay=False)],
    key: Annotated[
        Path, typer.Option("--key", metavar="PUB", help="The public key that `nbkeep audit key` printed.")
    ],
    as_json: Json = False,
) -> None:
    """Check a pack with nothing but the file and the public key; needs no server.

    Ends with code 1 and says what is wrong if a file in it was edited, removed, added or renamed, if a record
    does not fit its hash, or if another key signed it.

    Example: nbkeep evidence verify october.zip --key audit.pem
    """
    from nbkeep.audit.signing import read_public
    from nbkeep.evidence.check import check  # imports the database's library

    try:
        verdict = check(file, read_public(key.read_bytes()))
    except OSError as error:
        path = error.filename or file
        raise Refused("no-file", f"{path} cannot be read ({error.strerror}).", "Check the path.") from error
    if as_json:
        print_json(asdict(verdict))
    if not verdict.ok:
        raise Refused(
            "evidence-broken",
            f"Not verified: {verdict.problem}.",
            "Do not use it. Ask for the pack anew, and for the key by another way.",
        )
    if as_json:
        return
    about, counts = verdict.about, verdict.counts
    print(f"Verified: {about['framework']}, {about['from']} to {about['to']}.")
    print(f"Signed {words.moment(verdict.made_at)} UTC by the key that was given.")
    print(f"{counts['covered']} covered, {counts['partly']} partly, {counts['not covered']} not covered.")
    print(
        f"{verdict.records} records and {verdict.checkpoints} checkpoints fit; the last record is number "
        f"{verdict.last_seq}:"
    )
    print(verdict.last_hash)


def _fetch(api: Api, pack: dict[str, Any], out: Path | None, *, quiet: bool = False) -> None:
    path = out or Path(pack["filename"])
    size = write_whole_bytes(path, api.chunks(f"evidence/{pack['id']}/file"))
    if not quiet:
        check = f"nbkeep evidence verify {path} --key audit.pem"
        print_note(f"{path}: {format_size(size)}. Check it anywhere with `{check}`.")
