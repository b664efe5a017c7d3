"""`nbkeep project`: people in groups, to which secrets and connections can be granted."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import panels
from .connect import office, part
from .options import Json, UserName, complete_project, complete_user, given, require_some
from .output import Column, confirm, print_fields, print_json, print_note, print_table

_HELP = """People in groups, to which secrets and connections can be granted.

What is granted to project:NAME, the sessions of its members may use, from when they join until they leave.
"""
project = typer.Typer(help=_HELP, no_args_is_help=True)

Which = Annotated[
    str, typer.Argument(metavar="PROJECT", autocompletion=complete_project, help="A project's name.")
]

Allowlist = Annotated[
    str | None,
    typer.Option(
        "--egress-allowlist",
        metavar="HOSTS",
        help="What it adds where a profile has --project-hosts; as in `profile set`: +HOST adds; or none.",
    ),
]
Denylist = Annotated[
    str | None,
    typer.Option(
        "--egress-denylist", metavar="HOSTS", help="What no session of its members may reach; or none."
    ),
]


def register(app: typer.Typer) -> None:
    """Add `nbkeep project`."""
    app.add_typer(project, name="project", rich_help_panel=panels.PEOPLE)


@project.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    lead: Annotated[
        str | None,
        typer.Option(
            "--lead", metavar="USER", autocompletion=complete_user, help="Who adds and takes members."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a project. Admins do.

    Example: nbkeep project add orion --description "Demand forecasts" --lead jane
    """
    with office() as api:
        found = api.post("projects", given(name=name, description=description, lead=lead))
    if as_json:
        print_json(found)
        return
    print_note(f"{name} is there. Add people: `nbkeep project join {name} USER`; "
               f"grant to them all: `nbkeep secret grant SECRET project:{name}`.")  # fmt: skip


@project.command("list")
def list_projects(as_json: Json = False) -> None:
    """List the projects that you are in; admins see all."""
    with office() as api:
        found = list(api.items("projects"))
    if as_json:
        print_json(found)
        return
    columns = [Column("name", keep=True), Column("members", right=True), Column("leads"), Column("granted"),
               Column("description")]  # fmt: skip
    rows: list[Any] = [
        (one["name"], len(one["members"]), _people(one, leads=True), _granted(one), one["description"])
        for one in found
    ]
    print_table(columns, rows, "No projects. An admin creates one: `nbkeep project add NAME`.")


@project.command()
def show(which: Which, as_json: Json = False) -> None:
    """Show who is in a project, and what is granted to it."""
    with office() as api:
        found = api.get(f"projects/{part(which)}")
    if as_json:
        print_json(found)
        return
    print_fields(
        [
            ("name", found["name"]),
            ("id", found["id"]),
            ("description", found["description"]),
            ("leads", _people(found, leads=True) or "nobody"),
            ("members", _people(found, leads=False) or "nobody"),
            ("granted", _granted(found) or "nothing"),
            *_hosts(found),
        ]
    )


@project.command()
def describe(
    which: Which, description: Annotated[str, typer.Argument(metavar="TEXT", help="What it is for.")]
) -> None:
    """Write anew what a project is for. Admins do.

    Example: nbkeep project describe orion "Demand forecasts for 2028"
    """
    with office() as api:
        api.patch(f"projects/{part(which)}", {"description": description})
    print_note(f"{which}: {description}")


@project.command("set")
def set_project(
    which: Which, egress_allowlist: Allowlist = None, egress_denylist: Denylist = None, as_json: Json = False
) -> None:
    """Change what a project says of hosts; running sessions of its members have it within a second.

    Admins do. What it allows counts in profiles that have --project-hosts; what it refuses, in all.

    Example: nbkeep project set orion --egress-allowlist 'wiki.acme.local,data.acme.local:8443'
    """
    fields = given(egress_allowlist=egress_allowlist, egress_denylist=egress_denylist)
    require_some(fields, "for example --egress-allowlist wiki.acme.local; see --help")
    with office() as api:
        found = api.patch(f"projects/{part(which)}", fields)
    if as_json:
        print_json(found)
        return
    print_fields([("name", found["name"]), *_hosts(found)])


@project.command()
def join(
    which: Which,
    user: UserName,
    lead: Annotated[
        bool | None,
        typer.Option("--lead/--no-lead", help="Whether they add and take members; admins say it."),
    ] = None,
) -> None:
    """Add somebody; their sessions that run may use what is granted to it within a second.

    Example: nbkeep project join orion bob
    """
    with office() as api:
        found = api.post(f"projects/{part(which)}/members", given(user=user, is_lead=lead))
    leads = any(one["is_lead"] for one in found["members"] if one["user"] == user)
    print_note(f"{user} {'leads' if leads else 'is in'} {which}. {_may_use(found)}")


@project.command()
def leave(which: Which, user: UserName) -> None:
    """Take somebody out; what they had by it ends, and what is open is cut within a second."""
    with office() as api:
        api.delete(f"projects/{part(which)}/members/{part(user)}")
    print_note(f"{user} is not in {which}.")


@project.command()
def remove(
    which: Which,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask, and take what is granted to it away.")
    ] = False,
) -> None:
    """Remove a project; its members lose what is granted to it.

    Without --yes it stays where something is granted to it, and that is listed.
    """
    with office() as api:
        found = api.get(f"projects/{part(which)}")
        if not _granted(found):
            confirm(f"Remove {which}? It has {_count(found)}, and nothing is granted to it.", yes=yes)
        lost = _granted(api.delete(f"projects/{part(which)}", take_grants=yes, **given(reason=reason)))
    print_note(f"{which} is removed. {f'Lost to its {_count(found)}: {lost}.' if lost else ''}".strip())


def _people(found: dict[str, Any], *, leads: bool) -> str:
    return ", ".join(one["user"] + (" (disabled)" if one["status"] == "disabled" else "")
                     for one in found["members"] if one["is_lead"] is leads)  # fmt: skip


def _hosts(found: dict[str, Any]) -> list[tuple[str, str | None]]:
    lists = (("allowed hosts", "egress_allowlist"), ("refused hosts", "egress_denylist"))
    return [(title, ", ".join(found[field]) or None) for title, field in lists]


def _granted(found: dict[str, Any]) -> str:
    secrets = [f"secret {one['name']}" for one in found["secrets"]]
    return ", ".join(secrets + [f"connection {name}" for name in found["connections"]])


def _may_use(found: dict[str, Any]) -> str:
    granted = _granted(found)
    return f"Their sessions may use: {granted}." if granted else "Nothing is granted to it yet."


def _count(found: dict[str, Any]) -> str:
    count = len(found["members"])
    return f"{count} member{'' if count == 1 else 's'}"
