"""`nbkeep network`: what sessions connected to, what stands out, and which rule decides."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nbkeep.model.errors import invalid

from . import panels, words
from .connect import office
from .options import Json, Limit, complete_profile, complete_project, complete_session, complete_user
from .output import Column, clean, print_fields, print_json, print_note, print_table

network = typer.Typer(help="What sessions connected to, and which rule decided.", no_args_is_help=True)

OfSession = Annotated[
    str | None,
    typer.Option("--session", metavar="ID", autocompletion=complete_session, help="Only of this session."),
]
OfUser = Annotated[
    str | None, typer.Option("--user", autocompletion=complete_user, help="Only of this person's sessions.")
]
ToHost = Annotated[
    str | None,
    typer.Option("--host", help="Only to this host or address; *.acme.local: below it; *acme*: with that."),
]
Denied = Annotated[bool, typer.Option("--denied", help="Only what was refused.")]
Trial = Annotated[bool, typer.Option("--trial", help="Only what a trial let through.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="From then on, e.g. 2026-11-01 or 24h (ago).")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep network`."""
    app.add_typer(network, name="network", rich_help_panel=panels.RECORD)


@network.command()
def log(
    session: OfSession = None,
    user: OfUser = None,
    host: ToHost = None,
    denied: Denied = False,
    trial: Trial = False,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List connections, newest first: of your own sessions, or everybody's for admins and auditors.

    Example: nbkeep network log --user jane --denied --since 24h
    """
    with office() as api:
        wanted = _wanted(session, user, host, denied=denied, trial=trial, since=since, until=until)
        found = list(api.items("network/connections", limit=limit, **wanted))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("when (UTC)", keep=True),
        Column("user"),
        Column("session"),
        Column("destination", keep=True),
        Column("outcome", keep=True),
        Column("out", right=True),
        Column("in", right=True),
        Column("why"),
    ]
    print_table(
        columns, [_line(one) for one in found], "No connections. Take away a filter, or wait for some."
    )
    if len(found) == limit:
        print_note(f"The newest {limit}; --limit shows more, --since and --until another time.")


@network.command()
def top(
    by: Annotated[str, typer.Option("--by", help="Group by host, user, session or rule.")] = "host",
    session: OfSession = None,
    user: OfUser = None,
    host: ToHost = None,
    denied: Denied = False,
    trial: Trial = False,
    since: Since = "24h",
    until: Until = None,
    limit: Limit = 10,
    as_json: Json = False,
) -> None:
    """Show where most was sent to, or who sent it, in the last 24 hours.

    Example: nbkeep network top --by user --since 7d
    """
    with office() as api:
        wanted = _wanted(session, user, host, denied=denied, trial=trial, since=since, until=until)
        found = api.get("network/top", by=by, limit=limit, **wanted)
    if as_json:
        print_json(found)
        return
    columns = [
        Column(by, keep=True),
        Column("sent", right=True),
        Column("received", right=True),
        Column("connections", right=True),
        Column("refused", right=True),
        Column("on trial", right=True),
        Column("users", right=True),
        Column("last (UTC)"),
    ]
    rows = [(one[by] or "(no rule)", *_sums(one)) for one in found["items"]]
    if len(rows) > 1:
        rows.append(("all", *_sums(found["total"])))
    print_table(columns, rows, "No connections in this time. --since looks further back.")


@network.command()
def explain(
    host: Annotated[
        str, typer.Argument(metavar="HOST[:PORT]", help="What is to be reached; 443 if not said.")
    ],
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="ID", autocompletion=complete_session, help="For this session."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", autocompletion=complete_profile, help="Or for sessions of this profile."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option("--method", metavar="M", help="About one request: its method; GET if not said."),
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", metavar="/P", help="About one request: its path; / if not said.")
    ] = None,
    project: Annotated[
        str | None,
        typer.Option(
            "--project", autocompletion=complete_project, help="With --profile: of a member of this."
        ),
    ] = None,
    classification: Annotated[
        str | None,
        typer.Option(
            "--classification", metavar="CLASS", help="With --profile: after it read data of this class."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell whether a session could reach a host now, by which rule and why. Nothing is connected to.

    Example: nbkeep network explain github.com --method POST --path /acme/ --profile notebook-cpu-small
    """
    if (session is None) == (profile is None):
        raise invalid("session", "Whose rules are meant?", "Give either --session ID or --profile NAME.")
    with office() as api:
        asked = {"host": host, "session": session, "profile": profile, "method": method, "path": path}
        found = api.get("network/explain", **asked, project=project, classification=classification)
    if as_json:
        print_json(found)
        return
    print(clean(found["words"]))
    rule = found["rule"]
    print_fields(
        [
            ("rule", rule["words"] if rule else "none"),
            ("written in", rule["source"] if rule else ""),
            (
                "on trial",
                "yes: what the profile and projects refuse is let through" if found["dry_run"] else "",
            ),
            ("public internet", _internet(found)),
            ("left by its class", ", ".join(one["words"] for one in found["keeps"])),
            ("rules in force", len(found["rules"])),
            ("note", found["note"]),
        ]
    )
    for sentence in found["also"]:
        print(clean(sentence))


def _internet(found: dict[str, Any]) -> str:
    if found["public_internet"]:
        return "open"
    return f"closed by {found['closed_by']}" if found["closed_by"] else "closed"


def _wanted(
    session: str | None,
    user: str | None,
    host: str | None,
    *,
    denied: bool,
    trial: bool,
    since: str | None,
    until: str | None,
) -> dict[str, Any]:
    if denied and trial:
        raise invalid("outcome", "--denied and --trial exclude each other.", "Give one of them.")
    outcome = "refused" if denied else "trial" if trial else None
    moments = {"since": words.past(since), "until": words.past(until)}
    return {"session": session, "user": user, "host": host, "outcome": outcome, **moments}


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    return (
        words.moment(one["at"]),
        one["user"],
        one["session_name"],
        destination(one),
        _OUTCOMES[one["outcome"]],
        words.size(one["bytes_out"]),
        words.size(one["bytes_in"]),
        one["reason"],
    )


_OUTCOMES = {"allowed": "allowed", "refused": "REFUSED", "trial": "on trial"}


def destination(one: dict[str, Any]) -> str:
    """Return host and port as one writes them."""
    host = f"[{one['host']}]" if ":" in one["host"] else one["host"]
    return f"{host}:{one['port']}"


def _sums(one: dict[str, Any]) -> tuple[object, ...]:
    return (
        words.size(one["bytes_out"]),
        words.size(one["bytes_in"]),
        one["connections"],
        one["refused"],
        one["trial"],
        one["users"],
        words.moment(one["last_at"]),
    )
