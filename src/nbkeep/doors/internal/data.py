"""/internal/v1/gateway/data-reads: that a session reads a dataset, told before the first byte comes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from nbkeep.audit import journal
from nbkeep.data.reads import no_reader, note_read
from nbkeep.doors.api.auth import OfficeDep, require_gateway
from nbkeep.sessions.policies import live_policies

router = APIRouter(prefix="/gateway", dependencies=[Depends(require_gateway)])


class Read(BaseModel):
    """Who reads what."""

    session_id: str = Field(max_length=24)
    dataset_id: str = Field(max_length=24)


@router.post("/data-reads")
def data_read(body: Read, office: OfficeDep) -> dict[str, Any]:
    """Put it on record, once, and tell what the session may reach from then on. Twice is safe.

    Nothing is read before that is in force. `seq`: how new it is, as in what gateways are told of all.
    """
    with office.store.write() as tx:
        note_read(tx, office.clock, office.settings, body.session_id, body.dataset_id)
    with office.store.read() as tx:  # others write meanwhile
        seq = journal.last_seq(tx)
        found = live_policies(tx, office.settings, office.clock.now(), body.session_id)
    if not found:
        raise no_reader()
    return {"policy": found[0].as_json(), "seq": seq}
