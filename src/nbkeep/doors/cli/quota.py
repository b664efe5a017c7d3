"""`nbkeep quota`: how much people and projects may use; overrides, and requests for more."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nbkeep.quotas.parse import from_words

from . import panels, words
from .connect import office, part
from .options import Json, Yes, complete_project, complete_user, given
from .output import Column, confirm, print_json, print_note, print_table

_UNTIL = "2026-12-01, 2026-12-01T18:00 (UTC), or 8h from now."
quota = typer.Typer(
    help="How much people and projects may use, per day, month and at once.", no_args_is_help=True
)
# Limits are options whose names have the type of a GPU or a flavor in them: `quotas/parse.py` reads them.
_ANY = {"ignore_unknown_options": True}

User = Annotated[
    str | None,
    typer.Option("--user", autocompletion=complete_user, help="Of this person: name or e-mail address."),
]
Project = Annotated[
    str | None,
    typer.Option("--project", autocompletion=complete_project, help="Of this project, all together."),
]
Everyone = Annotated[bool, typer.Option("--everyone", help="Of each person who has none of their own.")]
Limits = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="LIMIT...",
        help="--gpu-TYPE-hours-month 40, --gpu-hours-day 8, --hours-month 100, --flavor-NAME-hours-day 8, "
        "--cost-month 500, --sessions-at-once 2, --gpu-TYPE-at-once 4; or gpu-a100=8h/day, cost=500/month.",
    ),
]
Request = Annotated[str, typer.Argument(metavar="REQUEST", help="Its id: `nbkeep quota requests`.")]
Key = Annotated[str, typer.Argument(metavar="QUOTA", help="Such as gpu-a100/month, cost/day or sessions.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep quota`."""
    app.add_typer(quota, name="quota", rich_help_panel=panels.RECORD)


@quota.command("set", context_settings=_ANY)
def set_quotas(
    limits: Limits = None,
    user: User = None,
    project: Project = None,
    everyone: Everyone = False,
    as_json: Json = False,
) -> None:
    """Set how much somebody may use, in place of earlier limits of the same kind.

    Example: nbkeep quota set --user jane@acme.com --gpu-a100-hours-month 40
    """
    body = given(user=user, project=project, everyone=everyone or None, limits=from_words(limits or []))
    with office() as api:
        found = api.post("quotas", body)
    if as_json:
        print_json(found)
        return
    for one in found["items"]:
        print_note(f"{one['subject']}: {one['words']} ({one['quota']}).")
    for note in found["notes"]:
        print_note(note)


@quota.command("list")
def list_quotas(as_json: Json = False) -> None:
    """List what is set: all for admins and auditors, else what holds for you; and overrides."""
    with office() as api:
        found: list[dict[str, Any]] = list(api.items("quotas"))
        overrides: list[dict[str, Any]] = list(api.items("quotas/overrides"))
    if as_json:
        print_json({"items": found, "overrides": overrides})
        return
    columns = [Column("of", keep=True), Column("quota", keep=True), Column("means"), Column("set by")]
    rows = [(one["subject"], one["quota"], f"{one['words']}", one["set_by"]) for one in found]
    print_table(columns, rows, "No quotas. Set one: `nbkeep quota set --everyone gpu=8h/day`.")
    if overrides:
        columns = [
            Column("override", keep=True),
            Column("of"),
            Column("quota"),
            Column("until (UTC)"),
            Column("why"),
        ]
        print_table(
            columns,
            [
                (one["id"], one["subject"], one["quota"], words.moment(one["until"]), one["reason"])
                for one in overrides
            ],
            "",
        )


@quota.command()
def show(user: User = None, as_json: Json = False) -> None:
    """Show what is used, reserved and left of each limit, and when it is back: your own, or somebody's."""
    with office() as api:
        found = api.get("quotas/standing", user=user)["items"]
    if as_json:
        print_json(found)
        return
    amounts = [Column(one, right=True) for one in ("allowed", "used", "reserved", "left", "expected")]
    columns = [Column("quota", keep=True), Column("of"), *amounts, Column("back (UTC)")]
    rows = [
        (one["quota"], one["subject"], one["allowed_words"], one["used_words"], one["reserved_words"],
         one["left_words"], one["forecast_words"] or "-", words.moment(one["back_at"]))
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "No quota holds for them.")


