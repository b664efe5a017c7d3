"""/api/v1/packages: what sessions installed, approvals, known vulnerabilities. Policies are in profiles."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.model.errors import invalid
from nbkeep.packages import review, vulnerabilities

from .auth import ActorDep, OfficeDep
from .paging import LimitQuery

router = APIRouter(prefix="/packages", tags=["packages"])
_LARGEST_BYTES = 512 << 20


class Approval(BaseModel):
    """A version of a package."""

    model_config = ConfigDict(extra="forbid")

    package: str = Field(max_length=200, examples=["numpy==1.26.4"])


@router.get("/installs", summary="What a session installed")
def installs(
    office: OfficeDep,
    actor: ActorDep,
    session: Annotated[str, Query(max_length=24, description="Session id")],
    limit: LimitQuery = 1000,
) -> dict[str, Any]:
    """Return files of packages that a session fetched, or was refused, newest first."""
    with office.store.read() as tx:
        return {"items": review.installs_of(tx, actor, session, limit), "next": None}


@router.get("/unreviewed", summary="What nobody has approved")
def unreviewed(office: OfficeDep, actor: ActorDep, limit: LimitQuery = 200) -> dict[str, Any]:
    """Return versions that sessions installed and nobody has approved, the latest first."""
    with office.store.read() as tx:
        return {"items": review.unreviewed(tx, actor, limit), "next": None}


@router.get("/approvals", summary="List approved versions")
def approvals(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return all approved versions, by name."""
    with office.store.read() as tx:
        return {"items": review.approvals(tx, actor), "next": None}


@router.post("/approvals", summary="Approve a version")
def approve(body: Approval, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Approve a version; where a policy says `only_approved`, sessions may fetch it. Twice is safe."""
    with office.store.write() as tx:
        return review.approve(tx, office.clock, actor, body.package)


@router.delete("/approvals", status_code=204, summary="Take an approval back")
def revoke(office: OfficeDep, actor: ActorDep, package: Annotated[str, Query(max_length=200)]) -> None:
    """Take the approval of a version back; what is installed stays."""
    with office.store.write() as tx:
        review.revoke(tx, office.clock, actor, package)


@router.get("/advisories", summary="Which vulnerabilities are known")
def advisories(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return how many advisories there are, of how many packages, and when they were loaded."""
    with office.store.read() as tx:
        return vulnerabilities.status(tx, actor)


@router.post("/advisories", summary="Load known vulnerabilities")
async def load(request: Request, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Put OSV records, one line of JSON each, in the place of all that were there; all of them or nothing."""
    actor.require("admin:profiles")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BYTES:
            raise invalid("advisories", "That is more than 512 MiB.", "Is it the right file?")

    def act() -> dict[str, Any]:
        with office.store.write() as tx:
            return vulnerabilities.load(
                tx, office.clock, actor, (_record(one) for one in body.splitlines() if one)
            )

    return await run_in_threadpool(act)


def _record(line: bytes | bytearray) -> object:
    try:
        return orjson.loads(line)
    except ValueError as error:
        raise invalid("advisories", "A line is not JSON.", "Send one OSV record a line.") from error
