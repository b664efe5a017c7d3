"""/api/v1/uploads: how what programs send to hosts is treated."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.egress.leaving.places import Treatment
from nbkeep.guard import uploads

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/uploads", tags=["policies"])

HostQuery = Annotated[str, Query(max_length=300, description="A host, as it was set")]


class UploadWanted(BaseModel):
    """How uploads to a host are treated from now on."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(max_length=300, examples=["*.acme.local"], description="A name, *.name, network or *")
    treatment: str = Field(max_length=20, description=f"One of {', '.join(Treatment)}", examples=["trusted"])


@router.get("", summary="List how uploads to hosts are treated")
def list_uploads(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return what is set. All other hosts are `examined`. For `admin:releases` and `audit:read`."""
    with office.store.read() as tx:
        return {"items": uploads.list_places(tx, actor), "next": None}


@router.patch("", summary="Set how uploads to a host are treated")
def set_upload(wanted: UploadWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Set it; running sessions know within a second. Twice is safe."""
    with office.store.write() as tx:
        return uploads.set_place(tx, office.clock, actor, wanted.host, wanted.treatment)


@router.delete("", status_code=204, summary="Unset how uploads to a host are treated")
def unset_upload(host: HostQuery, office: OfficeDep, actor: ActorDep) -> None:
    """Take it away: what is set for something wider holds, or the host is `examined`."""
    with office.store.write() as tx:
        uploads.unset_place(tx, office.clock, actor, host)


@router.get("/explain", summary="How uploads to a host are treated, and why")
def explain_upload(host: HostQuery, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return how uploads to a host are treated, and which entry says so."""
    with office.store.read() as tx:
        return uploads.explain_place(tx, actor, host)
