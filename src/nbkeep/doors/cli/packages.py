"""`nbkeep packages`: what sessions may install, what they installed, and who approved it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nbkeep.model.errors import Refused

from . import panels, words
from .advisories import read_records
from .connect import office, part
from .options import Json, Limit, ProfileName, complete_session, given, require_some
from .output import Column, clean, print_fields, print_json, print_note, print_table

packages = typer.Typer(help="What sessions may install, what they did, and who approved it.",
                       no_args_is_help=True)  # fmt: skip
policy = typer.Typer(help="The package policy of a profile.", no_args_is_help=True)
advisories = typer.Typer(help="Known vulnerabilities, as OSV tells them.", no_args_is_help=True)

Index = Annotated[
    str | None, typer.Option("--index", metavar="URL", help="The index, e.g. https://pypi.org/simple.")
]
FileHosts = Annotated[
    str | None,
    typer.Option(
        "--file-hosts", metavar="HOSTS", help="Where its files lie, if not on its own host; or none."
    ),
]
Allow = Annotated[
    str | None,
    typer.Option("--allow", metavar="NAMES", help="Only these, e.g. numpy,'scikit-*'; or none, for all."),
]
Deny = Annotated[str | None, typer.Option("--deny", metavar="NAMES", help="Never these; or none.")]
Pins = Annotated[
    list[str] | None,
    typer.Option(
        "--pin", metavar="REQUIREMENT", help="Only these versions, e.g. 'numpy<2'; repeat; or none."
    ),
]
MinAge = Annotated[
    str | None,
    typer.Option(
        "--min-age", metavar="DURATION", help="How long a file has been on the index, e.g. 7d; or 0."
    ),
]
RequireHash = Annotated[
    bool | None, typer.Option("--require-hash/--no-require-hash", help="Only files with a SHA-256.")
]
NoVulnerable = Annotated[
    bool | None,
    typer.Option("--no-vulnerable/--vulnerable", help="No versions with a known vulnerability."),
]
OnlyApproved = Annotated[
    bool | None, typer.Option("--only-approved/--not-only-approved", help="Only approved versions.")
]
Licences = Annotated[
    str | None,
    typer.Option("--licences", metavar="IDS", help="Only under these, e.g. MIT,BSD-3-Clause; or none."),
]
Package = Annotated[str, typer.Argument(metavar="NAME==VERSION", help="A version of a package.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep packages`."""
    packages.add_typer(policy, name="policy")
    packages.add_typer(advisories, name="advisories")
    app.add_typer(packages, name="packages", rich_help_panel=panels.COMPUTE)


@policy.command("set")
def set_policy(
    name: ProfileName,
    index: Index = None,
    file_hosts: FileHosts = None,
    allow: Allow = None,
    deny: Deny = None,
    pins: Pins = None,
    min_age: MinAge = None,
    require_hash: RequireHash = None,
    no_vulnerable: NoVulnerable = None,
    only_approved: OnlyApproved = None,
    licences: Licences = None,
    as_json: Json = False,
) -> None:
    """Say what sessions of a profile may install. What is not given stays as it is.

    It opens the way to the index by itself, and holds for running sessions within a second.

    Example: nbkeep packages policy set notebook-pii --allow numpy,pandas --pin 'numpy<2' --min-age 7d
    """
    wanted = given(
        index=index,
        file_hosts=file_hosts,
        allow=allow,
        deny=deny,
        pins=[] if pins == ["none"] else pins,
        min_age=min_age,
        require_hash=require_hash,
        no_vulnerable=no_vulnerable,
        only_approved=only_approved,
        licences=licences,
    )
    require_some(wanted, "--index, --allow, --deny, --pin, --min-age, --require-hash and others")
    with office() as api:
        found = api.patch(f"profiles/{part(name)}", {"packages": wanted})
        known = api.get("packages/advisories") if found["packages"]["no_vulnerable"] else None
    if as_json:
        print_json(found["packages"])
        return
    print_note(clean(f"{found['name']}: {found['words']['packages']}."))
    if known is not None and not known["advisories"]:
        print_note("Nothing is let in before advisories are known: `nbkeep packages advisories load FILE`.")


