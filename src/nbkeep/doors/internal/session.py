"""/internal/v1/session: what the trusted half of one session may say and ask, by that session's token."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel, Field

from nbkeep.detection.records import own_rules, told
from nbkeep.doors.api.auth import OfficeDep, bearer, refuse_proxied
from nbkeep.outbox.notices import dismiss_in_session
from nbkeep.sessions.extend import extend_row
from nbkeep.sessions.freeze import freeze_session, thaw_session
from nbkeep.sessions.heartbeat import take_heartbeat
from nbkeep.sessions.identity import actor_of, session_of
from nbkeep.sessions.reports import MAX_BATCH, take_reports
from nbkeep.sessions.view import own_view
from nbkeep.store.tables import SessionRow, UserRow

router = APIRouter(prefix="/session", dependencies=[Depends(refuse_proxied)])


def get_token(request: Request) -> str:
    """Return the caller's bearer token, "" where there is none."""
    return bearer(request) or ""


TokenDep = Annotated[str, Depends(get_token)]


class Heartbeat(BaseModel):
    """What goes on in a session now."""

    last_work_at: AwareDatetime | None = None
    busy: bool = False
    busy_kernels: int = Field(default=0, ge=0)
    terminals: int = Field(default=0, ge=0)
    memory_used_bytes: int | None = None


class Rest(Heartbeat):
    """The same, of a session that forwards nothing any more; `saved`: its variables are on the disk."""

    saved: bool = False


class Reports(BaseModel):
    """Events for the record, in order."""

    events: list[dict[str, Any]] = Field(max_length=MAX_BATCH)


class Tour(BaseModel):
    """Whether the guided tour was taken."""

    done: bool


@router.get("")
def look(office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """Return the session's view."""
    with office.store.read() as tx:
        return own_view(tx, office.clock, office.settings, session_of(tx, token))


@router.get("/rules")
def rules(office: OfficeDep, token: TokenDep) -> dict[str, str]:
    """Return the organisation's own rules; the view has their hash, and they are fetched when it changes."""
    with office.store.read() as tx:
        session_of(tx, token)
        return told(own_rules(tx))


@router.post("/heartbeat")
def heartbeat(body: Heartbeat, office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """Take a report of activity and return the session's view; `freeze_asked`: `freeze` is called for."""
    with office.store.write() as tx:
        row = session_of(tx, token)
        _take(office, row, body)
        tx.flush()
        return own_view(tx, office.clock, office.settings, row)


@router.post("/freeze")
def freeze(body: Rest, office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """Freeze the session, which has stopped forwarding, and return its view; 409 when it is not idle."""
    with office.store.write() as tx:
        row = session_of(tx, token)
        _take(office, row, body)
        session_id, actor = row.id, actor_of(tx, row)
    freeze_session(office, actor, session_id, is_saved=body.saved)
    return _own(office, session_id)


@router.post("/thaw")
def thaw(office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """Let the session go on, because its user is back, and return its view. Twice is safe."""
    with office.store.read() as tx:
        row = session_of(tx, token)
        session_id, actor = row.id, actor_of(tx, row)
    thaw_session(office, actor, session_id)
    return _own(office, session_id)


@router.post("/extend")
def extend(office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """Keep working, within policy, and return the session's view."""
    with office.store.write() as tx:
        row = session_of(tx, token)
        extend_row(tx, office.clock, actor_of(tx, row), row)
        return own_view(tx, office.clock, office.settings, row)


@router.post("/events")
def report(body: Reports, office: OfficeDep, token: TokenDep) -> dict[str, int]:
    """Record what happened in the session; an id that was taken before is not recorded again."""
    with office.store.write() as tx:
        return {"accepted": take_reports(tx, office.clock, session_of(tx, token), body.events)}


@router.post("/tour")
def tour(body: Tour, office: OfficeDep, token: TokenDep) -> dict[str, bool]:
    """Remember that the session's user has taken the tour (or wants it again), but for one in quarantine."""
    with office.store.write() as tx:
        row = session_of(tx, token)
        user = tx.get_one(UserRow, row.user_id)
        if not row.quarantine:  # what runs there changes nothing of its person
            user.tour_done = body.done
        return {"tour_done": user.tour_done}


@router.post("/notices/{notice_id}/dismiss", status_code=204)
def dismiss(notice_id: str, office: OfficeDep, token: TokenDep) -> None:
    """Put one of the notices away that this session shows."""
    with office.store.write() as tx:
        dismiss_in_session(tx, office.clock, session_of(tx, token), notice_id)


def _take(office: OfficeDep, row: SessionRow, body: Heartbeat) -> None:
    take_heartbeat(
        office.clock,
        row,
        last_work_at=body.last_work_at,
        is_busy=body.busy,
        memory_used_bytes=body.memory_used_bytes,
    )


def _own(office: OfficeDep, session_id: str) -> dict[str, Any]:
    with office.store.read() as tx:
        row = tx.get_one(SessionRow, session_id)
        return own_view(tx, office.clock, office.settings, row)
