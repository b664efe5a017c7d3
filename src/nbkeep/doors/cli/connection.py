"""`nbkeep connection`: databases and services that have a name, and a local port in sessions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from . import panels, words
from .asking import ForDuration, ForProfile, ForSession, ask_for
from .connect import office, part
from .options import (
    Grants,
    Json,
    Whom,
    Yes,
    complete_connection,
    given,
)
from .output import Column, confirm, print_fields, print_json, print_note, print_table

_HELP = """Databases and services that have a name, and a local port in every session.

A program in a session connects to the local port. Sessions of people who were granted the connection are
led on, with PostgreSQL's password added on the way; others are told what is missing, and may ask for it.
"""
connection = typer.Typer(help=_HELP, no_args_is_help=True)

Which = Annotated[
    str,
    typer.Argument(metavar="CONNECTION", autocompletion=complete_connection, help="A connection's name."),
]


def register(app: typer.Typer) -> None:
    """Add `nbkeep connection`."""
    app.add_typer(connection, name="connection", rich_help_panel=panels.PEOPLE)


@connection.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    postgres: Annotated[
        str | None, typer.Option("--postgres", metavar="HOST[:PORT][/DATABASE]", help="A PostgreSQL server.")
    ] = None,
    tcp: Annotated[
        str | None, typer.Option("--tcp", metavar="HOST:PORT", help="Anything else: bytes pass as they are.")
    ] = None,
    database: Annotated[
        str | None, typer.Option("--database", metavar="NAME", help="The one database that it leads to.")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--as", metavar="ROLE", help="The role that sessions are logged in as.")
    ] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", metavar="SECRET", help="The role's password, kept as a secret.")
    ] = None,
    vault_role: Annotated[
        str | None,
        typer.Option(
            "--vault-database-role",
            metavar="[MOUNT/]ROLE",
            help="By which role Vault's database engine makes each session a login of its own.",
        ),
    ] = None,
    local_port: Annotated[
        int | None,
        typer.Option("--local-port", help="Where programs in sessions find it; the server's if not given."),
    ] = None,
    tls: Annotated[
        str | None,
        typer.Option("--tls", metavar="verify|require|off", help="To PostgreSQL; verify if not given."),
    ] = None,
    grants: Grants = None,
    as_json: Json = False,
) -> None:
    """Declare a connection and grant it; sessions that run may use it within a second.

    Example: nbkeep connection add queue --tcp mq.acme.local:5672 --grant role:user
    """
    if (postgres is None) == (tcp is None):
        raise typer.BadParameter("Say where it leads: one of --postgres and --tcp.")
    wanted = given(name=name, postgres=postgres, tcp=tcp, database=database, role=role, secret=secret,
                   vault_role=vault_role, local_port=local_port, tls=tls, grants=grants)  # fmt: skip
    with office() as api:
        found = api.post("connections", wanted)
    if as_json:
        print_json(found)
        return
    print_note(
        f"{found['name']} is localhost:{found['local_port']} in sessions, and leads to {_place(found)}."
    )
    if not found["grants"]:
        print_note(f"Nobody may use it yet: `nbkeep connection grant {found['name']} user:NAME`.")


@connection.command("list")
def list_connections(as_json: Json = False) -> None:
    """List the connections that there are, and which ones your sessions may use."""
    with office() as api:
        found = list(api.items("connections"))
    if as_json:
        print_json(found)
        return
    columns = [Column("name", keep=True), Column("kind"), Column("in sessions"), Column("leads to"),
               Column("granted to")]  # fmt: skip
    rows: list[Any] = [
        (one["name"], one["kind"], f"localhost:{one['local_port']}", _place(one), _granted(one))
        for one in found
    ]
    print_table(columns, rows, "No connections. An admin declares one: `nbkeep connection add`.")


@connection.command()
def show(which: Which, as_json: Json = False) -> None:
    """Show what a connection is and who may use it."""
    with office() as api:
        found = api.get(f"connections/{part(which)}")
    if as_json:
        print_json(found)
        return
    password = {True: "added by the gateway", False: "missing: its secret has ended", None: ""}
    print_fields(
        [
            ("name", found["name"]),
            ("id", found["id"]),
            ("kind", found["kind"]),
            ("in sessions", f"localhost:{found['local_port']}"),
            ("leads to", _place(found)),
            ("role", found["role"] or ("its own for each session" if found["has_own_role"] else "")),
            ("made by", f"vault:{found['vault_role']}" if found["vault_role"] else ""),
            ("TLS", found["tls"] or ""),
            ("secret", found["secret"] or ""),
            ("password", password[found["has_password"]]),
            ("granted to", _granted(found)),
        ]
    )


@connection.command()
def request(
    which: Which,
    reason: Annotated[str, typer.Option("--reason", help="What for; who decides reads it.")],
    session: ForSession = None,
    profile: ForProfile = None,
    duration: ForDuration = "2h",
    as_json: Json = False,
) -> None:
    """Ask for a connection, for a while. An admin decides; access ends by itself.

    Example: nbkeep connection request warehouse --session ses_… --reason 'totals of the quarter' --for 2h
    """
    ask_for(
        {"connection": which}, who="An admin", session=session, profile=profile, reason=reason,
        duration=duration, as_json=as_json,
    )  # fmt: skip


@connection.command()
def grant(which: Which, to: Whom) -> None:
    """Let sessions of somebody use a connection, also those that run.

    Example: nbkeep connection grant warehouse user:jane
    """
    with office() as api:
        found = api.post(f"connections/{part(which)}/grants", {"to": to})
    print_note(f"{found['name']} is granted to {', '.join(found['grants'])}.")


@connection.command()
def ungrant(which: Which, to: Whom) -> None:
    """Take a grant away; what is open by it is cut within a second."""
    with office() as api:
        found = api.delete(f"connections/{part(which)}/grants/{part(to)}")
    print_note(f"{found['name']} is granted to {', '.join(found['grants']) or 'nobody'}.")


@connection.command()
def remove(
    which: Which,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record.")] = None,
    yes: Yes = False,
) -> None:
    """Remove a connection with its grants; what is open is cut. Its secret stays.

    Roles that Vault made for sessions end.

    What is asked for of it is denied, and what was granted for a while ends.
    """
    confirm(f"Remove {which}? Work that uses it fails.", yes=yes)
    with office() as api:
        api.delete(f"connections/{part(which)}", **given(reason=reason))
    print_note(f"{which} is removed.")


def _place(found: dict[str, Any]) -> str:
    if found["host"] is None:
        return "(not granted to you)"
    host = f"[{found['host']}]" if ":" in found["host"] else found["host"]
    database = f", database {found['database']}" if found["database"] else ""
    return f"{host}:{found['port']}{database}"


def _granted(found: dict[str, Any]) -> str:
    if found["grants"] is not None:
        return ", ".join(found["grants"])
    if found["is_granted"]:
        return "you"
    now = datetime.now(UTC).isoformat()
    return ", ".join(
        f"you in {one['profile']}, for {words.until(one['until'], now)}" for one in found["for_a_while"]
    )
