"""/internal/v1/gateway/model-calls: what gateways report of calls of models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from nbkeep.doors.api.auth import OfficeDep, require_gateway
from nbkeep.egress.reports import MAX_BATCH
from nbkeep.inference.calls import take_calls

router = APIRouter(prefix="/gateway", dependencies=[Depends(require_gateway)])


class Calls(BaseModel):
    """Records of calls, in any order."""

    records: list[dict[str, Any]] = Field(max_length=MAX_BATCH)


@router.post("/model-calls")
def calls(body: Calls, office: OfficeDep) -> dict[str, Any]:
    """Take records. One that can never be taken is named with why, and is not to be sent again."""
    with office.store.write() as tx:
        taken = take_calls(tx, office.clock, office.settings.currency, body.records)
    return {"accepted": taken.accepted, "refused": taken.refused}
