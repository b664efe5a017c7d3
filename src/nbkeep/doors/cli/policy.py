"""`nbkeep policy`: what may leave by which gate, and who decides it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nbkeep.model.gates import Found

from . import panels, words
from .connect import office
from .options import Json, Yes, complete_profile, complete_project, given, require_some
from .output import Column, confirm, print_json, print_note, print_table

_HELP = """What may leave by which gate: decided by what a scan finds, for everything or for a part.

Gates: save, download, export, share, publish, upload, push. What is found: secret, personal (data), unread
(could not be read), nothing. Decisions, the mildest first: allow, redact, review, deny. Of all rules that
apply to a document, the strictest holds; where none does, the default. A class holds for the classes above
it, too.
"""
policy = typer.Typer(help=_HELP, no_args_is_help=True)

_FOUND = tuple(kind.value for kind in Found)
Profile = Annotated[
    str | None, typer.Option("--profile", autocompletion=complete_profile, help="For this profile.")
]
Project = Annotated[
    str | None,
    typer.Option("--project", autocompletion=complete_project, help="For this project's members."),
]
Class = Annotated[
    str | None,
    typer.Option("--class", metavar="CLASS", help="For this class of data, and those above it."),
]
Gates = Annotated[
    list[str],
    typer.Option(
        "--gate",
        metavar="GATE",
        help="save, download, export, share, publish, upload, push; all: by which documents leave.",
    ),
]
Secret = Annotated[
    str | None, typer.Option("--secret", metavar="DECISION", help="Where a secret is found: allow … deny.")
]
Personal = Annotated[
    str | None, typer.Option("--personal", metavar="DECISION", help="Where personal data is found.")
]
Unread = Annotated[
    str | None, typer.Option("--unread", metavar="DECISION", help="Where a part could not be read.")
]
Nothing = Annotated[
    str | None, typer.Option("--nothing", metavar="DECISION", help="Where nothing is found; holds for all.")
]


def register(app: typer.Typer) -> None:
    """Add `nbkeep policy`."""
    app.add_typer(policy, name="policy", rich_help_panel=panels.COMPUTE)


@policy.command("set")
def set_policy(
    gates: Gates,
    secret: Secret = None,
    personal: Personal = None,
    unread: Unread = None,
    nothing: Nothing = None,
    profile: Profile = None,
    project: Project = None,
    classification: Class = None,
    as_json: Json = False,
) -> None:
    """Decide what happens to what is found; without --profile, --project or --class for everything.

    Example: nbkeep policy set --class pii --gate export --gate share --secret deny --personal review
    """
    decisions = given(secret=secret, personal=personal, unread=unread, nothing=nothing)
    require_some(decisions, "for example --secret deny; see --help")
    body = given(profile=profile, project=project, classification=classification) | decisions
    with office() as api:
        found = api.patch("policies", {"gates": gates, **body})
    if as_json:
        print_json(found)
        return
    _print(found["items"], "")
    for note in found["notes"]:
        print_note(note)


@policy.command("unset")
def unset_policy(
    gates: Annotated[
        list[str] | None, typer.Option("--gate", metavar="GATE", help="At this gate only; repeat.")
    ] = None,
    found: Annotated[
        str | None,
        typer.Option("--found", metavar="KINDS", help="Only of these: secret,personal,unread,nothing."),
    ] = None,
    profile: Profile = None,
    project: Project = None,
    classification: Class = None,
    yes: Yes = False,
) -> None:
    """Take away what is set; the default holds again, or what is set elsewhere.

    Example: nbkeep policy unset --profile teaching --gate download
    """
    scope = given(profile=profile, project=project, classification=classification)
    if not scope and not gates and not found:
        confirm("This unsets all rules for everything: the defaults hold again. Go on?", yes=yes)
    with office() as api:
        removed = api.delete("policies", **scope, gate=gates or None, found=_kinds(found) or None)["removed"]
    print_note(
        f"Unset: {removed} decision{'' if removed == 1 else 's'}." if removed else "Nothing was set there."
    )


@policy.command("list")
def list_policies(as_json: Json = False) -> None:
    """List what is set, and the defaults, which hold where nothing is."""
    with office() as api:
        found = api.get("policies")
    if as_json:
        print_json({"items": found["items"], "defaults": found["defaults"]})
        return
    defaults = [
        {"scope": "(default)", "gate": gate, "decisions": decisions, "set_by": ""}
        for gate, decisions in found["defaults"].items()
    ]
    _print([*found["items"], *defaults], "")


@policy.command()
def explain(
    gate: Annotated[str, typer.Option("--gate", metavar="GATE", help="At this gate.")],
    profile: Profile = None,
    projects: Annotated[
        list[str] | None,
        typer.Option("--project", autocompletion=complete_project, help="Its author is in it; repeat."),
    ] = None,
    classification: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="It is of this class of data.")
    ] = None,
    found: Annotated[
        str | None,
        typer.Option("--found", metavar="KINDS", help="What a scan finds: secret,personal; all if not said."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain what happens to a document at a gate, and whose rule says so.

    Example: nbkeep policy explain --gate export --class pii --found secret,personal
    """
    with office() as api:
        told = api.get(
            "policies/explain",
            gate=gate,
            profile=profile,
            project=projects or None,
            classification=classification,
            found=_kinds(found) or None,
        )
    if as_json:
        print_json(told)
        return
    columns = [Column("found", keep=True), Column("decision", keep=True), Column("by")]
    print_table(columns, [(one["found"], one["decision"], one["words"]) for one in told["because"]], "")
    held = [
        f"{one['words']}: {one['found']} {one['decision']}"
        + ("" if one["may_loosen"] else " (tightens only)")
        for one in told["rules"]
    ]
    print_note(f"Asked: {'; '.join(held)}." if held else "No rule applies: the defaults hold.")
    if told["words"]:
        print_note(told["words"])


def _kinds(text: str | None) -> list[str]:
    return [one.strip() for one in (text or "").split(",") if one.strip()]


def _print(found: list[dict[str, Any]], empty: str) -> None:
    columns = [Column("for", keep=True), Column("gate", keep=True), *map(Column, _FOUND), Column("set by")]
    rows = [
        (
            _scope(one),
            one["gate"],
            *(one["decisions"].get(kind, "-") for kind in _FOUND),
            f"{one['set_by']}, {words.moment(one['set_at'])}" if one["set_by"] else "",
        )
        for one in found
    ]
    print_table(columns, rows, empty)


def _scope(one: dict[str, Any]) -> str:
    return f"{one['scope']}{' (deleted)' if one.get('is_deleted') else ''}"
