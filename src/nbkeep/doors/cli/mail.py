"""`nbkeep mail`: what waits to be sent by mail, the mail server, and which notices come by mail."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import panels, words
from .connect import office, part
from .options import Json, Limit, Yes, given
from .output import Column, confirm, print_fields, print_json, print_note, print_table

mail = typer.Typer(help="What is sent by mail, what waits and why.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="ID", help="A message: see `nbkeep mail list`.")]
_CHOICES = ("off", "important", "all", "default")


def register(app: typer.Typer) -> None:
    """Add `nbkeep mail`."""
    app.add_typer(mail, name="mail", rich_help_panel=panels.PEOPLE)


@mail.command("list")
def list_mail(
    state: Annotated[
        str | None, typer.Option("--state", help="Only waiting, sent, given-up or unneeded ones.")
    ] = None,
    limit: Limit = 200,
    as_json: Json = False,
) -> None:
    """List messages, newest first: to whom, what became of them, and why. Never what they say."""
    with office() as api:
        found: list[dict[str, Any]] = list(api.items("mail", limit=limit, state=state))
    if as_json:
        print_json(found)
        return
    columns = [Column("id", keep=True), Column("what"), Column("to"), Column("state"),
               Column("tries", right=True), Column("made (UTC)"), Column("why")]  # fmt: skip
    rows: list[Any] = [
        (one["id"], one["words"], one["to"], one["state"], one["attempts"], words.moment(one["created_at"]),
         one["why"])
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "No messages. Try the server: `nbkeep mail test --to YOU@DOMAIN`.")


@mail.command()
def status(as_json: Json = False) -> None:
    """Show how the mail server is doing, and how much waits."""
    with office() as api:
        found = api.get("mail/status")
    if as_json:
        print_json(found)
        return
    if found["state"] == "off":
        print_note("Mail is not set up: set mail_server and mail_from in config.toml.")
        return
    print_fields(
        [
            ("server", f"{found['server']} ({found['security']})"),
            ("from", found["mail_from"]),
            ("state", found["state"]),
            ("waiting", found["waiting"]),
            ("given up", found["given_up"]),
            ("sent", f"{found['sent']} in the last week"),
            ("last reached", words.moment(found["last_ok_at"])),
            ("last error", found["last_error"] or "none"),
            ("daily report", ", ".join(found["report_to"]) or "to nobody"),
        ]
    )


@mail.command()
def test(to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Where to send it.")]) -> None:
    """Send a test now, and say what went wrong if the server does not take it.

    Example: nbkeep mail test --to jane@acme.com
    """
    with office() as api:
        api.post("mail/test", {"to": to})
    print_note(f"The mail server has taken a test for {to}.")


@mail.command()
def retry(message: Id) -> None:
    """Try a message again at once, also one that was given up."""
    with office() as api:
        api.post(f"mail/{part(message)}/retry")
    print_note(f"{message} is tried again; see `nbkeep mail list`.")


@mail.command()
def discard(message: Id, yes: Yes = False) -> None:
    """Forget a message, sent or not."""
    confirm(f"Discard {message}? If it was not sent, it never will be.", yes=yes)
    with office() as api:
        api.delete(f"mail/{part(message)}")
    print_note(f"{message} is discarded.")


@mail.command()
def report(
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="YYYY-MM-DD", help="Which day (UTC); yesterday if not said."),
    ] = None,
) -> None:
    """Send the report of a day once more, to those whom the setting mail_report_to names."""
    with office() as api:
        found = api.post("mail/report", given(day=day))
    print_note(f"The report goes to {', '.join(found['to'])}.")


@mail.command()
def notices(
    choice: Annotated[
        str | None,
        typer.Argument(metavar="CHOICE", help="off, important, all, or default: as the platform says."),
    ] = None,
) -> None:
    """Show or choose which of your notices come by mail, too.

    Example: nbkeep mail notices off
    """
    if choice is not None and choice not in _CHOICES:
        raise typer.BadParameter(f"One of: {', '.join(_CHOICES)}.")
    with office() as api:
        found = api.get("me") if choice is None else api.patch("me", {"mail_notices": choice})
    print_note(f"Notices by mail: {found['mail_notices']}.")