@policy.command("show")
def show_policy(name: ProfileName, as_json: Json = False) -> None:
    """Show what sessions of a profile may install."""
    with office() as api:
        found = api.get(f"profiles/{part(name)}")
    said = found["packages"]
    if as_json:
        print_json(said)
        return
    if said is None:
        print_note(f"{found['name']} has no package policy: what its sessions reach, they may install from.")
        return
    print(clean(f"{found['words']['packages']}."))
    print_fields(
        [
            ("index", said["index"]),
            ("files from", ", ".join(said["file_hosts"])),
            ("allowed", ", ".join(said["allow"]) or "all that are not denied"),
            ("denied", ", ".join(said["deny"])),
            ("pinned", "; ".join(said["pins"])),
            ("least age", words.duration(said["min_age_s"]) if said["min_age_s"] else ""),
            ("licences", ", ".join(said["licences"])),
            ("hash required", "yes" if said["require_hash"] else ""),
            ("vulnerable ones", "refused" if said["no_vulnerable"] else ""),
            ("approved only", "yes" if said["only_approved"] else ""),
        ]
    )


@policy.command("clear")
def clear_policy(name: ProfileName) -> None:
    """End the package policy of a profile; the index is reached no more unless its rules allow it."""
    with office() as api:
        api.patch(f"profiles/{part(name)}", {"packages": "none"})
    print_note(f"{name} has no package policy any more.")


@packages.command()
def session(
    session_id: Annotated[
        str, typer.Argument(metavar="SESSION", autocompletion=complete_session, help="A session's id.")
    ],
    limit: Limit = 200,
    as_json: Json = False,
) -> None:
    """List what a session installed and was refused, newest first."""
    with office() as api:
        found = list(api.items("packages/installs", limit=limit, session=session_id))
    if as_json:
        print_json(found)
        return
    columns = [Column("when (UTC)", keep=True), Column("package", keep=True), Column("outcome", keep=True),
               Column("approved"), Column("file"), Column("sha256"), Column("index"),
               Column("why")]  # fmt: skip
    rows = [
        (words.moment(one["at"]), _named(one), one["outcome"], "yes" if one["approved"] else "",
         one["file"], one["sha256"], one["index"], one["reason"])
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "It installed nothing from an index with a policy.")


@packages.command("unreviewed")
def list_unreviewed(limit: Limit = 100, as_json: Json = False) -> None:
    """List versions that sessions installed and nobody has approved, the latest first."""
    with office() as api:
        found = list(api.items("packages/unreviewed", limit=limit))
    if as_json:
        print_json(found)
        return
    columns = [Column("package", keep=True), Column("sessions", right=True), Column("people", right=True),
               Column("first"), Column("last")]  # fmt: skip
    rows = [
        (_named(one), one["sessions"], one["user"] or one["users"], words.moment(one["first_at"]),
         words.moment(one["last_at"]))
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "Nothing: all that was installed is approved.")


@packages.command()
def approve(package: Package) -> None:
    """Approve a version: it is reviewed, and allowed where only approved ones are.

    Example: nbkeep packages approve numpy==1.26.4
    """
    with office() as api:
        found = api.post("packages/approvals", {"package": package})
    print_note(clean(f"{_named(found)} is approved."))


@packages.command()
def revoke(package: Package) -> None:
    """Take an approval back. What is installed stays; to keep a version out everywhere, deny or pin it."""
    with office() as api:
        api.delete("packages/approvals", package=package)
    print_note(clean(f"{package} is not approved any more."))


@packages.command("approved")
def list_approved(as_json: Json = False) -> None:
    """List approved versions."""
    with office() as api:
        found = list(api.items("packages/approvals"))
    if as_json:
        print_json(found)
        return
    columns = [Column("package", keep=True), Column("approved by"), Column("when (UTC)")]
    rows = [(_named(one), one["approved_by"], words.moment(one["approved_at"])) for one in found]
    print_table(columns, rows, "Nothing is approved: see `nbkeep packages approve`.")


@advisories.command("load")
def load_advisories(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A zip, folder or file of OSV JSON, such as PyPI's all.zip."),
    ],
) -> None:
    """Load known vulnerabilities, in the place of those that were there. Gateways use them within a second.

    Example: nbkeep packages advisories load all.zip
    """
    lines, count = read_records(file)
    if not count:
        raise Refused("no-advisories", f"There is no OSV record in {file}.", "Is it the right file?")
    with office() as api:
        found = api.post_text("packages/advisories", lines, "application/jsonl")
    print_note(f"{found['advisories']} advisories about {found['packages']} packages are known now.")


@advisories.command("status")
def show_advisories(as_json: Json = False) -> None:
    """Show how many vulnerabilities are known, and since when."""
    with office() as api:
        found = api.get("packages/advisories")
    if as_json:
        print_json(found)
        return
    print_fields([("advisories", found["advisories"]), ("packages", found["packages"]),
                  ("loaded", words.moment(found["loaded_at"]))])  # fmt: skip


def _named(one: dict[str, Any]) -> str:
    return f"{one['name']}=={one['version']}" if one["version"] else str(one["name"])