@quota.command("remove")
def remove_quotas(
    key: Annotated[
        str | None, typer.Argument(metavar="[QUOTA]", help="Such as gpu-a100/month; all if not said.")
    ] = None,
    user: User = None,
    project: Project = None,
    everyone: Everyone = False,
    yes: Yes = False,
) -> None:
    """Take a quota away, or all of a user, a project or everyone.

    Example: nbkeep quota remove gpu-a100/month --user jane
    """
    if key is None:
        confirm("This removes all quotas of this subject. Go on?", yes=yes)
    with office() as api:
        api.delete("quotas", user=user, project=project, everyone=everyone or None, quota=key)
    print_note("Removed.")


@quota.command(context_settings=_ANY)
def override(
    until: Annotated[
        str,
        typer.Option("--until", metavar="TIME", help=_UNTIL),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; the audit keeps it.")],
    limits: Limits = None,
    user: User = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Raise limits of a user or a project until a moment; without limits, lift all of them.

    Example: nbkeep quota override --user jane gpu-a100=60h/month --until 8h --reason "paper deadline"
    """
    body = given(
        user=user, project=project, limits=from_words(limits or []), until=words.future(until), reason=reason
    )
    with office() as api:
        found = api.post("quotas/overrides", body)
    if as_json:
        print_json(found)
        return
    for one in found["items"]:
        print_note(f"{one['subject']}: {one['quota']} until {words.moment(one['until'])} (UTC), {one['id']}.")


@quota.command("end-override")
def end_override(
    override_id: Annotated[str, typer.Argument(metavar="OVERRIDE", help="Its id, from `nbkeep quota list`.")],
) -> None:
    """Take an override back before its time; what runs beyond a quota ends after a warning."""
    with office() as api:
        api.delete(f"quotas/overrides/{part(override_id)}")
    print_note("Ended.")


@quota.command()
def ask(
    key: Key,
    reason: Annotated[str, typer.Option("--reason", help="What it is for; an admin reads it.")],
    project: Annotated[
        str | None, typer.Option("--project", help="Of this project instead of your own.")
    ] = None,
) -> None:
    """Ask the admins for more of one of your quotas.

    Example: nbkeep quota ask gpu-a100/month --reason "paper deadline on Friday"
    """
    with office() as api:
        found = api.post("quotas/requests", given(quota=key, reason=reason, project=project))
    print_note(f"Asked ({found['id']}). You are told in the portal and in JupyterLab when it is answered.")


@quota.command()
def requests(
    answered: Annotated[bool, typer.Option("--answered", help="Those that were answered.")] = False,
    as_json: Json = False,
) -> None:
    """List requests for more: everybody's for admins and auditors, else your own."""
    with office() as api:
        found: list[dict[str, Any]] = list(api.items("quotas/requests", answered=answered or None))
    if as_json:
        print_json(found)
        return
    columns = [Column("request", keep=True), Column("who"), Column("quota"), Column("of"), Column("why"),
               Column("answer")]  # fmt: skip
    rows = [
        (one["id"], one["user"], one["quota"], one["subject"], one["reason"], _answer(one)) for one in found
    ]
    print_table(columns, rows, "Nobody waits for more." if not answered else "None were answered.")


def _answer(one: dict[str, Any]) -> str:
    if one["decided_at"] is None:
        return "waits"
    return f"{'given' if one['given'] else 'denied'} by {one['decided_by']}: {one['answer']}".rstrip(": ")


@quota.command()
def give(
    request_id: Annotated[
        str, typer.Argument(metavar="REQUEST", help="Its id, from `nbkeep quota requests`.")
    ],
    until: Annotated[
        str,
        typer.Option("--until", metavar="TIME", help=_UNTIL),
    ],
    limit: Annotated[
        str | None, typer.Option("--limit", help="Such as gpu-a100=60h/month; no limit if not said.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; the audit keeps it.")] = None,
) -> None:
    """Answer a request with an override until a moment."""
    body = given(until=words.future(until), limit=limit, reason=reason)
    with office() as api:
        found = api.post(f"quotas/requests/{part(request_id)}/give", body)
    print_note(f"{found['user']} has more of {found['quota']}, and is told.")


@quota.command()
def deny(
    request_id: Annotated[
        str, typer.Argument(metavar="REQUEST", help="Its id, from `nbkeep quota requests`.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; they are told.")],
) -> None:
    """Turn a request down, with a reason that is passed on."""
    with office() as api:
        found = api.post(f"quotas/requests/{part(request_id)}/deny", given(reason=reason))
    print_note(f"{found['user']} is told.")
