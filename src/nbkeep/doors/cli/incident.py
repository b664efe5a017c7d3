"""`nbkeep incident`: see what could be reached, stop it in one step, keep the evidence."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nbkeep.model.errors import Refused
from nbkeep.model.units import format_size

from . import panels, words
from .connect import office, part
from .files import write_whole_bytes
from .options import Json, Yes, complete_secret, complete_session, complete_user
from .output import Column, confirm, print_fields, print_json, print_note, print_table

if TYPE_CHECKING:
    from collections.abc import Iterable

incident = typer.Typer(help="Security incidents: freeze, revoke, keep evidence.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="INCIDENT", help="An incident's id.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep incident`."""
    app.add_typer(incident, name="incident", rich_help_panel=panels.RECORD)


@incident.command("open")
def open_incident(
    user: Annotated[
        str | None, typer.Option("--user", autocompletion=complete_user, help="About a person.")
    ] = None,
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="ID", autocompletion=complete_session, help="About a session."),
    ] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", autocompletion=complete_secret, help="About a secret.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; admins and auditors read it.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the blast radius.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Show what it could and did reach; then, once you agree, freeze, revoke and keep evidence.

    Nothing is changed before you agree.

    Example: nbkeep incident open --user jane --reason "laptop stolen, ticket 4711"
    """
    given = {kind: name for kind, name in (("user", user), ("session", session), ("secret", secret)) if name}
    if len(given) != 1:
        raise typer.BadParameter("Say what it is about: one of --user, --session and --secret.")
    ((kind, name),) = given.items()
    if not dry_run and not reason.strip():
        raise typer.BadParameter("Say why: --reason.")
    with office() as api:
        radius = api.get("incidents/radius", kind=kind, name=name)
        if dry_run and as_json:
            print_json(radius)
            return
        if not as_json:
            _print_radius(radius)
        if radius["refusal"] is not None:
            refusal = radius["refusal"]
            raise Refused(refusal["code"], refusal["message"], refusal["remedy"])
        if dry_run:
            return
        confirm(f"Do this now to the {kind} {radius['subject']}?", yes=yes)
        body = {"kind": kind, "name": radius["subject_id"] if kind == "secret" else name, "reason": reason}
        made = api.post("incidents", {**body, "confirm": True})
    if as_json:
        print_json(made)
        return
    _print_steps(made)
    print_note(f"The incident is {made['id']}: `nbkeep incident show {made['id']}` says how far it is.")


@incident.command("list")
def list_incidents(
    state: Annotated[str | None, typer.Option("--state", metavar="open|closed", help="Only those.")] = None,
    as_json: Json = False,
) -> None:
    """List incidents, the newest first."""
    if state not in {None, "open", "closed"}:
        raise typer.BadParameter("--state is open or closed.")
    with office() as api:
        found = list(api.items("incidents", state=state))
    if as_json:
        print_json(found)
        return
    columns = [Column("id", keep=True), Column("about"), Column("state"), Column("opened (UTC)"),
               Column("by"), Column("still to do", right=True), Column("reason")]  # fmt: skip
    rows = [
        (one["id"], f"{one['kind']} {one['subject']}", one["state"], words.moment(one["opened_at"]),
         one["opened_by"], one["steps_waiting"], one["reason"])
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "No incident. `nbkeep incident open --dry-run --user NAME` looks at somebody.")


@incident.command()
def show(incident_id: Id, as_json: Json = False) -> None:
    """Show an incident: what it could and did reach, what it holds, and how far each step is."""
    with office() as api:
        found = api.get(f"incidents/{part(incident_id)}")
    if as_json:
        print_json(found)
        return
    evidence = found["evidence"]
    print_fields(
        [
            ("incident", found["id"]),
            ("about", f"{found['kind']} {found['subject']}"),
            ("state", found["state"]),
            ("opened", f"{words.moment(found['opened_at'])} UTC by {found['opened_by']}"),
            ("reason", found["reason"]),
            ("ended", ", ".join(f"{count} {what}" for what, count in found["revoked"].items() if count)),
            (
                "evidence",
                f"{format_size(evidence['bytes'])}, SHA-256 {evidence['sha256']}" if evidence else "",
            ),
            ("WARNING", evidence.get("warning", "") if evidence else ""),
            (
                "closed",
                f"{words.moment(found['closed_at'])} UTC by {found['closed_by']}"
                if found["closed_at"]
                else "",
            ),
            ("because", found["close_reason"]),
        ]
    )
    _print_radius(found["radius"])
    _print_steps(found)
    for line in found["outcome"]:
        print(line)


@incident.command()
def close(
    incident_id: Id,
    reason: Reason,
    sessions: Annotated[
        str, typer.Option("--sessions", metavar="end|thaw", help="Frozen ones end, state kept, or go on.")
    ] = "end",
    let_in: Annotated[bool, typer.Option("--let-in", help="Whom it shut out may sign in again.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Close an incident and say what comes back and what stays ended.

    Tokens, grants and sign-ins stay ended; a secret stays out of use until it is rotated.

    Example: nbkeep incident close inc_06f3k2m9q1x8d4ztw7ha --reason "false alarm" --sessions thaw --let-in
    """
    if sessions not in {"end", "thaw"}:
        raise typer.BadParameter("--sessions is end or thaw.")
    fate = "go on" if sessions == "thaw" else "end, with what they hold kept"
    confirm(f"Close {incident_id}? Frozen sessions {fate}.", yes=yes)
    with office() as api:
        found = api.post(
            f"incidents/{part(incident_id)}/close", {"reason": reason, "sessions": sessions, "let_in": let_in}
        )
    if as_json:
        print_json(found)
        return
    for line in found["outcome"]:
        print(line)
    print_note(f"{found['id']} is closed.")


