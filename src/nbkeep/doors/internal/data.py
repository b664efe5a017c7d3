"""/internal/v1/gateway/data-reads: that a session reads a dataset, told before the first byte comes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from nbkeep.data.reads import note_read
from nbkeep.doors.api.auth import OfficeDep, require_gateway
from nbkeep.sessions.policies import live_policies

router = APIRouter(prefix="/gateway", dependencies=[Depends(require_gateway)])


class Read(BaseModel):
    """Who reads what."""

    session_id: str = Field(max_length=24)
    dataset_id: str = Field(max_length=24)


@router.post("/data-reads")
def data_read(body: Read, office: OfficeDep) -> dict[str, Any]:
    """Put it on record, once; tell whether the session loses the public internet by it. Twice is safe.

    `policy`: what the session may reach from then on, so that nothing is read before it holds.
    """
    with office.store.write() as tx:
        closes = note_read(tx, office.clock, office.settings, body.session_id, body.dataset_id)
        found = live_policies(tx, office.settings, office.clock.now(), body.session_id)
    return {"closes_internet": closes, "policy": found[0].as_json() if found else None}
