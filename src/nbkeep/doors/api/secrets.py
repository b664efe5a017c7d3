"""/api/v1/secrets: secrets, whom they are granted to, and their leases. No path gives a value back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from nbkeep.model.grantee import GRANTEE_WORDS
from nbkeep.vault import change, leases, parse
from nbkeep.vault.records import find_secret, list_secrets
from nbkeep.vault.view import lease_views, secret_view

from .auth import ActorDep, OfficeDep

router = APIRouter(tags=["secrets"])


class SecretWanted(BaseModel):
    """A secret to keep. One of `header`, `query`, `basic`, `sigv4`, `postgres`, `s3` says how it is sent."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100, examples=["openai"])
    value: SecretStr = Field(SecretStr(""), description="Not given back by any call")
    source: str = Field("", max_length=400, examples=["vault:secret/data/db#password"],
                        description="Where the value lies instead; needs `admin:secrets`")  # fmt: skip
    hosts: list[str] = Field(max_length=50, examples=[["api.openai.com"]])
    header: str | None = Field(None, max_length=600, examples=["Authorization: Bearer {}"])
    postgres: str | None = Field(None, max_length=100, description="The PostgreSQL role whose password it is")
    query: str | None = Field(None, max_length=200, description="Name of a query parameter")
    basic: str | None = Field(None, max_length=300, description="User of basic authentication")
    sigv4: str | None = Field(None, max_length=100, examples=["eu-central-1/s3"],
                              description="Region and service of AWS's signature")  # fmt: skip
    s3: str | None = Field(None, max_length=100, description="Region of the S3 whose datasets it reads")
    env: str = Field("", max_length=200, description="Variable that holds the placeholder in sessions",
                     examples=["OPENAI_API_KEY"])  # fmt: skip
    grants: list[str] = Field(
        default_factory=list[str],
        max_length=200,
        examples=[["user:jane", "project:orion", "role:user", "everyone"]],
        description=f"To whom: {GRANTEE_WORDS}",
    )


class NewValue(BaseModel):
    """Another value."""

    model_config = ConfigDict(extra="forbid")

    value: SecretStr = Field(SecretStr(""), description="None for one that is made for each session")


class Grant(BaseModel):
    """To whom a secret is granted."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(max_length=100, examples=["user:jane"], description=GRANTEE_WORDS)


@router.get("/secrets", summary="List secrets")
def list_all(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return your secrets and those that your sessions may use; with `admin:secrets` all."""
    with office.store.read() as tx:
        items = [secret_view(tx, actor, row) for row in list_secrets(tx, actor)]
    return {"items": items, "next": None}


@router.post("/secrets", status_code=201, summary="Keep a secret")
def set_secret(wanted: SecretWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Keep a secret of your own, bound to hosts, and grant it."""
    binding = parse.binding(
        wanted.hosts,
        wanted.header,
        wanted.query,
        wanted.basic,
        sigv4=wanted.sigv4,
        postgres=wanted.postgres,
        s3=wanted.s3,
        source=wanted.source,
    )
    if wanted.source:
        change.check_source(office.settings, actor, binding)
    with office.store.write() as tx:
        row = change.set_secret(
            tx,
            office.clock,
            change.source_of(office.settings),
            actor,
            wanted.name,
            wanted.value.get_secret_value(),
            binding,
            env=wanted.env,
            grants=wanted.grants,
        )
        return secret_view(tx, actor, row)


@router.get("/secrets/{which}", summary="Show a secret")
def show(which: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return what a secret (by name or id) is bound to and who may use it; never its value."""
    with office.store.read() as tx:
        return secret_view(tx, actor, find_secret(tx, actor, which))


@router.post("/secrets/{which}/rotate", summary="Rotate a secret")
def rotate(which: str, body: NewValue, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Give a secret another value: requests carry it from now on, the old one is deleted.

    Of one that is made for each session `value` is empty: all that was made ends, and others are made.
    """
    with office.store.write() as tx:
        row = change.rotate_secret(
            tx, office.clock, change.source_of(office.settings), actor, which, body.value.get_secret_value()
        )
        return secret_view(tx, actor, row)


@router.post("/secrets/{which}/grants", summary="Grant a secret")
def grant(which: str, body: Grant, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Let sessions of somebody use a secret, also those that run. Twice is safe."""
    with office.store.write() as tx:
        return secret_view(tx, actor, change.grant_secret(tx, office.clock, actor, which, body.to))


@router.delete("/secrets/{which}/grants/{to}", summary="Take a grant away")
def ungrant(which: str, to: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Take a grant away; leases that no other grant covers end at once. Twice is safe."""
    with office.store.write() as tx:
        return secret_view(tx, actor, change.ungrant_secret(tx, office.clock, actor, which, to))


@router.delete("/secrets/{which}", status_code=204, summary="Revoke a secret")
def revoke(
    which: str, office: OfficeDep, actor: ActorDep, reason: Annotated[str, Query(max_length=500)] = ""
) -> None:
    """End a secret for good: its leases end, its value is deleted."""
    with office.store.write() as tx:
        change.revoke_secret(tx, office.clock, change.source_of(office.settings), actor, which, reason)


@router.get("/secret-leases", summary="List live leases")
def list_leases(
    office: OfficeDep, actor: ActorDep, secret: Annotated[str | None, Query(max_length=100)] = None
) -> dict[str, Any]:
    """Return the live leases of your secrets and of your sessions; with `admin:secrets` all."""
    with office.store.read() as tx:
        items = lease_views(tx, actor, leases.list_leases(tx, actor, secret))
    return {"items": items, "next": None}


@router.post("/secret-key/rewrap", summary="Use the newest master key")
def rewrap(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Put all secrets under the newest master key. Twice is safe."""
    with office.store.write() as tx:
        key_id, count = change.rewrap_secrets(tx, office.clock, office.settings, actor)
    return {"key_id": key_id, "rewrapped": count}
