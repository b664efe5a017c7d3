"""/api/v1/shares, /api/v1/gallery: released documents that others may look at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.doors.portal.viewer import file_response
from nbkeep.shares import end, records
from nbkeep.shares.look import look
from nbkeep.shares.values import FILE, Sought
from nbkeep.shares.view import look_view, managed_view, managed_views, share_views

from .auth import ActorDep, OfficeDep
from .paging import CursorQuery, LimitQuery, Page

router = APIRouter(tags=["shares"])


class ShareRevocation(BaseModel):
    """Why a share ends."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=2000, description="Asked for of who is not its owner, who is told")


class ShareChange(BaseModel):
    """An earlier end."""

    model_config = ConfigDict(extra="forbid")

    expires_at: datetime = Field(description="UTC where no zone is given; not later than it is")


@router.get("/shares", summary="List shares")
def list_all(
    office: OfficeDep,
    actor: ActorDep,
    which: Annotated[
        Literal["mine", "with-me", "all"], Query(description="`all` needs `admin:releases`")
    ] = "mine",
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> Page[dict[str, Any]]:
    """Return shares, newest first: yours, also those that are over, or what others share with you."""
    now = office.clock.now()
    with office.store.read() as tx:
        found = records.list_shares(tx, now, actor, which, limit=limit, cursor=cursor)
        if which == records.WITH_ME:
            items = share_views(office.settings, found.rows)
        else:
            items = managed_views(tx, office.settings, now, actor, found.rows)
    return Page(items=items, next=found.next)


@router.get("/shares/{share_id}", summary="Show a share")
def show(share_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return a share of yours; with `admin:releases` anybody's, without the link for anyone."""
    with office.store.read() as tx:
        row = records.find_managed(tx, actor, share_id)
        return managed_view(tx, office.settings, office.clock.now(), actor, row)


@router.get("/shares/{share_id}/views", summary="List who looked at a share")
def views(
    share_id: str, office: OfficeDep, actor: ActorDep, limit: LimitQuery = 100, cursor: CursorQuery = None
) -> Page[dict[str, Any]]:
    """Return who was given its document, newest first; for its owner and with `admin:releases`."""
    with office.store.read() as tx:
        found = records.list_views(tx, actor, share_id, limit=limit, cursor=cursor)
        return Page(items=[look_view(one) for one in found.rows], next=found.next)


@router.get("/shares/{share_id}/file", response_class=Response, summary="Download a shared document")
def download(share_id: str, office: OfficeDep, actor: ActorDep) -> Response:
    """Return a document that is shared with you, as a file. That you looked is recorded."""
    return file_response(look(office, actor, share_id, FILE))


@router.post("/shares/{share_id}/revoke", summary="End a share")
def revoke(share_id: str, body: ShareRevocation, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """End a share at once; for its owner and with `admin:releases`. Twice is safe."""
    with office.store.write() as tx:
        row = end.revoke_share(tx, office.clock, actor, share_id, body.reason)
        return managed_view(tx, office.settings, office.clock.now(), actor, row)


@router.patch("/shares/{share_id}", summary="Shorten a share")
def shorten(share_id: str, body: ShareChange, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Bring its end forward; for its owner and with `admin:releases`. A later end needs another release."""
    moment = body.expires_at if body.expires_at.tzinfo else body.expires_at.replace(tzinfo=UTC)
    with office.store.write() as tx:
        row = end.shorten_share(tx, office.clock, actor, share_id, moment)
        return managed_view(tx, office.settings, office.clock.now(), actor, row)


@router.get("/gallery", summary="Look through the gallery")
def gallery(
    office: OfficeDep,
    actor: ActorDep,
    find: Annotated[str, Query(max_length=200, description="Words in title, description, tags, owner")] = "",
    tag: Annotated[str, Query(max_length=30)] = "",
    project: Annotated[str, Query(max_length=30, description="Published for this project of yours")] = "",
    owner: Annotated[str, Query(max_length=30)] = "",
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> Page[dict[str, Any]]:
    """Return what is published for you, newest first. Needs `releases`."""
    with office.store.read() as tx:
        sought = Sought(find, tag, project, owner)
        found = records.gallery(tx, office.clock.now(), actor, sought, limit=limit, cursor=cursor)
    return Page(items=share_views(office.settings, found.rows), next=found.next)
