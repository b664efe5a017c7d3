"""/internal/v1/hub: what JupyterHub asks: who signs in, what to launch, what became of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from nbkeep.doors.api.auth import OfficeDep, require_hub
from nbkeep.model.actor import Actor
from nbkeep.model.errors import not_found
from nbkeep.model.session import StopReason
from nbkeep.people.signin import sign_in, standing
from nbkeep.sessions.access import may_enter
from nbkeep.sessions.end import end_session
from nbkeep.sessions.launch import launch
from nbkeep.sessions.marks import mark_progress, mark_ready
from nbkeep.sessions.view import session_view
from nbkeep.store.database import Tx
from nbkeep.store.tables import SessionRow
from nbkeep.telemetry import traces

router = APIRouter(prefix="/hub", dependencies=[Depends(require_hub)])
HUB = Actor(id="hub", name="hub", scopes=frozenset(), kind="system", via="hub")


class SignInBody(BaseModel):
    """What somebody typed into the sign-in form, and from where."""

    name: str = Field(max_length=1000)
    password: str = Field(max_length=10_000)
    address: str = Field(default="", max_length=64)


class LaunchBody(BaseModel):
    """A spawner that starts. `session_id` and `profile` come from `user_options`, which anybody may forge."""

    user: str = Field(max_length=80)
    server_name: str = Field(max_length=80)
    session_id: str | None = Field(default=None, max_length=80)
    profile: str | None = Field(default=None, max_length=80)
    env: dict[str, str] = Field(default_factory=dict[str, str])


class ProgressBody(BaseModel):
    """One step of a start."""

    step: str
    message: str


class ReadyBody(BaseModel):
    """How a server came to be: forked from a warm parent, or not; null where the hub does not know."""

    warm: bool | None = None


class EndedBody(BaseModel):
    """Why a server is no more; a reason that the office does not know counts as the server's death.

    `run`: which run of the session it was; news about an earlier one is none.
    """

    reason: str
    detail: str = ""
    run: int | None = None


class EntryBody(BaseModel):
    """An admin at the door of somebody's server."""

    admin: str = Field(max_length=80)
    owner: str = Field(max_length=80)
    server_name: str = Field(max_length=80)


@router.post("/launch")
def launch_session(body: LaunchBody, office: OfficeDep, request: Request) -> dict[str, Any]:
    """Return what to launch for a session that was admitted; refuse everything else."""
    with traces.span("office.launch", request.headers.get(traces.HEADER, ""), session=body.session_id):
        return launch(
            office,
            user=body.user,
            server_name=body.server_name,
            session_id=body.session_id,
            profile=body.profile,
            env=body.env,
        )


@router.get("/sessions/{session_id}")
def look(session_id: str, office: OfficeDep) -> dict[str, Any]:
    """Return a session's view."""
    with office.store.read() as tx:
        return session_view(tx, office.clock, office.settings, _row(tx, session_id))


@router.post("/sessions/{session_id}/progress", status_code=204)
def progress(session_id: str, body: ProgressBody, office: OfficeDep) -> None:
    """Keep one step of a start for the progress page."""
    with office.store.write() as tx:
        mark_progress(tx, office.clock, _row(tx, session_id), body.step, body.message)


@router.post("/sessions/{session_id}/ready", status_code=204)
def ready(session_id: str, office: OfficeDep, body: ReadyBody | None = None) -> None:
    """Record that the server answers. Twice is safe."""
    with office.store.write() as tx:
        mark_ready(tx, office.clock, HUB, _row(tx, session_id), warm=body.warm if body else None)
    office.news.tell(session_id)


@router.post("/sessions/{session_id}/ended", status_code=204)
def ended(session_id: str, body: EndedBody, office: OfficeDep) -> None:
    """Record that the server is no more. Twice is safe."""
    try:
        reason, detail = StopReason(body.reason), body.detail
    except ValueError:
        reason, detail = StopReason.SERVER_DIED, f"{body.reason[:60]}: {body.detail}"
    with office.store.read() as tx:
        _row(tx, session_id)
    end_session(office, HUB, session_id, reason, detail, run=body.run)
    office.news.tell(session_id)


@router.post("/admin-access")
def admin_access(body: EntryBody, office: OfficeDep) -> dict[str, bool]:
    """Tell whether an admin may enter now: only with a reason given, and for an hour."""
    with office.store.read() as tx:
        return {"allowed": may_enter(tx, office.clock, body.admin, body.owner, body.server_name)}


@router.post("/authenticate")
def authenticate(body: SignInBody, office: OfficeDep) -> dict[str, Any]:
    """Tell who signs in with name and password; 401 for a wrong pair, 429 after too many of them."""
    found = sign_in(office.store, office.clock, body.name, body.password, body.address)
    return {
        "name": found.name,
        "admin": found.is_admin,
        "role": found.role.value,
        "valid_from": found.valid_from.isoformat(),
    }


@router.post("/users/{name}/check")
def check_user(name: str, office: OfficeDep) -> dict[str, Any]:
    """Tell whether somebody may still be signed in, since when, and whether they are an admin."""
    with office.store.read() as tx:
        found = standing(tx, name)
    if found is None:
        return {"active": False, "admin": False, "valid_from": None}
    valid_from = found.valid_from.isoformat()
    return {
        "active": found.is_active,
        "admin": found.is_active and found.is_admin,
        "valid_from": valid_from,
    }


def _row(tx: Tx, session_id: str) -> SessionRow:
    row = tx.get(SessionRow, session_id)
    if row is None:
        raise not_found("session", session_id)
    return row
