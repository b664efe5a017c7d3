"""`nbkeep user`: invite people, see them, change what they may do."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import panels, words
from .connect import office, part
from .options import Json, Limit, UserName, Yes, complete_role, given, require_some
from .output import Column, confirm, print_fields, print_json, print_note, print_table

Role = Annotated[
    str,
    typer.Option("--role", autocompletion=complete_role, help="user, admin, reviewer, auditor or officer."),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; the audit keeps it.")]
HomeSize = Annotated[
    str | None, typer.Option("--home-size", metavar="SIZE", help="Size of the home, e.g. 20GiB.")
]
MaxSessions = Annotated[
    int | None, typer.Option("--max-sessions", min=0, help="Sessions at the same time; 0 = may start none.")
]

user = typer.Typer(help="Invite people, see them, change what they may do.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep user`."""
    app.add_typer(user, name="user", rich_help_panel=panels.PEOPLE)


@user.command()
def invite(
    email: Annotated[str, typer.Option("--email", help="Their e-mail address.")],
    role: Role = "user",
    max_sessions: MaxSessions = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Login and address of their sessions [default: from the e-mail]."),
    ] = None,
    home_size: HomeSize = None,
    print_link: Annotated[
        bool, typer.Option("--print-link", help="Print the link, though it could be sent by mail.")
    ] = False,
    quota: Annotated[
        list[str] | None,
        typer.Option("--quota", metavar="LIMIT", help="How much they may use, e.g. gpu-a100=8h/day; repeat."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Invite somebody: sends them a link with which they set their password, once.

    Where mail is not set up, the link is printed instead.

    Example: nbkeep user invite --email jane@acme.com --max-sessions 2
    """
    body = given(
        email=email, role=words.full_role(role), max_sessions=max_sessions, name=name, home_size=home_size,
        by_mail=False if print_link else None,
        quotas=quota or None,
    )  # fmt: skip
    with office() as api:
        answer = api.post("users", body)
    _print_link(
        answer, f"{answer['user']['name']} is invited. Send them this link; it works once", as_json=as_json
    )


@user.command("list")
def list_users(
    limit: Limit = 200,
    text: Annotated[str | None, typer.Option("--text", help="Only whose name or e-mail contains it.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="invited, active or disabled.")] = None,
    as_json: Json = False,
) -> None:
    """List people."""
    with office() as api:
        found = list(api.items("users", limit=limit, text=text, status=status))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("name", keep=True),
        Column("role"),
        Column("status"),
        Column("sessions", right=True),
        Column("e-mail"),
        Column("seen"),
    ]
    rows = [
        (
            u["name"],
            words.role(u["role"]),
            u["status"],
            u["max_sessions"],
            u["email"],
            words.moment(u.get("last_seen_at")),
        )
        for u in found
    ]
    print_table(columns, rows, "Nobody yet. Invite somebody with `nbkeep user invite --email NAME@DOMAIN`.")


@user.command()
def show(name: UserName, as_json: Json = False) -> None:
    """Show one person."""
    with office() as api:
        _print_user(api.get(f"users/{part(name)}"), as_json=as_json)


@user.command()
def disable(name: UserName, reason: Reason = None, yes: Yes = False) -> None:
    """Lock somebody out at once: their sessions are stopped, their files are kept."""
    confirm(f"Disable {name} and stop their sessions?", yes=yes)
    _change(name, given(status="disabled", reason=reason))
    print_note(f"{name} is disabled; `nbkeep user enable {name}` undoes it.")


@user.command()
def enable(name: UserName, reason: Reason = None) -> None:
    """Let somebody in again."""
    _change(name, given(status="active", reason=reason))
    print_note(f"{name} may sign in again.")


@user.command()
def role(
    name: UserName,
    new_role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE", autocompletion=complete_role, help="user, admin, reviewer, auditor or officer."
        ),
    ],
    reason: Reason = None,
) -> None:
    """Change somebody's role.

    Example: nbkeep user role jane admin
    """
    changed = _change(name, given(role=words.full_role(new_role), reason=reason))
    print_note(f"{name} is now {words.role(changed['role'])}.")


@user.command("set")
def set_user(
    name: UserName, max_sessions: MaxSessions = None, reason: Reason = None, as_json: Json = False
) -> None:
    """Change somebody's limits.

    Example: nbkeep user set jane --max-sessions 5
    """
    fields = given(max_sessions=max_sessions)
    require_some(fields, "--max-sessions")
    _print_user(_change(name, fields | given(reason=reason)), as_json=as_json)


@user.command("reset-link")
def reset_link(
    name: UserName,
    by_mail: Annotated[bool, typer.Option("--mail", help="Send it to them, and do not print it.")] = False,
    as_json: Json = False,
) -> None:
    """Make a link with which somebody sets a new password, once; also a new invitation."""
    with office() as api:
        answer = api.post(f"users/{part(name)}/reset-link", by_mail=by_mail or None)
    _print_link(answer, f"Send this link to {name}; it works once", as_json=as_json)


def _change(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    with office() as api:
        return api.patch(f"users/{part(name)}", fields)


def _print_link(answer: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    if answer["link"] is None:
        until = words.moment(answer["expires_at"])
        print_note(
            f"{answer['user']['name']} gets a link by mail at {answer['mailed_to']}; it works once, until "
            f"{until} UTC. `nbkeep mail list` shows whether it was sent."
        )
        return
    print_note(f"{sentence}, until {words.moment(answer['expires_at'])} UTC:")
    print(answer["link"])


def _print_user(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_fields(
        [
            ("name", found["name"]),
            ("e-mail", found["email"]),
            ("role", words.role(found["role"])),
            ("status", found["status"]),
            ("max sessions", found["max_sessions"]),
            ("home size", words.size(found.get("home_size_bytes"))),
            ("created", words.moment(found.get("created_at"))),
            ("last seen", words.moment(found.get("last_seen_at"))),
        ]
    )
