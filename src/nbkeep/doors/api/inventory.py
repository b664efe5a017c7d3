"""/api/v1/inventory: what there is, whose it is, and what is to be done about it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from nbkeep.inventory.look import KINDS, inventory

from .auth import ActorDep, OfficeDep
from .paging import LimitQuery

router = APIRouter(prefix="/inventory", tags=["inventory"])


@router.get("", summary="See what there is")
def look(
    office: OfficeDep,
    actor: ActorDep,
    *,
    kind: Annotated[str, Query(max_length=40, description="One of: " + ", ".join(KINDS))] = "",
    limit: LimitQuery = 100,
    # It holds the name of a thing, and a name of a host is long.
    cursor: Annotated[str | None, Query(max_length=4000, description="`next` of the page before")] = None,
    whole: Annotated[bool, Query(description="All in one answer, without pages")] = False,
) -> dict[str, Any]:
    """Return a page of things; what nobody owns, and what needs something done, comes first.

    `counts`: how many of each kind there are in all. Needs `audit:read`. Further pages are of the
    same look as the first one, for some minutes; `looked_at` says when it was.
    """
    return inventory(office, actor, kind=kind, limit=None if whole else limit, cursor=cursor)
