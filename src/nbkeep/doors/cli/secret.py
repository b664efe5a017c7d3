"""`nbkeep secret`: keys of services, added to the requests of sessions on their way out."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from nbkeep.model.errors import Refused
from nbkeep.settings import Settings
from nbkeep.vault.master import add_key

from . import panels, words
from .connect import office, part
from .options import Grants, Json, Whom, Yes, complete_secret, given
from .output import Column, confirm, print_fields, print_json, print_note, print_table

_HELP = """Keys of services, added to requests on their way out of sessions; no session ever holds one.

A secret is bound to hosts and to how it is sent, and works for HTTPS requests to them. It opens no host:
what a session may reach is said by its profile.
"""
_LONGEST = 20_000
_AWS = "ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]"
secret = typer.Typer(help=_HELP, no_args_is_help=True)

Which = Annotated[
    str,
    typer.Argument(metavar="SECRET", autocompletion=complete_secret, help="A secret's name or id."),
]


def register(app: typer.Typer) -> None:
    """Add `nbkeep secret`."""
    app.add_typer(secret, name="secret", rich_help_panel=panels.PEOPLE)


@secret.command("set")
def set_secret(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call it.")],
    hosts: Annotated[
        list[str],
        typer.Option(
            "--host", metavar="HOST[:PORT]", help="Where it is sent; repeat, or put commas, for more."
        ),
    ],
    header: Annotated[
        str | None,
        typer.Option("--header", metavar="'NAME: …{}…'", help="Sent as a header; {} is the value."),
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", metavar="NAME", help="Sent as a parameter of the address.")
    ] = None,
    basic: Annotated[
        str | None, typer.Option("--basic", metavar="USER", help="Sent as this user's password.")
    ] = None,
    aws_sigv4: Annotated[
        bool, typer.Option("--aws-sigv4", help="Not sent: requests to AWS, or its like, are signed with it.")
    ] = False,
    region: Annotated[
        str | None, typer.Option("--region", metavar="NAME", help="Of the signature, like eu-central-1.")
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", metavar="NAME", help="Of the signature, like s3.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="PLACE", help="Where its value lies: vault:MOUNT/data/PATH#FIELD[@VERSION]."
        ),
    ] = None,
    postgres: Annotated[
        str | None, typer.Option("--postgres", metavar="ROLE", help="This PostgreSQL role's password.")
    ] = None,
    s3: Annotated[
        str | None, typer.Option("--s3", metavar="REGION", help="Keys that read datasets in S3, only those.")
    ] = None,
    env: Annotated[
        str | None,
        typer.Option("--env", metavar="NAME", help="Variable of sessions that holds a placeholder."),
    ] = None,
    grants: Grants = None,
    as_json: Json = False,
) -> None:
    """Keep a secret. Its value is asked for, or read from a pipe; nobody can read it back.

    Example: nbkeep secret set gitlab --host git.acme.com --header 'PRIVATE-TOKEN: {}' --grant user:jane
    """
    if aws_sigv4 != (region is not None) or aws_sigv4 != (service is not None):
        raise typer.BadParameter("--aws-sigv4, --region and --service go together.")
    sigv4 = f"{region}/{service}" if aws_sigv4 else None
    if sum(one is not None for one in (header, query, basic, sigv4, postgres, s3)) != 1:
        ways = "--header, --query, --basic, --aws-sigv4, --postgres and --s3"
        raise typer.BadParameter(f"Say how it is sent: one of {ways}.")
    listed = [one for text in hosts for one in text.split(",")]
    wanted = given(name=name, hosts=listed, header=header, query=query, basic=basic, sigv4=sigv4,
                   postgres=postgres, s3=s3, env=env, grants=grants, source=source)  # fmt: skip
    if source is None:
        wanted["value"] = _value(_AWS if aws_sigv4 or s3 else "Value")
    with office() as api:
        found = api.post("secrets", wanted)
    if as_json:
        print_json(found)
        return
    print_note(f"{found['name']} is kept, and sent to {', '.join(found['hosts'])} as {found['sent_as']}.")
    if not found["grants"] and postgres is not None:
        print_note(
            f"Use it: `nbkeep connection add NAME --postgres … --as {postgres} --secret {found['name']}`."
        )
    elif not found["grants"] and s3 is not None:
        print_note(f"Use it: `nbkeep dataset add NAME --s3 s3://… --secret {found['name']} …`.")
    elif not found["grants"]:
        print_note(f"Nobody may use it yet: `nbkeep secret grant {found['name']} user:NAME`.")


@secret.command()
def rotate(which: Which) -> None:
    """Give a secret another value, asked for or read from a pipe; requests carry it from then on.

    Example: nbkeep secret rotate openai < new-key
    """
    with office() as api:
        is_made = api.get(f"secrets/{part(which)}")["is_made"]
        found = api.post(f"secrets/{part(which)}/rotate", {"value": "" if is_made else _value()})
    if is_made:
        print_note(
            f"{found['name']}: all roles that were made for sessions end; the next log-in gets another."
        )
        return
    print_note(f"{found['name']} has its value number {found['version']}; the one before is deleted.")


@secret.command("list")
def list_secrets(as_json: Json = False) -> None:
    """List your secrets, and those that your sessions may use; never a value."""
    with office() as api:
        found = list(api.items("secrets"))
    if as_json:
        print_json(found)
        return
    columns = [Column("name", keep=True), Column("hosts"), Column("sent as"), Column("owner"),
               Column("value", right=True), Column("granted to"), Column("last used")]  # fmt: skip
    rows = [
        (one["name"], ", ".join(one["hosts"]), one["sent_as"], one["owner"], one["version"],
         ", ".join(one["grants"]) if one["grants"] is not None else "you", words.moment(one["last_used_at"]))
        for one in found
    ]  # fmt: skip
    print_table(
        columns, rows, "No secrets. Keep one: `nbkeep secret set NAME --host HOST --header 'NAME: {}'`."
    )


@secret.command()
def show(which: Which, as_json: Json = False) -> None:
    """Show what a secret is bound to and who may use it; never its value."""
    with office() as api:
        found = api.get(f"secrets/{part(which)}")
    if as_json:
        print_json(found)
        return
    print_fields(
        [
            ("name", found["name"]),
            ("id", found["id"]),
            ("owner", found["owner"]),
            ("hosts", ", ".join(found["hosts"])),
            ("sent as", found["sent_as"]),
            ("value lies in", found["source"] or ""),
            ("in sessions", f"{found['env']}={found['placeholder']}" if found["env"] else ""),
            ("value number", found["version"]),
            ("granted to", ", ".join(found["grants"]) if found["grants"] is not None else "you"),
            ("set", words.moment(found["created_at"])),
            ("changed", words.moment(found["changed_at"])),
            ("last used", words.moment(found["last_used_at"])),
        ]
    )


@secret.command()
def grant(which: Which, to: Whom) -> None:
    """Let sessions of somebody use a secret, also those that run.

    You grant your own secrets: to yourself, and as an admin to others.

    Example: nbkeep secret grant openai role:user
    """
    with office() as api:
        found = api.post(f"secrets/{part(which)}/grants", {"to": to})
    print_note(f"{found['name']} is granted to {', '.join(found['grants'] or ['you'])}.")


@secret.command()
def ungrant(which: Which, to: Whom) -> None:
    """Take a grant away; sessions lose the secret within a second."""
    with office() as api:
        found = api.delete(f"secrets/{part(which)}/grants/{part(to)}")
    print_note(f"{found['name']} is granted to {', '.join(found['grants']) or 'nobody'}.")


@secret.command()
def revoke(
    which: Which,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record.")] = None,
    yes: Yes = False,
) -> None:
    """End a secret for good: its value is deleted, and requests under way with it are cut."""
    confirm(f"Revoke {which}? Its value is deleted, and work that uses it fails.", yes=yes)
    with office() as api:
        api.delete(f"secrets/{part(which)}", **given(reason=reason))
    print_note(f"{which} has ended. Have its service forget it, too.")


@secret.command()
def leases(
    which: Annotated[
        str | None,
        typer.Argument(metavar="[SECRET]", autocompletion=complete_secret, help="Only of this secret."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List which sessions may use which secrets now: of your secrets, and of your sessions."""
    with office() as api:
        found = list(api.items("secret-leases", secret=which))
    if as_json:
        print_json(found)
        return
    columns = [Column("secret", keep=True), Column("user"), Column("session", keep=True), Column("since"),
               Column("last used")]  # fmt: skip
    has_roles = any(one["database_role"] for one in found)
    if has_roles:
        columns += [Column("database role"), Column("until")]
    rows: list[Any] = [
        (one["secret"], one["user"], one["session_id"], words.moment(one["since"]),
         words.moment(one["last_used_at"]), *(_role(one["database_role"]) if has_roles else ()))
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "No session is leased a secret now.")


