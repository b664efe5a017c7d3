"""`nbkeep audit forward`: sending the record on to a SIEM."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import words
from .connect import office, part
from .options import Json, Yes, given
from .output import Column, confirm, print_json, print_note, print_table

forward = typer.Typer(help="Send the record on to a SIEM, as it grows.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A destination's name.")]


@forward.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    webhook: Annotated[
        str | None, typer.Option("--webhook", metavar="URL", help="Batches of JSON lines by HTTPS POST.")
    ] = None,
    syslog: Annotated[
        str | None, typer.Option("--syslog", metavar="HOST[:PORT]", help="Syslog over TLS, port 6514.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Syslog without TLS, to 127.0.0.1 or ::1 alone.")
    ] = False,
    secret: Annotated[
        str | None,
        typer.Option("--secret", metavar="PLACE", help="A webhook's secret: file:/PATH or env:NAME."),
    ] = None,
    ca_file: Annotated[
        str | None, typer.Option("--ca-file", metavar="PATH", help="On the server: authorities to trust.")
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Send all that is on record already, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send every record from now on to a webhook or a syslog server, at least once and in order.

    Example: nbkeep audit forward add siem --syslog siem.acme.com --ca-file /etc/nbkeep/siem-ca.pem
    """
    if (webhook is None) == (syslog is None):
        raise typer.BadParameter("Say where it is: one of --webhook and --syslog.")
    wanted = given(name=name, webhook=webhook, syslog=syslog, plain=plain, secret=secret, ca_file=ca_file,
                   from_start=from_start)  # fmt: skip
    with office() as api:
        found = api.post("audit/forwards", wanted)
    if as_json:
        print_json(found)
        return
    print_note(f"{found['name']}: {found['place']}. Try it: `nbkeep audit forward test {found['name']}`.")


@forward.command("list")
def list_forwards(as_json: Json = False) -> None:
    """Show the destinations, how many records each lacks, and what went wrong last."""
    with office() as api:
        found: list[dict[str, Any]] = api.get("audit/forwards")
    if as_json:
        print_json(found)
        return
    columns = [Column("name", keep=True), Column("to"), Column("state"), Column("behind", right=True),
               Column("last sent (UTC)"), Column("last error")]  # fmt: skip
    rows: list[Any] = [
        (one["name"], one["place"], one["state"], one["lag"],
         words.moment(one["last_ok_at"]) if one["last_ok_at"] else "never", one["last_error"])
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "The record is sent nowhere. Add a place: `nbkeep audit forward add`.")


@forward.command()
def pause(name: Name) -> None:
    """Stop sending for now; what comes meanwhile is sent when it goes on."""
    with office() as api:
        api.post(f"audit/forwards/{part(name)}/pause")
    print_note(f"{name} is paused: `nbkeep audit forward resume {name}`.")


@forward.command()
def resume(name: Name) -> None:
    """Go on from where it stopped, at once."""
    with office() as api:
        found = api.post(f"audit/forwards/{part(name)}/resume")
    print_note(f"{name} goes on; it lacks {found['lag']} records.")


@forward.command()
def test(name: Name) -> None:
    """Send a message that is no record, and say what went wrong if it does not arrive."""
    with office() as api:
        api.post(f"audit/forwards/{part(name)}/test")
    print_note(f"{name} has taken a test message.")


@forward.command()
def remove(name: Name, yes: Yes = False) -> None:
    """Send no more to a destination, and forget how far it is."""
    confirm(f"Remove {name}? How far it is will be forgotten.", yes=yes)
    with office() as api:
        api.delete(f"audit/forwards/{part(name)}")
    print_note(f"{name} is removed.")
