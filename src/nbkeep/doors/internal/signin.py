"""/internal/v1/hub/authenticate: the hub's sign-in form asks whether name and password belong together."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from nbkeep.doors.api.auth import OfficeDep, require_hub
from nbkeep.people.signin import sign_in

router = APIRouter(prefix="/hub", dependencies=[Depends(require_hub)])


class SignInBody(BaseModel):
    """What was typed into the form, and the browser's address as the proxy saw it."""

    name: str = Field(max_length=254)
    password: str = Field(max_length=4096)
    address: str = Field("", max_length=64)


@router.post("/authenticate")
def authenticate(body: SignInBody, office: OfficeDep) -> dict[str, str | bool]:
    """Return who signed in; 401 for a wrong pair and 429 after too many, whether or not the name exists."""
    who = sign_in(office.store, office.clock, body.name, body.password, body.address)
    return {"name": who.name, "admin": who.is_admin, "role": who.role.value}
