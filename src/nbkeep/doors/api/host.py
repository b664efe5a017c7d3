"""/api/v1/host: what the node guarantees and what is missing, line by line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/host", tags=["host"])


@router.get("")
def host_facts(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """List the node's guarantees (admins)."""
    actor.require("admin:config")
    return {"items": [asdict(fact) for fact in office.backend.host()], "next": None}
