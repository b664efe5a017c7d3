"""/internal/v1/gateway: what a node's gateway asks (who may reach what) and reports (who reached what)."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from nbkeep.app import Office
from nbkeep.doors.api.auth import OfficeDep, require_gateway
from nbkeep.egress.records import MAX_BATCH, take_records
from nbkeep.sessions.policies import live_policies, tag_of

router = APIRouter(prefix="/gateway", dependencies=[Depends(require_gateway)])
_LONGEST_WAIT_S = 20.0
_LOOK_EVERY_S = 0.25  # a change of a profile must reach running sessions within a second


class Records(BaseModel):
    """Records of connections, in any order."""

    records: list[dict[str, Any]] = Field(max_length=MAX_BATCH)


@router.get("/policies")
async def policies(
    office: OfficeDep, known: Annotated[str | None, Query(max_length=64)] = None
) -> dict[str, Any]:
    """Return the policies of all live sessions once they differ from what is known, at the latest in 20 s.

    Looks into the database rather than waiting for a signal: whatever changes it, by whichever door, is seen.
    """
    loop = asyncio.get_running_loop()
    until_s = loop.time() + _LONGEST_WAIT_S
    while True:
        tag, found = await asyncio.to_thread(_look, office, known)
        if found is not None:
            return {"tag": tag, "policies": found}
        if loop.time() >= until_s:
            return {"tag": tag, "policies": (await asyncio.to_thread(_look, office, None))[1]}
        await asyncio.sleep(_LOOK_EVERY_S)


@router.post("/connections")
def connections(body: Records, office: OfficeDep) -> dict[str, Any]:
    """Take records. One that can never be taken is named with why, and is not to be sent again."""
    with office.store.write() as tx:
        taken = take_records(tx, office.clock, body.records)
    return {"accepted": taken.accepted, "refused": taken.refused}


def _look(office: Office, known: str | None) -> tuple[str, list[dict[str, Any]] | None]:
    with office.store.read() as tx:
        found = live_policies(tx, office.settings)
    tag = tag_of(found)
    return tag, None if tag == known else [policy.as_json() for policy in found]
