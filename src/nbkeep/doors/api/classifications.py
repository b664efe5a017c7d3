"""/api/v1/classifications: what sessions that carry a class of data may still reach."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.data.class_rules import list_class_rules, set_class_rules

from .auth import ActorDep, OfficeDep
from .flavors import given

router = APIRouter(prefix="/classifications", tags=["classifications"])


class ClassChange(BaseModel):
    """What a class takes from sessions that have read data of it, or of a higher one."""

    model_config = ConfigDict(extra="forbid")

    public_internet: bool | None = Field(None, description="Whether it stays open where a profile opens it")
    egress_only: list[str] | str | None = Field(
        None,
        examples=[["internal-data.acme.local", "*.bd"]],
        description="All that is left of what they may reach; `none`: no such limit",
    )
    egress_denylist: list[str] | str | None = Field(None, examples=[["*.paste.example.com"]])


@router.get("", summary="List classes of data")
def list_all(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return the classes, the lowest first, with their rules: each holds for the higher ones, too."""
    with office.store.read() as tx:
        return {"items": list_class_rules(tx, office.settings, actor), "next": None}


@router.patch("/{name}", summary="Change the rules of a class of data")
def change(name: str, body: ClassChange, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Change them; they hold for running sessions within a second, and open nothing. Needs `admin:profiles`.

    409 for opening what the setting `pii_closes_internet` keeps closed. Twice is safe.
    """
    with office.store.write() as tx:
        return set_class_rules(tx, office.clock, office.settings, actor, name, given(body))
