"""`nbkeep login`, `logout` and `whoami`: which office this command line talks to, and as whom."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from . import panels, words
from .connect import (
    Target,
    checked_token,
    checked_url,
    credentials_file,
    find_target,
    office_at,
    read_token,
    save_credentials,
)
from .options import Json
from .output import print_fields, print_json, print_note


def register(app: typer.Typer) -> None:
    """Add `nbkeep login`, `nbkeep logout` and `nbkeep whoami`."""
    for verb in (login, logout, whoami):
        app.command(rich_help_panel=panels.ACCESS)(verb)


def login(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Address of the portal, e.g. https://nbkeep.acme.com.")
    ],
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="Read the token from this file instead of asking.", dir_okay=False),
    ] = None,
) -> None:
    """Use an nbkeep elsewhere, with an API token.

    Make the token on its portal. It is asked for, or read from standard input.

    Example: nbkeep login https://nbkeep.acme.com < token
    """
    address = checked_url(url)
    if token_file:
        token = read_token(token_file)
    elif sys.stdin.isatty():
        token = checked_token(str(typer.prompt("Token", hide_input=True, err=True)).strip(), "what you typed")
    else:
        token = checked_token(sys.stdin.readline().strip(), "standard input")
    with office_at(Target(address, token)) as api:
        me = api.get("me")
    path = save_credentials(address, token)
    print_note(f"You are {me['name']} at {address}; kept in {path}. `nbkeep logout` forgets it.")


def logout() -> None:
    """Forget the account of `nbkeep login`.

    The token itself is ended with `nbkeep token revoke`.
    """
    path = credentials_file()
    known = path.exists()
    path.unlink(missing_ok=True)
    print_note(f"Forgotten: {path}." if known else "There was nothing to forget.")


def whoami(as_json: Json = False) -> None:
    """Tell which nbkeep this command line talks to, and as whom."""
    target = find_target()
    with office_at(target) as api:
        me = api.get("me")
    if as_json:
        print_json(me)
        return
    print_fields(
        [
            ("you are", me["name"]),
            ("role", words.role(me["user"]["role"]) if me["user"] else "operator of this machine"),
            ("at", target.words),
            ("you may", ", ".join(me["scopes"])),
        ]
    )
