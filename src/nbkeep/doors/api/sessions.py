"""/api/v1/sessions: start, look at, extend, suspend, resume, stop, diagnose, visit."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse

from nbkeep.meter.prices import hourly_cost
from nbkeep.sessions import listing
from nbkeep.sessions.access import grant_access
from nbkeep.sessions.diagnose import diagnose_session
from nbkeep.sessions.extend import extend_session
from nbkeep.sessions.quarantine import MOST_BYTES, request_with
from nbkeep.sessions.records import is_live, visible_session
from nbkeep.sessions.resume import resume_session
from nbkeep.sessions.start import hand_to_hub, start_session
from nbkeep.sessions.stop import stop_session
from nbkeep.sessions.suspend import saved_state, suspend_session
from nbkeep.sessions.view import session_line, session_view

from .auth import ActorDep, OfficeDep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nbkeep.app import Office
    from nbkeep.model.actor import Actor

router = APIRouter(prefix="/sessions", tags=["sessions"])
_LOOK_EVERY_S = 0.3


class StartBody(BaseModel):
    """What to start. `name` becomes part of the session's address; `user`: for somebody else (admins)."""

    profile: str = Field(max_length=80, examples=["notebook-cpu-small"])
    name: str | None = Field(default=None, max_length=80, examples=["churn"])
    user: str | None = Field(default=None, max_length=80)


class StopBody(BaseModel):
    """Why, when an admin stops somebody's session: the user reads it. `discard_state`: keep no variables."""

    reason: str = Field(default="", max_length=500)
    discard_state: bool = False


class SuspendBody(BaseModel):
    """Why, when an admin suspends somebody's session: the user reads it."""

    reason: str = Field(default="", max_length=500)


class ResumeBody(BaseModel):
    """On what to resume: another profile with the same image, else what the session was started with."""

    profile: str | None = Field(default=None, max_length=80, examples=["notebook-cpu-large"])


class AccessBody(BaseModel):
    """Why an admin enters somebody's session: the user reads it and the audit keeps it."""

    reason: str = Field(max_length=2000)


@router.get("")
def list_sessions(
    office: OfficeDep,
    actor: ActorDep,
    *,
    user: str | None = None,
    state: str | None = None,
    profile: str | None = None,
    limit: Annotated[int, Query(ge=1, le=listing.MAX_LIMIT)] = 50,
    cursor: str | None = None,
) -> dict[str, Any]:
    """List sessions, newest first: your own, or everybody's for admins.

    `state`: one of the states, or `live`, `open` (live or suspended) or `ended`.
    """
    wanted = listing.Filter(user=user, state=state, profile=profile)
    with office.store.read() as tx:
        page = listing.list_sessions(tx, actor, wanted, limit=limit, cursor=cursor)
    return {
        "items": [session_line(office.clock, office.settings, row, name) for row, name in page.items],
        "next": page.next,
    }