def _role(made: dict[str, Any] | None) -> tuple[str, str]:
    return (made["name"], words.moment(made["until"])) if made else ("", "")


@secret.command("rotate-key")
def rotate_key(
    rewrap_only: Annotated[
        bool, typer.Option("--rewrap-only", help="The newest key is there already: only use it.")
    ] = False,
) -> None:
    """Make a new master key and put all secrets under it; values stay as they are.

    Works in the data directory itself (NBKEEP_DATA). The key before stays in the file, for backups.
    """
    if not rewrap_only:
        settings = Settings.load()
        made = add_key(settings)
        print_note(f"The key {made} is the first in {settings.vault_key_at}.")
    with office() as api:
        done = api.post("secret-key/rewrap")
    print_note(f"{done['rewrapped']} secrets are under the key {done['key_id']} now.")


def _value(prompt: str = "Value") -> str:
    """Return a value from a pipe, or from a prompt that does not show it; never from the command line."""
    if sys.stdin.isatty():
        value: str = typer.prompt(prompt, hide_input=True, err=True)
        return value
    value = sys.stdin.read(_LONGEST)
    if not value.strip():
        raise Refused("no-value", "There is no value on standard input.",
                      "Pipe it in (`… < file`), or run this in a terminal, which asks for it.")  # fmt: skip
    return value
