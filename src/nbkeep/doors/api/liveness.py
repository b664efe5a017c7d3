"""/api/v1/liveness: whether keys that are found still work, asked of their providers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from nbkeep.detection import liveness

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/liveness", tags=["policies"])


class Wanted(BaseModel):
    """Whether a provider is asked."""

    model_config = ConfigDict(extra="forbid")

    on: bool


@router.get("", summary="List providers that can be asked")
def list_liveness(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return who can be asked whether a key works, and who is. For `admin:releases` and `audit:read`."""
    with office.store.read() as tx:
        return {"items": liveness.list_liveness(tx, actor), "next": None}


@router.put("/{provider}", summary="Turn asking a provider on or off")
def set_liveness(provider: str, wanted: Wanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Have the office ask a provider about its keys that are found in documents on their way out, or not.

    The key itself is sent to its provider, in one request that only reads who it belongs to; providers may
    note that. Off until it is turned on. Twice is safe. Needs `admin:releases`.
    """
    with office.store.write() as tx:
        liveness.set_liveness(tx, office.clock, actor, provider, on=wanted.on)
        return {"items": liveness.list_liveness(tx, actor), "next": None}
