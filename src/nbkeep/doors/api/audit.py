"""`/audit`: search, verify and export the journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from nbkeep.audit.export import MEDIA_TYPES, SUFFIXES, Format, export
from nbkeep.audit.search import Wanted, search
from nbkeep.audit.signing import keys_of
from nbkeep.audit.verify import verify_journal

from .auth import ActorDep, OfficeDep
from .paging import CursorQuery, LimitQuery, Page

router = APIRouter(prefix="/audit", tags=["audit"])


class ReportView(BaseModel):
    """The outcome of a check of the hash chain."""

    ok: bool
    count: int = Field(description="Records that fit the chain")
    seq: int = Field(description="Number of the last record that fits")
    hash: str = Field(description="Its hash: keep it elsewhere and give it as `known_head` later")
    problem: str
    bad_seq: int | None = Field(description="The first record that does not fit")


def _wanted(
    by: Annotated[str, Query(alias="actor", max_length=60, description="Who did it")] = "",
    kind: Annotated[
        str, Query(alias="type", max_length=40, description="`session.ready`, or `session`")
    ] = "",
    session: Annotated[str, Query(max_length=24, description="Session id")] = "",
    text: Annotated[str, Query(max_length=200, description="Words that the record contains")] = "",
    since: Annotated[
        AwareDatetime | None, Query(description="From then on, e.g. 2026-11-01T00:00:00Z")
    ] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before then")] = None,
) -> Wanted:
    return Wanted(by, kind, session, text, _utc(since), _utc(until))


WantedDep = Annotated[Wanted, Depends(_wanted)]


@router.get("", summary="Search the journal")
def search_records(
    office: OfficeDep, actor: ActorDep, wanted: WantedDep, limit: LimitQuery = 100, cursor: CursorQuery = None
) -> Page[dict[str, Any]]:
    """Return records, newest first. Needs `audit:read`."""
    with office.store.read() as tx:
        found = search(tx, actor, wanted, limit=limit, cursor=cursor)
    return Page(items=found.records, next=found.next)


@router.get("/verify", summary="Check the hash chain")
def verify(
    office: OfficeDep,
    actor: ActorDep,
    known_head: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="A hash kept elsewhere")
    ] = None,
) -> ReportView:
    """Check every record against the chain and the head. Needs `audit:read`."""
    report = verify_journal(office.store, actor, known_head, keys_of(office.settings).public())
    return ReportView.model_validate(report, from_attributes=True)


class KeyView(BaseModel):
    """A public key that exports are verified with."""

    key_id: str
    pem: str = Field(description="Ed25519, SubjectPublicKeyInfo")


@router.get("/key", summary="Show the public keys of the journal")
def show_keys(office: OfficeDep, actor: ActorDep) -> list[KeyView]:
    """Return the public halves of the keys that sign the journal, the newest first. Needs `audit:read`."""
    actor.require("audit:read")
    return [KeyView(key_id=one.id, pem=one.pem) for one in keys_of(office.settings).public()]


@router.get("/export", response_class=StreamingResponse, summary="Export the journal")
def export_records(
    office: OfficeDep,
    actor: ActorDep,
    wanted: WantedDep,
    format: Annotated[
        Format, Query(description="`jsonl` verifies with nothing but the file; `csv`; `ocsf` 1.7")
    ] = "jsonl",
) -> StreamingResponse:
    """Stream records, oldest first. JSON lines verify unless filtered. Needs `audit:read`; is recorded."""
    lines = export(office.store, office.clock, actor, wanted, form=format, keys=keys_of(office.settings))
    headers = {"Content-Disposition": f'attachment; filename="nbkeep-audit.{SUFFIXES[format]}"'}
    return StreamingResponse(_ended(lines), media_type=MEDIA_TYPES[format], headers=headers)


def _ended(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line + "\n"


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at else None
