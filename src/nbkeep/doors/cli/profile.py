"""`nbkeep profile`: what users pick from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nbkeep.model.units import exact_size

from . import panels, words
from .connect import office, part
from .options import (
    Json,
    ProfileName,
    Yes,
    complete_flavor,
    complete_image,
    complete_role,
    given,
    require_some,
)
from .output import Column, confirm, print_fields, print_json, print_note, print_table

Image = Annotated[
    str | None, typer.Option("--image", autocompletion=complete_image, help="Image of its kernels.")
]
OnFlavor = Annotated[
    str | None,
    typer.Option("--flavor", autocompletion=complete_flavor, help="Flavor: CPU, memory, GPU, price."),
]
DisplayName = Annotated[str | None, typer.Option("--display-name", help="Its name as users read it.")]
Description = Annotated[str | None, typer.Option("--description", help="What it is for, in a sentence.")]
IdleStop = Annotated[
    str | None,
    typer.Option("--idle-stop", metavar="DURATION", help="Stop after this long without work, e.g. 15min."),
]
MaxSession = Annotated[
    str | None, typer.Option("--max-session", metavar="DURATION", help="Longest session, e.g. 6h.")
]
MaxExtension = Annotated[
    str | None,
    typer.Option(
        "--max-extension", metavar="DURATION", help="What “keep working” may add at most, e.g. 4h, or 0."
    ),
]
Network = Annotated[
    str | None,
    typer.Option("--network", help="Network interfaces of its own: none. See --egress-allowlist."),
]
Allowlist = Annotated[
    str | None,
    typer.Option(
        "--egress-allowlist",
        metavar="HOSTS",
        help="What its sessions may reach, e.g. pypi.org,*.acme.local,10.1.0.0/16:5432,GET@x.org/data/*; "
        "+HOST adds; or none.",
    ),
]
Denylist = Annotated[
    str | None,
    typer.Option(
        "--egress-denylist", metavar="HOSTS", help="What they may never reach, whatever else allows; or none."
    ),
]
Asklist = Annotated[
    str | None,
    typer.Option(
        "--egress-asklist",
        metavar="HOSTS",
        help="What people may ask for: refused until they are granted it for a time; or none.",
    ),
]
PublicInternet = Annotated[
    bool | None,
    typer.Option("--public-internet/--no-public-internet", help="Whether they reach all public addresses."),
]
ProjectHosts = Annotated[
    bool | None,
    typer.Option(
        "--project-hosts/--no-project-hosts", help="Whether projects of its people may add hosts to these."
    ),
]
EgressVolume = Annotated[
    str | None,
    typer.Option(
        "--egress-volume", metavar="SIZE", help="What a session may send in a day (UTC), e.g. 1GB; or none."
    ),
]
EgressDryRun = Annotated[
    bool | None,
    typer.Option(
        "--egress-dry-run/--no-egress-dry-run",
        help="Refuse nothing yet: record what the rules would refuse.",
    ),
]
Classification = Annotated[
    str | None, typer.Option("--classification", help="Of its data: public, internal, confidential or pii.")
]
RecordCode = Annotated[
    bool | None,
    typer.Option("--record-code/--no-record-code", help="Audit the code itself, not only its hash."),
]
Preimport = Annotated[
    str | None,
    typer.Option(
        "--preimport",
        metavar="MODULES",
        help="Modules that its kernels have imported when they start, e.g. numpy,pandas; or none.",
    ),
]
Roles = Annotated[
    list[str] | None,
    typer.Option("--role", autocompletion=complete_role, help="Who may start it; repeat for more."),
]
KeepState = Annotated[
    bool | None,
    typer.Option("--keep-state/--no-keep-state", help="Whether variables survive a stop, for a resume."),
]
StateLimit = Annotated[
    str | None,
    typer.Option("--state-limit", metavar="SIZE", help="Most that one session may save, e.g. 8GB."),
]
StateRetention = Annotated[
    str | None,
    typer.Option("--state-retention", metavar="DURATION", help="How long saved state is kept, e.g. 7d."),
]
StateKey = Annotated[
    str | None,
    typer.Option(
        "--state-key",
        metavar="NAME",
        help="The key of saved state, of state_keys; or platform.",
    ),
]
Frozen = Annotated[
    str | None,
    typer.Option(
        "--frozen",
        metavar="DURATION",
        help="How long idle sessions rest in memory before they are suspended, e.g. 15min; 0, or platform.",
    ),
]
Downloads = Annotated[
    str | None,
    typer.Option(
        "--downloads",
        metavar="DECISION",
        help="Of files: allow, review (where a scan finds something) or deny. Policies may be stricter.",
    ),
]
Quarantine = Annotated[
    bool | None,
    typer.Option(
        "--quarantine/--no-quarantine",
        help="Its sessions get an empty home and nothing of their person, and let nothing out.",
    ),
]
Enabled = Annotated[bool | None, typer.Option("--enabled/--disabled", help="Whether it can be started.")]

profile = typer.Typer(help="What users pick from: image, flavor, limits, policy.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `nbkeep profile`."""
    app.add_typer(profile, name="profile", rich_help_panel=panels.COMPUTE)


