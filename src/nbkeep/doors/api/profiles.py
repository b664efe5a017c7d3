"""/api/v1/profiles: what people pick from."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.profiles.view import profile_view
from nbkeep.sessions.offers import offers

from .auth import ActorDep, OfficeDep
from .flavors import given

router = APIRouter(prefix="/profiles", tags=["profiles"])


class ProfileFields(BaseModel):
    """Fields of a profile. Durations may be `15min` or seconds, sizes `8GiB` or bytes."""

    model_config = ConfigDict(extra="allow")  # the room refuses unknown fields, with the list of known ones

    name: str | None = Field(default=None, examples=["notebook-cpu-small"])
    display_name: str | None = None
    description: str | None = None
    image: str | None = Field(default=None, examples=["base"])
    flavor: str | None = Field(default=None, examples=["notebook-cpu-small"])
    idle_stop: int | str | None = Field(default=None, examples=["30min"])
    max_session: int | str | None = Field(default=None, examples=["8h"])
    max_extension: int | str | None = Field(default=None, examples=["4h"])
    network: str | None = Field(default=None, examples=["none"])
    classification: str | None = Field(default=None, examples=["internal"])
    record_code: bool | None = None
    preimport: list[str] | str | None = Field(default=None, examples=[["numpy", "pandas"]])
    roles: list[str] | str | None = None
    enabled: bool | None = None
    keep_state: bool | None = None
    state_limit: int | str | None = Field(default=None, examples=["16GiB"])
    state_retention: int | str | None = Field(default=None, examples=["7d"])
    state_key: str | None = Field(default=None, examples=["platform"])
    frozen: int | str | None = Field(default=None, examples=["15min"])
    egress_allowlist: list[str] | str | None = Field(
        default=None, examples=[["pypi.org", "*.acme.local", "GET|HEAD@github.com/acme/*"]]
    )
    egress_denylist: list[str] | str | None = Field(default=None, examples=[["paste.example.com"]])
    egress_volume: int | str | None = Field(default=None, examples=["1GB"])
    egress_asklist: list[str] | str | None = Field(default=None, examples=[["huggingface.co", "*.pypi.org"]])
    public_internet: bool | None = None
    project_hosts: bool | None = Field(default=None, description="Projects of its people may add hosts")
    egress_dry_run: bool | None = None
    downloads: str | None = Field(
        default=None,
        examples=["review"],
        description="allow, review (where a scan finds something), deny; policies may be stricter",
    )
    quarantine: bool | None = Field(
        default=None, description="Its sessions get nothing of their person, and let nothing out"
    )
    packages: dict[str, Any] | str | None = Field(
        default=None, examples=[{"allow": ["numpy", "scikit-*"], "min_age": "7d"}],
        description="Package policy: fields that are given change; `none` ends it",
    )  # fmt: skip


@router.get("")
def list_profiles(office: OfficeDep, actor: ActorDep, *, startable: bool = False) -> dict[str, Any]:
    """List the profiles that you may know of, each with `startable` and, where it is not, `why_not`.

    `startable=true` puts those first that could be started now; the others stay in the list, with their
    reason.
    """
    items = [one.as_json(office.settings.currency) for one in offers(office, actor)]
    if startable:
        items.sort(key=lambda one: not one["startable"])
    return {"items": items, "next": None}


@router.post("", status_code=201)
def create_profile(body: ProfileFields, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Create a profile."""
    known = known_to(office.settings)
    with office.store.write() as tx:
        made = profiles.create_profile(tx, office.clock, actor, given(body), known)
    return profile_view(*made, office.settings.currency)


@router.get("/{name}")
def show_profile(name: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Show one profile, with whether it could be started now."""
    return offers(office, actor, name)[0].as_json(office.settings.currency)


@router.patch("/{name}")
def change_profile(name: str, body: ProfileFields, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Change a profile; running sessions keep what they started with.

    What its sessions may reach (`egress_…`, `public_internet`, `project_hosts`) and `downloads` change for
    running ones too, within a second.
    """
    known = known_to(office.settings)
    with office.store.write() as tx:
        made = profiles.change_profile(tx, office.clock, actor, name, given(body), known)
    return profile_view(*made, office.settings.currency)


@router.delete("/{name}", status_code=204)
def delete_profile(name: str, office: OfficeDep, actor: ActorDep) -> None:
    """Delete a profile; sessions that run from it go on."""
    with office.store.write() as tx:
        profiles.delete_profile(tx, office.clock, actor, name)
