"""`/tokens` and `/scopes`: API tokens of one's own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.model.actor import ROLE_SCOPES, SCOPES
from nbkeep.model.units import parse_duration_s
from nbkeep.people import tokens

from .auth import ActorDep, OfficeDep
from .paging import Page

router = APIRouter(tags=["tokens"])
_VALID = "90d"


class TokenView(BaseModel):
    """A token, without its secret part."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    prefix: str = Field(description="How it begins")
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class NewToken(TokenView):
    """A fresh token; `token` is shown this once."""

    token: str


class TokenWanted(BaseModel):
    """What the token is for."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100, examples=["nightly-report"])
    scopes: list[str] | None = Field(None, description="Default: all that you hold")
    expires_in: Annotated[str | int, Field(examples=["30d"])] = _VALID


class ScopeView(BaseModel):
    """A scope, and the roles that have it."""

    name: str
    description: str
    roles: list[str]
    held: bool = Field(description="Whether you hold it now")


@router.get("/scopes", summary="List scopes")
def list_scopes(actor: ActorDep) -> Page[ScopeView]:
    """Return every scope, what it allows, and which roles have it."""
    items = [
        ScopeView(name=scope, description=words, held=actor.may(scope),
                  roles=[role.value for role, scopes in ROLE_SCOPES.items() if scope in scopes])
        for scope, words in SCOPES.items()
    ]  # fmt: skip
    return Page(items=items, next=None)


@router.get("/tokens", summary="List your tokens")
def list_tokens(office: OfficeDep, actor: ActorDep) -> Page[TokenView]:
    """Return the caller's tokens that work, newest first."""
    with office.store.read() as tx:
        rows = tokens.list_tokens(tx, office.clock, actor)
    return Page(items=[TokenView.model_validate(row) for row in rows], next=None)


@router.post("/tokens", status_code=201, summary="Make a token")
def create_token(office: OfficeDep, actor: ActorDep, wanted: TokenWanted) -> NewToken:
    """Make a token of the caller's own, with no more scopes than they hold."""
    scopes = sorted(actor.scopes) if wanted.scopes is None else wanted.scopes
    valid_s = parse_duration_s(wanted.expires_in, "expires-in")
    with office.store.write() as tx:
        row, token = tokens.create_token(tx, office.clock, actor, wanted.name, scopes, valid_s)
    return NewToken(**TokenView.model_validate(row).model_dump(), token=token)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke a token")
def revoke_token(office: OfficeDep, actor: ActorDep, token_id: str) -> None:
    """End a token at once."""
    with office.store.write() as tx:
        tokens.revoke_token(tx, office.clock, actor, token_id)