@profile.command()
def create(
    name: Annotated[str, typer.Argument(metavar="PROFILE", help="Its name.")],
    flavor: Annotated[
        str, typer.Option("--flavor", autocompletion=complete_flavor, help="Flavor it stands on.")
    ],
    image: Annotated[
        str, typer.Option("--image", autocompletion=complete_image, help="Image of its kernels.")
    ] = "base",
    display_name: DisplayName = None,
    description: Description = None,
    idle_stop: IdleStop = None,
    max_session: MaxSession = None,
    max_extension: MaxExtension = None,
    network: Network = None,
    classification: Classification = None,
    record_code: RecordCode = None,
    preimport: Preimport = None,
    roles: Roles = None,
    enabled: Enabled = None,
    keep_state: KeepState = None,
    state_limit: StateLimit = None,
    state_retention: StateRetention = None,
    state_key: StateKey = None,
    frozen: Frozen = None,
    egress_allowlist: Allowlist = None,
    egress_denylist: Denylist = None,
    egress_asklist: Asklist = None,
    public_internet: PublicInternet = None,
    project_hosts: ProjectHosts = None,
    egress_volume: EgressVolume = None,
    egress_dry_run: EgressDryRun = None,
    downloads: Downloads = None,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Create a profile.

    Example: nbkeep profile create teaching --flavor notebook-cpu-small --idle-stop 10min
    """
    body = given(
        name=name,
        image=image,
        flavor=flavor,
        display_name=display_name,
        description=description,
        idle_stop=idle_stop,
        max_session=max_session,
        max_extension=max_extension,
        network=network,
        classification=classification,
        record_code=record_code,
        preimport=preimport,
        roles=_roles(roles),
        enabled=enabled,
        keep_state=keep_state,
        state_limit=state_limit,
        state_retention=state_retention,
        state_key=state_key,
        frozen=frozen,
        egress_allowlist=egress_allowlist,
        egress_denylist=egress_denylist,
        egress_asklist=egress_asklist,
        public_internet=public_internet,
        project_hosts=project_hosts,
        egress_volume=egress_volume,
        egress_dry_run=egress_dry_run,
        downloads=downloads,
        quarantine=quarantine,
    )
    with office() as api:
        _print(api.post("profiles", body), as_json=as_json)


@profile.command("set")
def set_profile(
    name: ProfileName,
    image: Image = None,
    flavor: OnFlavor = None,
    display_name: DisplayName = None,
    description: Description = None,
    idle_stop: IdleStop = None,
    max_session: MaxSession = None,
    max_extension: MaxExtension = None,
    network: Network = None,
    classification: Classification = None,
    record_code: RecordCode = None,
    preimport: Preimport = None,
    roles: Roles = None,
    enabled: Enabled = None,
    keep_state: KeepState = None,
    state_limit: StateLimit = None,
    state_retention: StateRetention = None,
    state_key: StateKey = None,
    frozen: Frozen = None,
    egress_allowlist: Allowlist = None,
    egress_denylist: Denylist = None,
    egress_asklist: Asklist = None,
    public_internet: PublicInternet = None,
    project_hosts: ProjectHosts = None,
    egress_volume: EgressVolume = None,
    egress_dry_run: EgressDryRun = None,
    downloads: Downloads = None,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Change a profile; running sessions keep what they started with.

    What they may reach and download is the exception: it changes for running sessions too, within a second.

    Example: nbkeep profile set notebook-pii --egress-allowlist 'internal-data.acme.local,*.bd'
    """
    fields = given(
        image=image,
        flavor=flavor,
        display_name=display_name,
        description=description,
        idle_stop=idle_stop,
        max_session=max_session,
        max_extension=max_extension,
        network=network,
        classification=classification,
        record_code=record_code,
        preimport=preimport,
        roles=_roles(roles),
        enabled=enabled,
        keep_state=keep_state,
        state_limit=state_limit,
        state_retention=state_retention,
        state_key=state_key,
        frozen=frozen,
        egress_allowlist=egress_allowlist,
        egress_denylist=egress_denylist,
        egress_asklist=egress_asklist,
        public_internet=public_internet,
        project_hosts=project_hosts,
        egress_volume=egress_volume,
        egress_dry_run=egress_dry_run,
        downloads=downloads,
        quarantine=quarantine,
    )
    require_some(fields, "for example --idle-stop 15min or --max-session 6h; see --help")
    with office() as api:
        _print(api.patch(f"profiles/{part(name)}", fields), as_json=as_json)


@profile.command()
def show(name: ProfileName, as_json: Json = False) -> None:
    """Show one profile."""
    with office() as api:
        _print(api.get(f"profiles/{part(name)}"), as_json=as_json)


@profile.command("list")
def list_profiles(as_json: Json = False) -> None:
    """List profiles: those that you may start, or all for an admin."""
    with office() as api:
        found = list(api.items("profiles"))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("name", keep=True),
        Column("flavor"),
        Column("image"),
        Column("idle stop", right=True),
        Column("max", right=True),
        Column("on"),
    ]
    rows = [
        (
            p["name"],
            _flavor_name(p),
            p["image"],
            words.duration(p["idle_stop_s"]),
            words.duration(p["max_session_s"]),
            "yes" if p["enabled"] else "no",
        )
        for p in found
    ]
    print_table(columns, rows, "No profiles. Make one: `nbkeep profile create NAME --flavor FLAVOR`.")