@router.post("", status_code=201)
def start(body: StartBody, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Start a session. The answer comes when it is admitted; watch `events` until it is ready."""
    session_id = start_session(office, actor, body.profile, name=body.name, user=body.user)
    return _view(office, actor, session_id)


@router.post("/quarantined", status_code=201, summary="Run a document in quarantine")
async def quarantined(
    request: Request,
    office: OfficeDep,
    actor: ActorDep,
    name: Annotated[str, Query(max_length=500)],
    profile: Annotated[str | None, Query(max_length=80)] = None,
    user: Annotated[str | None, Query(max_length=80)] = None,
) -> dict[str, Any]:
    """Start a session in quarantine with a document, which is the body, in its home: at most 64 MiB.

    `name`: the file's. `profile`: one in quarantine, else the first that is offered. `user`: for somebody
    else (admins).
    """
    actor.require("sessions")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            break  # which is refused in words

    def act() -> dict[str, Any]:
        session_id = request_with(office, actor, name, bytes(body), profile, user)
        hand_to_hub(office, actor, session_id)
        return _view(office, actor, session_id)

    return await run_in_threadpool(act)


@router.get("/{session_id}")
def show(session_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Show one session."""
    return _view(office, actor, session_id)


@router.post("/{session_id}/stop")
def stop(session_id: str, office: OfficeDep, actor: ActorDep, body: StopBody | None = None) -> dict[str, Any]:
    """Stop a session. Twice is harmless; during a start it works too.

    Where its profile keeps state it becomes `suspended`, with `discard_state` it does not; that deletes the
    variables of a suspended session, too.
    """
    body = body or StopBody()
    stop_session(office, actor, session_id, detail=body.reason, discard=body.discard_state)
    return _view(office, actor, session_id)


@router.post("/{session_id}/suspend")
def suspend(
    session_id: str, office: OfficeDep, actor: ActorDep, body: SuspendBody | None = None
) -> dict[str, Any]:
    """Save a session's variables and end its compute. Refused where its profile keeps no state."""
    suspend_session(office, actor, session_id, detail=body.reason if body else "")
    return _view(office, actor, session_id)


@router.post("/{session_id}/resume")
def resume(
    session_id: str, office: OfficeDep, actor: ActorDep, body: ResumeBody | None = None
) -> dict[str, Any]:
    """Resume a suspended session, for its owner. The answer comes when it is admitted; twice is harmless."""
    resume_session(office, actor, session_id, body.profile if body else None)
    return _view(office, actor, session_id)


@router.get("/{session_id}/checkpoints")
def checkpoints(session_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Tell what is saved of a session: when, how much, and by kernel which variables could not be kept."""
    found = saved_state(office, actor, session_id)
    return {"session_id": session_id, "items": [found] if found else []}


@router.post("/{session_id}/extend")
def extend(session_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Keep working: move the idle stop and, near the end, the end, as far as the profile allows."""
    with office.store.write() as tx:
        extend_session(tx, office.clock, actor, session_id)
    return _view(office, actor, session_id)


@router.get("/{session_id}/diagnose")
def diagnose(session_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Tell in one line what is the matter with a session, and what to do."""
    return diagnose_session(office, actor, session_id)


@router.post("/{session_id}/access")
def access(session_id: str, body: AccessBody, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Take leave to enter somebody's session for an hour (admins). The user sees the reason at once."""
    with office.store.write() as tx:
        until = grant_access(tx, office.clock, actor, session_id, body.reason)
    return {
        "session_id": session_id,
        "until": until.isoformat(),
        "url": _view(office, actor, session_id)["url"],
    }


@router.get("/{session_id}/events", response_class=EventSourceResponse)
async def events(session_id: str, office: OfficeDep, actor: ActorDep) -> EventSourceResponse:
    """Follow a start or stop: server-sent events `progress` {at, step, message} and `state` {state, …}.

    Ends when the session is over; the first events tell what has happened so far.
    """
    await asyncio.to_thread(_view, office, actor, session_id)  # a refusal is an ordinary answer, not a stream
    return EventSourceResponse(_follow(office, actor, session_id))


async def _follow(office: Office, actor: Actor, session_id: str) -> AsyncIterator[dict[str, str]]:
    told = 0
    state = ""
    while True:
        line, progress, live = await asyncio.to_thread(_look, office, actor, session_id)
        # At most 50 steps are kept; a session has far fewer unless a spawner repeats itself.
        for step in progress[told:]:
            yield {"event": "progress", "data": json.dumps(step)}
        told = len(progress)
        if line["state"] != state:
            state = line["state"]
            yield {"event": "state", "data": json.dumps(line)}
        if not live:
            return
        await asyncio.sleep(_LOOK_EVERY_S)


def _look(office: Office, actor: Actor, session_id: str) -> tuple[dict[str, Any], list[dict[str, Any]], bool]:
    with office.store.read() as tx:
        row = visible_session(tx, actor, session_id)
        return session_view(tx, office.clock, office.settings, row), row.progress, is_live(row)


def _view(office: Office, actor: Actor, session_id: str) -> dict[str, Any]:
    """Return the view, and what the session costs as it is now."""
    with office.store.read() as tx:
        row = visible_session(tx, actor, session_id)
        return {
            **session_view(tx, office.clock, office.settings, row),
            "cost_per_hour_microcents": hourly_cost(tx, office.clock, row),
        }
