"""/api/v1/grants: access for a while, asked for with a reason and decided by somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.grants import decide, end
from nbkeep.grants.kinds import CONNECTION, DATASET, FLAVOR, HOST
from nbkeep.grants.records import find_grant, list_grants, owner_of
from nbkeep.grants.request import request_grant
from nbkeep.grants.view import grant_view
from nbkeep.model.errors import invalid

from .auth import ActorDep, OfficeDep
from .paging import CursorQuery, LimitQuery, Page

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

router = APIRouter(prefix="/grants", tags=["grants"])


class GrantWanted(BaseModel):
    """What one asks for: a host, a dataset, a connection or a flavor.

    Exactly one of `session` (its profile counts) and `profile`.
    """

    model_config = ConfigDict(extra="forbid")

    host: str = Field("", max_length=300, examples=["huggingface.co"], description="HOST or HOST:PORT,PORT")
    dataset: str = Field("", max_length=100, examples=["sales"], description="Or a dataset of the catalogue")
    connection: str = Field(
        "", max_length=100, examples=["warehouse"], description="Or a declared connection"
    )
    flavor: str = Field(
        "", max_length=40, examples=["gpu-large"], description="Or the flavor of the profile, to start it"
    )
    session: str = Field("", max_length=24, description="One of your sessions")
    profile: str = Field("", max_length=80, description="Or a profile that you may start")
    reason: str = Field(max_length=2000, examples=["Weights of the model that we compare with"])
    duration: int | str = Field("2h", examples=["2h"], description="At most the setting grants_max_s")


class Approval(BaseModel):
    """For how long; without it as long as was asked for."""

    model_config = ConfigDict(extra="forbid")

    duration: int | str | None = Field(None, examples=["1h"])


class Because(BaseModel):
    """Why; who asked is told."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=2000)


@router.get("", summary="List requests and grants")
def list_all(
    office: OfficeDep,
    actor: ActorDep,
    *,
    state: Annotated[
        Literal["", "requested", "granted", "denied", "withdrawn", "revoked", "expired"], Query()
    ] = "",
    mine: Annotated[bool, Query(description="Only your own")] = False,
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> Page[dict[str, Any]]:
    """Return your requests and what became of them, newest first; with `admin:grants` everybody's."""
    now = office.clock.now()
    with office.store.read() as tx:
        found = list_grants(tx, actor, now, state=state, mine=mine, limit=limit, cursor=cursor)
        items = [grant_view(actor, office.settings, now, *one, owner_of(tx, one[0])) for one in found.items]
    return Page(items=items, next=found.next)


@router.post("", status_code=201, summary="Ask for access")
def request(wanted: GrantWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Ask for it in all your sessions of a profile. The same again returns the request that is open."""
    asked = {
        HOST.name: wanted.host,
        DATASET.name: wanted.dataset,
        CONNECTION.name: wanted.connection,
        FLAVOR.name: wanted.flavor,
    }
    given = [(kind, what) for kind, what in asked.items() if what]
    if len(given) != 1:
        raise invalid("host", "What is it that you ask for?", "Give one host, dataset, connection or flavor.")
    [(kind, what)] = given
    with office.store.write() as tx:
        row = request_grant(
            tx,
            office.clock,
            office.settings,
            actor,
            what,
            kind=kind,
            reason=wanted.reason,
            duration=wanted.duration,
            session_id=wanted.session,
            profile=wanted.profile,
        )
        return _view(tx, office, actor, row.id)


@router.get("/{grant_id}", summary="Show a request or grant")
def show(grant_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return what was asked for, why, and what became of it."""
    with office.store.read() as tx:
        return _view(tx, office, actor, grant_id)


@router.post("/{grant_id}/approve", summary="Approve a request")
def approve(grant_id: str, body: Approval, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Grant what somebody else asked for, from now on; never for longer than they asked."""
    with office.store.write() as tx:
        decide.approve_grant(tx, office.clock, office.settings, actor, grant_id, body.duration)
        return _view(tx, office, actor, grant_id)


@router.post("/{grant_id}/deny", summary="Deny a request")
def deny(grant_id: str, body: Because, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Turn a request down, with a reason that who asked is told."""
    with office.store.write() as tx:
        decide.deny_grant(tx, office.clock, actor, grant_id, body.reason)
        return _view(tx, office, actor, grant_id)


@router.post("/{grant_id}/revoke", summary="Revoke a grant")
def revoke(grant_id: str, body: Because, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Take access away before its time: connections that it alone allowed are cut within a second."""
    with office.store.write() as tx:
        end.revoke_grant(tx, office.clock, actor, grant_id, body.reason)
        return _view(tx, office, actor, grant_id)


@router.post("/{grant_id}/withdraw", summary="Withdraw your request")
def withdraw(grant_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """End a request of yours, or what you were granted."""
    with office.store.write() as tx:
        end.withdraw_grant(tx, office.clock, actor, grant_id)
        return _view(tx, office, actor, grant_id)


def _view(tx: Tx, office: Office, actor: Actor, grant_id: str) -> dict[str, Any]:
    row, user = find_grant(tx, actor, grant_id)
    return grant_view(actor, office.settings, office.clock.now(), row, user, owner_of(tx, row))
