"""/api/v1/connections: declared connections, and to whom they are granted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.connections import change, parse
from nbkeep.connections.records import ADMIN, find_connection, list_connections
from nbkeep.connections.view import connection_view, connection_views
from nbkeep.grants.take_out import take_out_connection
from nbkeep.model.grantee import GRANTEE_WORDS
from nbkeep.vault.change import check_role, source_of

from .auth import ActorDep, OfficeDep

router = APIRouter(tags=["connections"])


class ConnectionWanted(BaseModel):
    """A connection to declare. Exactly one of `postgres` and `tcp` says where it leads."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100, examples=["warehouse"])
    postgres: str | None = Field(None, max_length=300, examples=["warehouse.acme.local:5432"])
    tcp: str | None = Field(None, max_length=300, examples=["mq.acme.local:5672"])
    local_port: int | None = Field(
        None, description="Where programs in sessions find it; default: the server's"
    )
    database: str | None = Field(None, max_length=100, examples=["sales"])
    role: str | None = Field(None, max_length=100, description="As whom sessions are logged in")
    tls: str | None = Field(None, max_length=20, description="`verify` (the default), `require` or `off`")
    secret: str | None = Field(None, max_length=100, description="Name or id of the role's password")
    vault_role: str | None = Field(
        None,
        max_length=300,
        examples=["readonly"],
        description="Instead of `role` and `secret`: by which role of Vault's database engine (`ROLE` or "
        "`MOUNT/ROLE`) each session gets a login of its own; needs `admin:secrets`",
    )
    grants: list[str] = Field(
        default_factory=list[str],
        max_length=200,
        examples=[["user:jane"]],
        description=f"To whom: {GRANTEE_WORDS}",
    )


class ConnectionGrant(BaseModel):
    """To whom a connection is granted."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(max_length=100, examples=["user:jane"], description=GRANTEE_WORDS)


@router.get("/connections", summary="List connections")
def list_all(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return all connections; where one leads, only to those who may use it, be it for a while."""
    with office.store.read() as tx:
        items = connection_views(tx, office.clock.now(), actor, list_connections(tx, actor))
    return {"items": items, "next": None}


@router.post("/connections", status_code=201, summary="Declare a connection")
def add(wanted: ConnectionWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Declare a connection and grant it. Sessions that run may use it within a second.

    With `vault_role` a login is made there, renewed and revoked, to see that nbkeep may.
    """
    told = wanted.model_dump(exclude={"name", "secret", "grants"})
    declared = parse.declared(wanted.name, **told)
    made = None
    if wanted.vault_role is not None:
        actor.require(ADMIN)
        binding = parse.made_binding(declared, wanted.vault_role)
        check_role(office.settings, actor, binding.source)
        made = (source_of(office.settings), binding)
    with office.store.write() as tx:
        row = change.add_connection(
            tx, office.clock, actor, declared, secret=wanted.secret, made=made, grants=wanted.grants
        )
        return connection_view(tx, office.clock.now(), actor, row)


@router.get("/connections/{which}", summary="Show a connection")
def show(which: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return one connection."""
    with office.store.read() as tx:
        return connection_view(tx, office.clock.now(), actor, find_connection(tx, actor, which))


@router.post("/connections/{which}/grants", summary="Grant a connection")
def grant(which: str, body: ConnectionGrant, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Let sessions of somebody use a connection, also those that run. Twice is safe."""
    with office.store.write() as tx:
        row = change.grant_connection(tx, office.clock, actor, which, body.to)
        return connection_view(tx, office.clock.now(), actor, row)


@router.delete("/connections/{which}/grants/{to}", summary="Take a grant away")
def ungrant(which: str, to: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Take a grant away; what is open by it is cut within a second. Twice is safe."""
    with office.store.write() as tx:
        row = change.ungrant_connection(tx, office.clock, actor, which, to)
        return connection_view(tx, office.clock.now(), actor, row)


@router.delete("/connections/{which}", status_code=204, summary="Remove a connection")
def remove(
    which: str, office: OfficeDep, actor: ActorDep, reason: Annotated[str, Query(max_length=500)] = ""
) -> None:
    """Remove a connection with its grants; what is open is cut within a second.

    Its secret stays; roles that a Vault made for sessions end.

    What is asked for of it is denied, and what was granted for a while ends.
    """
    with office.store.write() as tx:
        take_out_connection(tx, office.clock, actor, which, reason)
