"""`nbkeep alarm`: what is unusual in what people use."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import panels, words
from .connect import office, part
from .options import Json, Limit, complete_alarm, complete_user, given, require_some
from .output import Column, print_fields, print_json, print_note, print_table

alarm = typer.Typer(help="What is unusual in what people use.", no_args_is_help=True)
AlarmId = Annotated[
    str, typer.Argument(metavar="ALARM", autocompletion=complete_alarm, help="An alarm's id.")
]


def register(app: typer.Typer) -> None:
    """Add `nbkeep alarm`."""
    app.add_typer(alarm, name="alarm", rich_help_panel=panels.RECORD)


@alarm.command("list")
def list_alarms(
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help="open, acknowledged or all.")
    ] = "open",
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="spend, egress, tokens or gpu-idle.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", autocompletion=complete_user, help="About this person.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List alarms that nobody has acknowledged, or others, the newest first.

    Example: nbkeep alarm list --kind egress
    """
    with office() as api:
        items: list[dict[str, Any]] = list(
            api.items("alarms", limit=limit, state=state, kind=kind, user=user)
        )
    items = items[:limit]
    if as_json:
        print_json(items)
        return
    rows = [
        (one["id"], words.moment(one["raised_at"]), one["user"], one["kind"], one["message"]) for one in items
    ]
    columns = [
        Column("alarm", keep=True),
        Column("raised (UTC)"),
        Column("user"),
        Column("kind"),
        Column("what"),
    ]
    print_table(columns, rows, "No such alarms." if state != "open" or kind or user else "No open alarms.")


@alarm.command()
def show(alarm_id: AlarmId, as_json: Json = False) -> None:
    """Show an alarm with its numbers, and what somebody found."""
    with office() as api:
        one = api.get(f"alarms/{part(alarm_id)}")
    if as_json:
        print_json(one)
        return
    _print(one)


@alarm.command()
def acknowledge(
    alarm_id: AlarmId,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What it was about.")],
    as_json: Json = False,
) -> None:
    """Close an alarm with a note; the first note stays.

    Example: nbkeep alarm acknowledge alm_06f3k2m9q1x8d4ztw7ha --note "A planned training run"
    """
    with office() as api:
        one = api.post(f"alarms/{part(alarm_id)}/acknowledge", {"note": note})
    if as_json:
        print_json(one)
        return
    _print(one)


@alarm.command()
def rules(as_json: Json = False) -> None:
    """Show when there is an alarm of each kind."""
    with office() as api:
        items: list[dict[str, Any]] = api.get("alarms/rules")
    if as_json:
        print_json(items)
        return
    rows = [
        (one["kind"], "on" if one["enabled"] else "off", one["least_words"],
         "-" if one["factor"] is None else f"{one['factor']:g}", one["changed_by"] or "-")
        for one in items
    ]  # fmt: skip
    columns = [Column("kind", keep=True), Column("state"), Column("from", right=True),
               Column("times the usual", right=True), Column("set by")]  # fmt: skip
    print_table(columns, rows, "No kinds of alarm.")


@alarm.command("set")
def set_rule(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="spend, egress, tokens or gpu-idle.")],
    least: Annotated[
        str | None,
        typer.Option("--from", metavar="AMOUNT", help="No alarm below it: 50 (money), 2GiB, 5000000, 3h."),
    ] = None,
    factor: Annotated[
        float | None,
        typer.Option("--factor", metavar="NUMBER", help="Nor below so many times the usual."),
    ] = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Whether there are any.")] = None,
    as_json: Json = False,
) -> None:
    """Set when there is an alarm; what is not said stays.

    Example: nbkeep alarm set egress --from 2GiB --factor 4
    """
    wanted = given(least=least, factor=factor, enabled=enabled)
    require_some(wanted, "--from, --factor, --on or --off")
    with office() as api:
        one = api.patch(f"alarms/rules/{part(kind)}", wanted)
    if as_json:
        print_json(one)
        return
    usual = "" if one["factor"] is None else f" and {one['factor']:g} times the usual"
    print_note(f"{one['kind']}: {'from ' + one['least_words'] + usual + ' on' if one['enabled'] else 'off'}.")


def _print(one: dict[str, Any]) -> None:
    print_fields([
        ("alarm", one["id"]),
        ("about", one["user"]),
        ("session", one["session_id"]),
        ("what", one["message"]),
        ("raised", f"{words.moment(one['raised_at'])} (UTC)"),
        ("that day, so far or in all", one["measured_words"]),
        ("acknowledged", words.moment(one["acknowledged_at"]) if one["acknowledged_at"] else "no"),
        ("by", one["acknowledged_by"]),
        ("note", one["note"]),
    ])  # fmt: skip
