"""/api/v1/notices: what you are told until you put it away."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from nbkeep.outbox import notices

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/notices", tags=["notices"])


@router.get("")
def list_notices(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """List your notices, newest first."""
    with office.store.read() as tx:
        return {"items": [notices.as_json(row) for row in notices.list_notices(tx, actor)], "next": None}


@router.post("/{notice_id}/dismiss", status_code=204)
def dismiss_notice(notice_id: str, office: OfficeDep, actor: ActorDep) -> None:
    """Put one of your notices away. Twice is harmless."""
    actor.require("self")
    with office.store.write() as tx:
        notices.dismiss_notice(tx, office.clock, actor.id, notice_id)