@profile.command()
def delete(name: ProfileName, yes: Yes = False) -> None:
    """Delete a profile; sessions that run from it go on."""
    confirm(f"Delete the profile {name}? Nobody can start it any more.", yes=yes)
    with office() as api:
        api.delete(f"profiles/{part(name)}")
    print_note(f"The profile {name} is deleted; sessions that run from it go on.")


def _roles(names: list[str] | None) -> list[str] | None:
    return [words.full_role(name) for name in names] if names else None


def _flavor_name(found: dict[str, Any]) -> str:
    flavor = found["flavor"]
    return str(flavor["name"] if isinstance(flavor, dict) else flavor)  # pyright: ignore[reportUnknownArgumentType]


def _volume(count: int) -> str:
    return f"at most {exact_size(count)} of each session" if count else "any amount"


def _variables(found: dict[str, Any]) -> str:
    if not found["keep_state"]:
        return "lost at a stop"
    rest_s, frozen = found["frozen_s"], ""
    if rest_s is not None:
        frozen = f", frozen first for {words.duration(rest_s)}" if rest_s else ", never frozen"
    key = f", encrypted with the key {found['state_key']}" if found["state_key"] else ""
    kept = f"kept for {words.duration(found['state_retention_s'])} after a stop"
    return f"{kept}, up to {words.size(found['state_max_bytes'])}{frozen}{key}"


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_fields(
        [
            ("name", found["name"]),
            ("display name", found["display_name"]),
            ("description", found["description"]),
            ("image", found["image"]),
            ("flavor", _flavor_name(found)),
            ("approval", "needed before a start" if found["needs_approval"] else None),
            ("idle stop", words.duration(found["idle_stop_s"])),
            ("max session", words.duration(found["max_session_s"])),
            ("max extension", words.duration(found["max_extension_s"])),
            ("reach", found["words"]["network"]),
            ("packages", found["words"]["packages"]),
            ("allowed hosts", ", ".join(found["egress_allowlist"])),
            ("refused hosts", ", ".join(found["egress_denylist"])),
            ("hosts of projects", "added" if found["project_hosts"] else None),
            ("sends a day", _volume(found["egress_volume_bytes"])),
            ("may be asked for", ", ".join(found["egress_asklist"])),
            ("classification", found["classification"]),
            ("downloads", found["words"]["downloads"]),
            ("quarantine", found["words"]["quarantine"] or None),
            ("variables", _variables(found)),
            ("audit of code", "code and hash" if found["record_code"] else "hash only"),
            ("imported at start", ", ".join(found["preimport"]) or "nothing"),
            ("roles", ", ".join(words.role(name) for name in found["roles"])),
            ("enabled", "yes" if found["enabled"] else "no"),
        ]
    )
