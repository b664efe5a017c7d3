"""/api/v1/projects: people in groups, to which secrets and connections can be granted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.model.errors import invalid
from nbkeep.people import projects
from nbkeep.people.project_hosts import set_project_hosts
from nbkeep.people.project_records import find_project, list_projects
from nbkeep.people.project_view import project_view, project_views

from .auth import ActorDep, OfficeDep
from .flavors import given

router = APIRouter(tags=["projects"])


class ProjectWanted(BaseModel):
    """A project to create."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        max_length=100, examples=["orion"], description="Small letters, digits, hyphens; a letter first"
    )
    description: str = Field("", max_length=1000, examples=["Demand forecasts for 2027"])
    lead: str | None = Field(None, max_length=100, examples=["jane"], description="Its first member")


class ProjectChange(BaseModel):
    """What is written of a project."""

    model_config = ConfigDict(extra="forbid")

    description: str | None = Field(None, max_length=1000, examples=["Demand forecasts for 2028"])
    egress_allowlist: list[str] | str | None = Field(
        None,
        examples=[["wiki.acme.local"]],
        description="Added where a profile lets projects; as in profiles",
    )
    egress_denylist: list[str] | str | None = Field(
        None, examples=[["paste.example.com"]], description="Refused in all sessions of its members"
    )


class MemberWanted(BaseModel):
    """Whom to add to a project."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(max_length=100, examples=["bob"])
    is_lead: bool | None = Field(
        None, description="Whether they add and take members; needs `admin:projects`. Absent: as it is"
    )


@router.get("/projects", summary="List projects")
def list_all(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return the projects that you are in; with `admin:projects` all."""
    with office.store.read() as tx:
        items = project_views(tx, actor, list_projects(tx, actor))
    return {"items": items, "next": None}


@router.post("/projects", status_code=201, summary="Create a project")
def add(wanted: ProjectWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Create a project; nothing is granted to it yet. Needs `admin:projects`."""
    with office.store.write() as tx:
        row = projects.add_project(
            tx, office.clock, actor, wanted.name, description=wanted.description, lead=wanted.lead
        )
        return project_view(tx, actor, row)


@router.get("/projects/{name}", summary="Show a project")
def show(name: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return a project: who is in it, and what is granted to it. 404 for those who are not in it."""
    with office.store.read() as tx:
        return project_view(tx, actor, find_project(tx, actor, name))


@router.patch("/projects/{name}", summary="Change a project")
def change(name: str, body: ProjectChange, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Write anew what a project is for, or what it says of hosts. Needs `admin:projects`. Twice is safe.

    The lists of hosts need `admin:profiles`, too; they hold for running sessions of its members, within a
    second.
    """
    hosts = given(body)
    said = hosts.pop("description", None)
    if said is None and not hosts:
        raise invalid("body", "Nothing is to be changed.", "Give a description, or a list of hosts.")
    with office.store.write() as tx:
        row = find_project(tx, actor, name)
        if said is not None:
            row = projects.describe_project(tx, office.clock, actor, name, said)
        if hosts:
            row = set_project_hosts(tx, office.clock, actor, name, hosts)
        return project_view(tx, actor, row)


@router.post("/projects/{name}/members", summary="Add a member")
def join(name: str, body: MemberWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Add somebody; their sessions that run may use what is granted to it within a second. Twice is safe.

    For its leads and with `admin:projects`.
    """
    with office.store.write() as tx:
        row = projects.join_project(tx, office.clock, actor, name, body.user, is_lead=body.is_lead)
        return project_view(tx, actor, row)


@router.delete("/projects/{name}/members/{user}", status_code=204, summary="Take a member out")
def leave(name: str, user: str, office: OfficeDep, actor: ActorDep) -> None:
    """Take somebody out; what they had by it ends, and what is open is cut within a second. Twice is safe.

    For its leads, with `admin:projects`, and for everybody themselves.
    """
    with office.store.write() as tx:
        projects.leave_project(tx, office.clock, actor, name, user)


@router.delete("/projects/{name}", summary="Remove a project")
def remove(
    name: str,
    office: OfficeDep,
    actor: ActorDep,
    *,
    take_grants: Annotated[bool, Query(description="Also where something is granted to it")] = False,
    reason: Annotated[str, Query(max_length=500)] = "",
) -> dict[str, Any]:
    """Remove a project; return what its members lost: the grants to it end with it. Needs `admin:projects`.

    409 where something is granted to it, unless `take_grants` is true.
    """
    with office.store.write() as tx:
        lost = projects.remove_project(tx, office.clock, actor, name, take_grants=take_grants, reason=reason)
    return {
        "secrets": [{"name": secret, "owner": owner} for secret, owner in lost.secrets],
        "connections": list(lost.connections),
    }