@incident.command()
def evidence(
    incident_id: Id,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this file (0600); INCIDENT.zip if not said."),
    ] = None,
) -> None:
    """Take a copy of an incident's evidence; that you did is recorded.

    Example: nbkeep incident evidence inc_06f3k2m9q1x8d4ztw7ha -o evidence.zip
    """
    path = output or Path(f"{incident_id}.zip")
    with office() as api:
        size = write_whole_bytes(path, api.chunks(f"incidents/{part(incident_id)}/evidence"))
    print_note(
        f"{path}: {format_size(size)}. Check it anywhere: `nbkeep incident verify {path} --key audit.pem`."
    )


@incident.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An incident's evidence.", dir_okay=False)],
    key: Annotated[
        Path, typer.Option("--key", metavar="PUB", help="The public key that `nbkeep audit key` printed.")
    ],
    as_json: Json = False,
) -> None:
    """Check that evidence is whole and unchanged; needs no server. Ends with code 1 if it is not.

    Example: nbkeep incident verify evidence.zip --key audit.pem
    """
    from nbkeep.audit.signing import read_public  # the cryptography's library takes a moment to load
    from nbkeep.incidents.verify import verify_evidence

    try:
        report = asdict(verify_evidence(file, read_public(key.read_bytes())))
    except OSError as error:
        path = error.filename or file
        raise Refused("no-file", f"{path} cannot be read ({error.strerror}).", "Check the path.") from error
    if as_json:
        print_json(report)
    if not report["ok"]:
        raise Refused(
            "evidence-broken",
            f"The evidence is BROKEN: {report['problem']}.",
            "Take another copy of it, and find out who could write to this one.",
        )
    if not as_json:
        print(f"Intact: evidence of {report['incident']}, signed {words.moment(report['made_at'])} UTC.")
        print(f"{report['files']} files, {report['records']} records of the journal.")
        for note in report["notes"]:
            print_note(note)
    if report["warning"]:  # beside JSON, too
        print_note(f"WARNING: {report['warning']}")


def _print_radius(radius: dict[str, Any]) -> None:
    could, did = radius["could"], radius["did"]
    since = words.moment(radius["since"])
    _print_list("It could reach", _could(could))
    _print_list(f"It did reach, since {since} UTC", _did(did))
    _print_list("What is done", radius.get("will") or [])


def _could(could: dict[str, Any]) -> Iterable[str]:
    for one in could["people"]:
        yield f"person {one['name']}, {one['role']}, {one['status']}, seen {_moment(one['last_seen_at'])}"
    for one in could["sessions"]:
        yield f"session {one['session_id']} {one['name']} of {one['user']}, {one['state']}, {one['profile']}"
    for one in could["profiles"]:
        hosts = "the public internet" if one["public_internet"] else ", ".join(one["hosts"]) or "no host"
        yield f"by profile {one['name']} ({one['classification']}): {hosts}"
    for one in could["secrets"]:
        yield f"secret {one['name']} of {one['owner']}, at {', '.join(one['hosts']) or 'datasets'}"
    for one in could["grants"]:
        yield f"grant {one['id']}: {one['subject']} until {_moment(one['until'])}"
    for one in could["connections"]:
        yield f"connection {one}"
    for one in could["datasets"]:
        yield f"dataset {one['name']} ({one['classification']})"
    for one in could["tokens"]:
        yield f"API token {one['name']}, used {_moment(one['last_used_at'])}: {', '.join(one['scopes'])}"


def _did(did: dict[str, Any]) -> Iterable[str]:
    for one in did["hosts"]:
        sent, got = format_size(one["bytes_out"]), format_size(one["bytes_in"])
        times = f"{one['reached']} times" + (f", {one['refused']} refused" if one["refused"] else "")
        yield f"{one['host']}:{one['port']} {times}, {sent} out, {got} in, last {_moment(one['last_at'])}"
    for one in did["datasets"]:
        yield f"read dataset {one['name']} ({one['classification']}) first {_moment(one['first_at'])}"
    for one in did["models"]:
        yield f"{one['calls']} calls of {one['provider']} {one['model']}, last {_moment(one['last_at'])}"
    for one in did["secrets"]:
        where = f"in {one['session_id']} of {one['user']}"
        yield f"used secret {one['name']} {where}, last {_moment(one['last_at'])}"
    for name, what in (("executions", "executions"), ("downloads", "files downloaded")):
        if did[name]["count"]:
            yield f"{did[name]['count']} {what}, last {_moment(did[name]['last_at'])}"


def _print_list(title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    print(f"{title}:")
    for line in found or ["nothing that is on record"]:
        print_fields([("  -", line)])


def _print_steps(found: dict[str, Any]) -> None:
    columns = [Column("step", keep=True), Column("state"), Column("tries", right=True), Column("")]
    rows = [
        (one["name"], one["state"], one["tries"], one["problem"] or one["said"]) for one in found["steps"]
    ]
    print_table(columns, rows, "")


def _moment(at: str | None) -> str:
    return f"{words.moment(at)} UTC" if at else "never"
