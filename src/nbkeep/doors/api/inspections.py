"""/api/v1/inspections: what a document would do if it were run, before one opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.doors.foreign import headers_of_document
from nbkeep.inspections import records, rules
from nbkeep.inspections.inspect import inspect_own_file, inspect_upload
from nbkeep.inspections.view import inspection_view
from nbkeep.model.errors import invalid, not_found
from nbkeep.sessions.quarantine import Document, run_in_quarantine

from .auth import ActorDep, OfficeDep

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.model.actor import Actor

router = APIRouter(prefix="/inspections", tags=["inspections"])


_BYTES = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class InspectionWanted(BaseModel):
    """A file of your home that is to be looked into."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(max_length=5000, examples=["downloads/plan.ipynb"], description="From your home on")


class QuarantineWanted(BaseModel):
    """Where it is to be run."""

    model_config = ConfigDict(extra="forbid")

    profile: str = Field(
        "", max_length=60, description="One in quarantine; without one the first that you are offered"
    )


async def _body(request: Request, actor: ActorDep) -> bytes:
    """Return what was sent, up to what is looked into; who may not ask sends nothing."""
    actor.require(rules.SCOPE)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > rules.MOST_BYTES:
            raise invalid(
                "file", f"It is larger than {rules.MOST_BYTES >> 20} MiB.", "Clear large outputs first."
            )
    return bytes(data)


@router.get("", summary="List inspections")
def list_all(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return your own of the last days, newest first."""
    with office.store.read() as tx:
        rows = records.list_inspections(tx, office.clock.now(), actor)
        return {"items": [inspection_view(one, whole=False) for one in rows], "next": None}


@router.post("", status_code=201, summary="Look into a file of your home")
def inspect(wanted: InspectionWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """List what a notebook or script would do if it were run. Nothing of it is run; takes up to a minute."""
    return _view(office, actor, inspect_own_file(office, actor, wanted.path))


@router.post("/upload", status_code=201, summary="Look into a file that you send", openapi_extra=_BYTES)
def upload(
    name: Annotated[str, Query(max_length=400, examples=["plan.ipynb"], description="What it is called")],
    office: OfficeDep,
    actor: ActorDep,
    data: Annotated[bytes, Depends(_body)],
) -> dict[str, Any]:
    """Do the same for the body of the request, which does not come into your home."""
    return _view(office, actor, inspect_upload(office, actor, name, data))


@router.get("/{inspection_id}", summary="Show an inspection")
def show_one(inspection_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return what it would do, the heaviest first, with cell and line, and what was not read."""
    return _view(office, actor, inspection_id)


@router.get("/{inspection_id}/page", response_class=Response, summary="Look at the document without scripts")
def page(inspection_id: str, office: OfficeDep, actor: ActorDep) -> Response:
    """Return the document as a page of HTML that can neither run nor load anything."""
    with office.store.read() as tx:
        row = records.find_inspection(tx, office.clock.now(), actor, inspection_id)
    if not row.page_sha256:
        raise not_found(
            "page", inspection_id[:60], remedy="This document could not be shown: see its inspection."
        )
    data = records.documents_of(office.settings).read(row.page_sha256)
    return Response(data, media_type="text/html; charset=utf-8", headers=headers_of_document())


@router.post("/{inspection_id}/quarantine", status_code=202, summary="Run it in quarantine")
def quarantine(
    inspection_id: str, wanted: QuarantineWanted, office: OfficeDep, actor: ActorDep
) -> dict[str, Any]:
    """Start a session that gets nothing of yours but this document; its id is in `session`."""
    with office.store.read() as tx:
        row = records.find_inspection(tx, office.clock.now(), actor, inspection_id)
    document = Document(row.name, row.sha256)
    kept = records.documents_of(office.settings)
    return {"session": run_in_quarantine(office, actor, kept, document, wanted.profile or None)}


@router.delete("/{inspection_id}", status_code=204, summary="Forget an inspection")
def forget(inspection_id: str, office: OfficeDep, actor: ActorDep) -> None:
    """Forget it, and the copy of the document that was kept for it."""
    records.forget_inspection(office, actor, inspection_id)


def _view(office: Office, actor: Actor, inspection_id: str) -> dict[str, Any]:
    with office.store.read() as tx:
        return inspection_view(
            records.find_inspection(tx, office.clock.now(), actor, inspection_id), whole=True
        )
