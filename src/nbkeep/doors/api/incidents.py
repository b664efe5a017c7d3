"""/api/v1/incidents: what somebody could and did reach, and stopping it in one step."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.incidents import records
from nbkeep.incidents.close import close_incident
from nbkeep.incidents.open import open_incident
from nbkeep.incidents.radius import preview
from nbkeep.incidents.steps import advance
from nbkeep.incidents.take import take_evidence

from .auth import ActorDep, OfficeDep
from .paging import CursorQuery, LimitQuery

router = APIRouter(prefix="/incidents", tags=["incidents"])
Kind = Literal["user", "session", "secret"]


class IncidentWanted(BaseModel):
    """What the incident is about, and why. `confirm` says that its blast radius was looked at."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    name: str = Field(max_length=100, description="A login name, a session's id, a secret's name or id")
    reason: str = Field(max_length=2000)
    confirm: Literal[True] = Field(description="Must be true: this freezes, revokes and shuts out at once")


class IncidentEnd(BaseModel):
    """Why it is over, and what becomes of what it held."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=2000)
    sessions: Literal["thaw", "end"] = Field("end", description="Whether frozen sessions go on")
    let_in: bool = Field(False, description="Whether whom it shut out may sign in again")


@router.get("", summary="List incidents")
def list_all(
    office: OfficeDep,
    actor: ActorDep,
    *,
    state: Annotated[Literal["", "open", "closed"], Query(description="Only those")] = "",
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> dict[str, Any]:
    """Return incidents, the newest first. Needs `audit:read` or `admin:incidents`."""
    with office.store.read() as tx:
        items, following = records.list_incidents(tx, actor, state=state, limit=limit, cursor=cursor)
    return {"items": items, "next": following}


@router.get("/radius", summary="See what opening an incident would do")
def look(
    office: OfficeDep, actor: ActorDep, kind: Kind, name: Annotated[str, Query(max_length=100)]
) -> dict[str, Any]:
    """Return what it could reach, what it did reach, and what would be done. Changes nothing."""
    with office.store.read() as tx:
        return preview(tx, office.clock, actor, kind, name)


@router.post("", status_code=201, summary="Open an incident")
def open_one(
    wanted: IncidentWanted, response: Response, office: OfficeDep, actor: ActorDep
) -> dict[str, Any]:
    """Freeze, revoke and keep evidence. 200 and the same incident where one is open about it already."""
    with office.store.read() as tx:
        seen = preview(tx, office.clock, actor, wanted.kind, wanted.name)
    with office.store.write() as tx:
        row, is_new = open_incident(tx, office.clock, actor, wanted.kind, wanted.name, wanted.reason, seen)
    advance(office, row.id, quick=True)
    response.status_code = 201 if is_new else 200
    with office.store.read() as tx:
        return records.show_incident(tx, actor, row.id)


@router.get("/{incident_id}", summary="Show an incident")
def show(incident_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return its blast radius, what it holds, and how far each step is."""
    with office.store.read() as tx:
        return records.show_incident(tx, actor, incident_id)


@router.get("/{incident_id}/evidence", summary="Take a copy of an incident's evidence")
def evidence(incident_id: str, office: OfficeDep, actor: ActorDep) -> FileResponse:
    """Return the signed archive, which `nbkeep incident verify` checks anywhere; who took it is recorded."""
    path = take_evidence(office, actor, incident_id)
    return FileResponse(path, media_type="application/zip", filename=path.name)


@router.post("/{incident_id}/close", summary="Close an incident")
def close(incident_id: str, wanted: IncidentEnd, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Release what it held. Twice is safe: it stays as it was closed first."""
    with office.store.write() as tx:
        row = close_incident(
            tx,
            office.clock,
            actor,
            incident_id,
            wanted.reason,
            sessions=wanted.sessions,
            let_in=wanted.let_in,
        )
    advance(office, row.id, quick=True)
    with office.store.read() as tx:
        return records.show_incident(tx, actor, row.id)
