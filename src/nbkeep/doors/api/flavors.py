"""/api/v1/flavors: amounts of compute and their prices."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.profiles import flavors
from nbkeep.profiles.view import flavor_view

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/flavors", tags=["flavors"])


class FlavorFields(BaseModel):
    """Fields of a flavor, as people write them: memory `8GiB`, CPU `2` or `0.5`, a price of `0.10`."""

    model_config = ConfigDict(extra="allow")  # the room refuses unknown fields, with the list of known ones

    name: str | None = Field(default=None, examples=["notebook-cpu-small"])
    cpu: float | str | None = Field(default=None, examples=[2])
    memory: int | str | None = Field(default=None, examples=["8GiB"])
    gpu_type: str | None = Field(default=None, examples=["a100"])
    gpu_count: int | None = Field(default=None, examples=[1])
    price_per_hour: float | str | None = Field(default=None, examples=["0.10"])
    needs_approval: bool | None = Field(
        default=None, description="Sessions of it start with an approval only: a grant of the kind flavor"
    )


@router.get("")
def list_flavors(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """List all flavors."""
    with office.store.read() as tx:
        found = flavors.list_flavors(tx, actor)
    return {"items": [flavor_view(one, office.settings.currency) for one in found], "next": None}


@router.post("", status_code=201)
def create_flavor(body: FlavorFields, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Create a flavor."""
    with office.store.write() as tx:
        made = flavors.create_flavor(tx, office.clock, actor, given(body))
    return flavor_view(made, office.settings.currency)


@router.get("/{name}")
def show_flavor(name: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Show one flavor."""
    with office.store.read() as tx:
        return flavor_view(flavors.get_flavor(tx, actor, name), office.settings.currency)


@router.patch("/{name}")
def change_flavor(name: str, body: FlavorFields, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Change a flavor; running sessions keep what they started with."""
    with office.store.write() as tx:
        made = flavors.change_flavor(tx, office.clock, actor, name, given(body))
    return flavor_view(made, office.settings.currency)


@router.delete("/{name}", status_code=204)
def delete_flavor(name: str, office: OfficeDep, actor: ActorDep) -> None:
    """Delete a flavor that no profile uses."""
    with office.store.write() as tx:
        flavors.delete_flavor(tx, office.clock, actor, name)


def given(body: BaseModel) -> dict[str, Any]:
    """Return the fields that a request names; null means that it says nothing about them."""
    return body.model_dump(exclude_unset=True, exclude_none=True)
