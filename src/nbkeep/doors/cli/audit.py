"""`nbkeep audit`: read, check and take out the record."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nbkeep.model.errors import Refused

from . import panels, words
from .audit_forward import forward
from .connect import office
from .files import write_whole
from .options import Json, Limit, complete_session, complete_user
from .output import Column, print_json, print_json_line, print_note, print_table

_POLL_S = 1.0

audit = typer.Typer(help="Read, check and take out the record of what happened.", no_args_is_help=True)

By = Annotated[str | None, typer.Option("--actor", autocompletion=complete_user, help="Only by this person.")]
Type = Annotated[str | None, typer.Option("--type", help="Only this kind, e.g. session.started.")]
OfSession = Annotated[
    str | None,
    typer.Option("--session", metavar="ID", autocompletion=complete_session, help="Only of this session."),
]


def register(app: typer.Typer) -> None:
    """Add `nbkeep audit`."""
    audit.add_typer(forward, name="forward")
    app.add_typer(audit, name="audit", rich_help_panel=panels.RECORD)


@audit.command()
def tail(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many of the newest to show.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as records are added, until Ctrl-C.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the newest records, oldest of them first."""
    with office() as api:
        newest = list(api.items("audit", limit=limit))[::-1]
        _print_records(newest, as_json=as_json, lines=follow)
        while follow:
            time.sleep(_POLL_S)
            last = newest[-1]["seq"] if newest else 0
            added: list[dict[str, Any]] = []
            for record in api.items("audit"):
                if record["seq"] <= last:
                    break
                added.append(record)
            _print_records(added[::-1], as_json=as_json, lines=True)
            newest = added[::-1] or newest


@audit.command()
def search(
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="Words that the record contains.")
    ] = None,
    actor: By = None,
    kind: Type = None,
    session: OfSession = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="From then on, e.g. 2026-11-01 or 24h (ago)."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")] = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Find records, newest first.

    Example: nbkeep audit search --actor jane --type session.started --since 7d
    """
    with office() as api:
        found = list(
            api.items(
                "audit",
                limit=limit,
                text=text,
                actor=actor,
                type=kind,
                session=session,
                since=words.past(since),
                until=words.past(until),
            )
        )
    _print_records(found, as_json=as_json)
    if not as_json and not found:
        print_note("Nothing found. `nbkeep audit tail` shows the newest records.")


@audit.command()
def verify(
    export_file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Check an export instead; needs no server.", dir_okay=False),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="The same as FILE.", dir_okay=False)
    ] = None,
    known_head: Annotated[
        str | None,
        typer.Option("--known-head", metavar="HASH", help="A hash noted earlier, which must occur."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="PUB", help="The public key that must have signed the export."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that no record was changed, removed or put in between.

    Ends with code 1 if one was. Prints the hash of the last record: note it elsewhere and give it as
    --known-head next time, so that even records computed anew from some point on are found.

    With --key it finds even a chain that somebody computed anew: the file must be signed, whole, by the key
    that `nbkeep audit key` printed.

    Example: nbkeep audit verify export.jsonl --key audit.pem
    """
    file = export_file or file
    if key and not file:
        raise typer.BadParameter("--key is for a FILE: the server checks with its own.")
    report = _verify_file(file, known_head, key) if file else _verify_office(known_head)
    if as_json:
        print_json(report)
    if not report["ok"]:
        raise Refused(
            "audit-broken",
            f"The record is BROKEN: {report['problem']}.",
            "Keep everything as it is, take a copy, and find out who could write to the database.",
        )
    if not as_json and report.get("signed_at"):
        print(f"Signed {words.moment(report['signed_at'])} UTC by the key that was given.")
    if not as_json:
        print(f"Intact: {report['count']} records, the last is number {report['seq']}.")
        print(f"Hash of the last one: {report['hash']}")


@audit.command()
def key(as_json: Json = False) -> None:
    """Print the public key that exports are signed with; keep it where nobody of this server can change it.

    Example: nbkeep audit key > audit.pem
    """
    with office() as api:
        found = api.get("audit/key")
    if as_json:
        print_json(found)
        return
    print("".join(one["pem"] for one in found), end="")


@audit.command()
def export(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this file (0600) instead of standard output."),
    ] = None,
    format_: Annotated[
        str,
        typer.Option("--format", metavar="jsonl|csv|ocsf", help="jsonl can be verified; ocsf is 1.7."),
    ] = "jsonl",
    text: Annotated[str | None, typer.Option("--text", help="Only records that contain these words.")] = None,
    actor: By = None,
    kind: Type = None,
    session: OfSession = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="From then on.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")] = None,
) -> None:
    """Write records as JSON lines, which `nbkeep audit verify` checks anywhere, as CSV or OCSF.

    Filters by person, kind, session or words leave records out: what is left is no chain to verify.

    Example: nbkeep audit export --format csv --actor jane --since 30d -o jane.csv
    """
    if format_ not in {"jsonl", "csv", "ocsf"}:
        raise typer.BadParameter("--format is jsonl, csv or ocsf.")
    is_chain = format_ == "jsonl" and not any((text, actor, kind, session))
    with office() as api:
        lines = api.lines("audit/export", format=format_, text=text, actor=actor, type=kind, session=session,
                          since=words.past(since), until=words.past(until))  # fmt: skip
        if output is None:
            for line in lines:
                print(line)
            return
        count = write_whole(output, lines)
    check = f" Check it anywhere with `nbkeep audit verify {output}`." if is_chain else ""
    print_note(f"{output}: {count} lines.{check}")


def _verify_office(known_head: str | None) -> dict[str, Any]:
    with office() as api:
        return api.get("audit/verify", known_head=known_head)


def _verify_file(file: Path, known_head: str | None, key: Path | None) -> dict[str, Any]:
    from nbkeep.audit.signing import read_public
    from nbkeep.audit.verify import verify_lines  # imports the database's library

    try:
        keys = read_public(key.read_bytes()) if key else []
        with file.open(encoding="utf-8", errors="surrogateescape") as lines:
            return asdict(verify_lines(lines, known_head, keys))
    except OSError as error:
        path = error.filename or file
        raise Refused("no-file", f"{path} cannot be read ({error.strerror}).", "Check the path.") from error


def _print_records(records: list[dict[str, Any]], *, as_json: bool, lines: bool = False) -> None:
    if as_json and lines:
        for record in records:
            print_json_line(record)
    elif as_json:
        print_json(records)
    elif records:
        columns = [
            Column("no", right=True),
            Column("when (UTC)", keep=True),
            Column("who"),
            Column("what", keep=True),
            Column("details"),
        ]
        rows = [
            (r["seq"], words.moment(r["at"]), r["actor"]["name"], r["type"], _details(r)) for r in records
        ]
        print_table(columns, rows, "")


def _details(record: dict[str, Any]) -> str:
    fields = {"session": record.get("session_id"), **record["data"]}
    return " ".join(f"{key}={value}" for key, value in fields.items() if value not in (None, ""))
