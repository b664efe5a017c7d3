"""`nbkeep token`: API tokens for programs and for command lines elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from . import panels, words
from .connect import office, part
from .options import Json, Yes, complete_token, given
from .output import Column, confirm, print_json, print_note, print_table

token = typer.Typer(help="API tokens of your account, for programs.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep token`."""
    app.add_typer(token, name="token", rich_help_panel=panels.ACCESS)


@token.command()
def create(
    name: Annotated[str, typer.Option("--name", help="What it is for.")],
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", help="What it may do; repeat for more.")
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option("--expires-in", metavar="DURATION", help="How long it works, e.g. 30d.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it once: it cannot be shown again.

    Example: nbkeep token create --name nightly-report --scope audit:read --expires-in 30d > token
    """
    with office() as api:
        answer = api.post("tokens", given(name=name, scopes=scopes, expires_in=expires_in))
    if as_json:
        print_json(answer)
        return
    print_note(f"It works until {words.moment(answer.get('expires_at'))} UTC and is not shown again:")
    print(answer["token"])


@token.command("list")
def list_tokens(as_json: Json = False) -> None:
    """List your tokens, without their secret part."""
    with office() as api:
        found = list(api.items("tokens"))
    if as_json:
        print_json(found)
        return
    columns = [Column("id", keep=True), Column("name"), Column("begins"), Column("expires"), Column("scopes")]
    rows = [
        (t["id"], t["name"], t["prefix"], words.moment(t["expires_at"]), ",".join(t["scopes"])) for t in found
    ]
    print_table(columns, rows, "No tokens. Make one: `nbkeep token create --name WHAT-FOR`.")


@token.command()
def revoke(
    token_id: Annotated[
        str, typer.Argument(metavar="ID", autocompletion=complete_token, help="The token's id.")
    ],
    yes: Yes = False,
) -> None:
    """End a token at once."""
    confirm(f"Revoke {token_id}? Programs that use it stop working.", yes=yes)
    with office() as api:
        api.delete(f"tokens/{part(token_id)}")
    print_note(f"{token_id} works no more.")
