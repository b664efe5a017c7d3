"""/api/v1/volumes: homes, their sizes, and what fills them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from nbkeep.data.classified import classified_view, list_classified
from nbkeep.model.units import parse_size_bytes
from nbkeep.sessions import leftovers, volumes

from .auth import ActorDep, OfficeDep
from .paging import CursorQuery

router = APIRouter(prefix="/volumes", tags=["volumes"])


class SizeBody(BaseModel):
    """The new size: `20GiB` or bytes."""

    size: str | int = Field(examples=["20GiB"])


@router.get("")
def list_volumes(
    office: OfficeDep,
    actor: ActorDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str | None = None,
) -> dict[str, Any]:
    """List home volumes: your own, or everybody's for admins."""
    items, following = volumes.list_volumes(office, actor, limit=limit, cursor=cursor)
    return {"items": items, "next": following}


@router.get("/{user}")
def show_volume(user: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Show one home volume."""
    return volumes.show_volume(office, actor, user)


@router.get("/{user}/usage")
def usage(
    user: str, office: OfficeDep, actor: ActorDep, depth: Annotated[int, Query(ge=1, le=5)] = 2
) -> dict[str, Any]:
    """Show what uses the space, by folder, and what could be cleaned."""
    return volumes.volume_usage(office, actor, user, depth)


@router.get("/{user}/classified")
def classified(
    user: str,
    office: OfficeDep,
    actor: ActorDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: CursorQuery = None,
) -> dict[str, Any]:
    """List files that were changed since a session of theirs had read data above `public`, by path.

    Your own, or anybody's with `admin:volumes` or `audit:read`. `whole`: why all of the home counts, with the
    class. The record is some minutes old, see `walked_at`, and whole once the session has ended.
    """
    with office.store.read() as tx:
        return classified_view(list_classified(tx, actor, user, limit=limit, cursor=cursor))


class LeftFileChosen(BaseModel):
    """A leftover, as it was seen."""

    key: str = Field(max_length=20_000, pattern="^([0-9a-f]{2})+$")
    version: str = Field(max_length=100)


class LeftChosen(BaseModel):
    """Leftovers to delete."""

    files: list[LeftFileChosen] = Field(min_length=1, max_length=leftovers.MOST_DELETED)


@router.get("/{user}/leftovers", summary="Find what tools left behind")
def find_leftovers(user: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Look through your own home: copies that still hold what was taken out of the files themselves, masked.

    Takes up to a minute. `rotate`: secrets that may be with others. `is_whole`: false where there was no time
    for all files; then nothing may go.
    """
    return leftovers.find_leftovers(office, actor, user)


@router.post("/{user}/leftovers/delete", summary="Delete what tools left behind")
def delete_leftovers(user: str, wanted: LeftChosen, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Delete leftovers of your own home, by their `key` and `version`; tells which stay, and why.

    What is no leftover, or was changed since it was seen, stays. Twice is safe.
    """
    versions = {one.key: one.version for one in wanted.files}
    return leftovers.delete_leftovers(office, actor, user, versions)


@router.patch("/{user}")
def resize(user: str, body: SizeBody, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Make a home larger, also while it is in use (admins)."""
    return volumes.resize_volume(office, actor, user, parse_size_bytes(body.size))
