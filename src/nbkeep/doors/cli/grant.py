"""`nbkeep grant`: ask for access for a while, and decide about what others ask for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from nbkeep.model.errors import invalid

from . import panels, words
from .connect import office, part
from .options import Json, Limit, complete_flavor, complete_grant, complete_profile, complete_session, given
from .output import Column, print_fields, print_json, print_note, print_table

_HELP = """Ask for access for a while, and decide about what others ask for.

A profile says what one may ask for (`nbkeep profile set PROFILE --egress-asklist HOSTS`). Somebody else
approves; access then holds in all your sessions of that profile, and ends by itself. Starting a profile may
need an approval, too: that of its flavor (`nbkeep flavor set FLAVOR --needs-approval`).
"""
grant = typer.Typer(help=_HELP, no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="GRANT", autocompletion=complete_grant, help="Its id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; who asked is told, and the audit keeps it.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep grant`."""
    app.add_typer(grant, name="grant", rich_help_panel=panels.PEOPLE)


@grant.command()
def request(
    reason: Annotated[str, typer.Option("--reason", help="What for; who decides reads it.")],
    host: Annotated[
        str | None, typer.Argument(metavar="HOST[:PORT]", help="80 and 443 where no port is said.")
    ] = None,
    flavor: Annotated[
        str | None,
        typer.Option(
            "--flavor",
            autocompletion=complete_flavor,
            help="Or the profile's flavor, which needs an approval before a start.",
        ),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(
            "--session", metavar="ID", autocompletion=complete_session, help="The session that needs it."
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", autocompletion=complete_profile, help="Or for sessions of this profile."),
    ] = None,
    duration: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="For how long, from the approval on.")
    ] = "2h",
    as_json: Json = False,
) -> None:
    """Ask for a host that your profile lets you ask for, or to start a profile that needs an approval.

    The same again changes nothing.

    Example: nbkeep grant request huggingface.co --session ses_… --reason 'weights to compare with' --for 2h

    Example: nbkeep grant request --flavor gpu-large --profile training --reason 'last run' --for 8h
    """
    if (host is None) == (flavor is None):
        raise invalid("host", "What is it that you ask for?", "Give either a host or --flavor FLAVOR.")
    if (session is None) == (profile is None):
        raise invalid("session", "For which sessions?", "Give either --session ID or --profile NAME.")
    wanted = given(
        host=host, flavor=flavor, session=session, profile=profile, reason=reason, duration=duration
    )
    with office() as api:
        found = api.post("grants", wanted)
    if as_json:
        print_json(found)
        return
    print_note(f"{found['id']} asks for {found['subject']} in your sessions of {found['profile']}.")
    print_note(f"Somebody else decides; `nbkeep grant show {found['id']}` tells what became of it.")


@grant.command("list")
def list_grants(
    state: Annotated[
        str | None,
        typer.Option("--state", help="requested, granted, denied, withdrawn, revoked or expired."),
    ] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only your own.")] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List requests and what became of them, newest first: your own, or everybody's for admins.

    Example: nbkeep grant list --state requested
    """
    with office() as api:
        found = list(api.items("grants", limit=limit, state=state, mine=mine or None))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("grant", keep=True),
        Column("user"),
        Column("what", keep=True),
        Column("profile"),
        Column("for", right=True),
        Column("state", keep=True),
        Column("why"),
    ]
    rows = [
        (one["id"], one["user"], one["subject"], one["profile"], words.duration(one["wanted_s"]),
         _state(one), one["reason"])
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "Nothing was asked for. `nbkeep grant request HOST --session ID --reason …`")


@grant.command()
def show(which: Which, as_json: Json = False) -> None:
    """Show what was asked for, why, and what became of it."""
    with office() as api:
        _print(api.get(f"grants/{part(which)}"), as_json=as_json)


@grant.command()
def withdraw(which: Which) -> None:
    """End a request of yours, or what you were granted."""
    with office() as api:
        found = api.post(f"grants/{part(which)}/withdraw")
    print_note(f"{found['id']} for {found['subject']} is withdrawn.")


@grant.command()
def approve(
    which: Which,
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="Shorter than asked for, counted from now."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Grant what somebody else asked for; their running sessions have it within a second.

    Example: nbkeep grant approve gra_… --for 1h
    """
    with office() as api:
        _print(api.post(f"grants/{part(which)}/approve", given(duration=duration)), as_json=as_json)


@grant.command()
def deny(which: Which, reason: Reason) -> None:
    """Turn a request down."""
    with office() as api:
        found = api.post(f"grants/{part(which)}/deny", {"reason": reason})
    print_note(f"{found['id']} of {found['user']} for {found['subject']} is denied.")


@grant.command()
def revoke(which: Which, reason: Reason) -> None:
    """Take access away before its time; what it alone allowed is cut within a second."""
    with office() as api:
        found = api.post(f"grants/{part(which)}/revoke", {"reason": reason})
    print_note(f"{found['id']} of {found['user']} for {found['subject']} has ended.")


def _state(one: dict[str, Any]) -> str:
    if one["state"] != "granted":
        return str(one["state"])
    return f"granted, ends in {words.until(one['expires_at'], datetime.now(UTC).isoformat())}"


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_fields(
        [
            ("grant", found["id"]),
            ("state", _state(found)),
            ("what", found["subject"]),
            ("who", found["user"]),
            ("in sessions of", found["profile"]),
            ("asked from", found["session_id"] or ""),
            ("why", found["reason"]),
            ("asked for", words.duration(found["wanted_s"])),
            ("asked", words.moment(found["requested_at"])),
            ("decided", words.moment(found["decided_at"])),
            ("decided by", found["decided_by"] or ""),
            ("until", words.moment(found["expires_at"])),
            ("ended", words.moment(found["ended_at"])),
            ("ended by", found["ended_by"] or ""),
            ("answer", found["answer"]),
        ]
    )
