"""`/evidence`: packs of what is on record, told by the controls of a framework."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.evidence import packs

from .auth import ActorDep, OfficeDep
from .paging import CursorQuery, LimitQuery, Page

router = APIRouter(prefix="/evidence", tags=["evidence"])


class EvidenceWanted(BaseModel):
    """Which framework, and which days (UTC), both included."""

    model_config = ConfigDict(extra="forbid")

    framework: str = Field(max_length=40, description="`nist-csf-2.0`, `owasp-nhi` or `nist-800-207`")
    first_day: str = Field(alias="from", max_length=20, description="Such as 2026-10-01")
    last_day: str = Field(alias="to", max_length=20, description="Such as 2026-10-31")


@router.get("", summary="List evidence packs")
def list_packs(
    office: OfficeDep, actor: ActorDep, limit: LimitQuery = 100, cursor: CursorQuery = None
) -> Page[dict[str, Any]]:
    """Return packs, newest first. Needs `audit:read`."""
    with office.store.read() as tx:
        rows = packs.packs(tx, actor, limit=limit + 1, before=cursor or "")
        items = [packs.view(row) for row in rows[:limit]]
    return Page(items=items, next=items[-1]["id"] if len(rows) > limit else None)


@router.post("", status_code=202, summary="Build an evidence pack")
def build(wanted: EvidenceWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Ask for a pack; it is made in the background: ask for it by its id until its `state` is `ready`.

    Needs `audit:read`; is recorded.
    """
    with office.store.write() as tx:
        row = packs.request(
            tx, office.clock, actor, name=wanted.framework, first=wanted.first_day, last=wanted.last_day
        )
        return packs.view(row)


@router.get("/{evidence_id}", summary="Show an evidence pack")
def show(evidence_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return its state: waiting, building, ready or failed. Needs `audit:read`."""
    with office.store.read() as tx:
        return packs.view(packs.pack(tx, actor, evidence_id))


@router.get("/{evidence_id}/file", response_class=FileResponse, summary="Download an evidence pack")
def download(evidence_id: str, office: OfficeDep, actor: ActorDep) -> FileResponse:
    """Return the signed ZIP. Needs `audit:read`; is recorded."""
    taken = packs.take(office.store, office.clock, office.settings, actor, evidence_id)
    return FileResponse(taken.path, media_type="application/zip", filename=taken.filename)
