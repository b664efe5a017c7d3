"""/internal/v1/session/catalogue: data and packages of one session, and asking for data, by its token."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.doors.api.auth import OfficeDep, refuse_proxied
from nbkeep.sessions.catalogue import ask_for_dataset, catalogue, withdraw_dataset
from nbkeep.sessions.identity import session_of

from .session import TokenDep

router = APIRouter(prefix="/session/catalogue", dependencies=[Depends(refuse_proxied)])
NameDep = Annotated[str, Path(max_length=100)]


class Asked(BaseModel):
    """Why, and for how long. For whom, and in which sessions, the token says."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=2000)
    duration: str = Field(max_length=40, examples=["2h"])


@router.get("")
def show(office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """Return the catalogue as it is for this session now."""
    with office.store.read() as tx:
        return catalogue(tx, office.clock, office.settings, session_of(tx, token))


@router.post("/datasets/{name}/ask")
def ask(name: NameDep, body: Asked, office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """Ask for all of a dataset and return the catalogue. The same again changes nothing."""
    with office.store.write() as tx:
        row = session_of(tx, token)
        ask_for_dataset(
            tx, office.clock, office.settings, row, name, reason=body.reason, duration=body.duration
        )
        return catalogue(tx, office.clock, office.settings, row)


@router.post("/datasets/{name}/withdraw")
def withdraw(name: NameDep, office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """End one's request for a dataset, or one's access to it, and return the catalogue."""
    with office.store.write() as tx:
        row = session_of(tx, token)
        withdraw_dataset(tx, office.clock, row, name)
        tx.flush()
        return catalogue(tx, office.clock, office.settings, row)
