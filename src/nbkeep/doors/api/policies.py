"""/api/v1/policies: what may leave by which gate, and who decides it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.guard import change, view
from nbkeep.guard.values import ADMIN
from nbkeep.model.gates import Decision, Found, Gate

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/policies", tags=["policies"])

_DECISIONS = f"One of {', '.join(Decision)}"
ProfileQuery = Annotated[str | None, Query(max_length=80, description="Of this profile")]
ProjectQuery = Annotated[str | None, Query(max_length=60, description="Of this project")]
ClassQuery = Annotated[str | None, Query(max_length=20, description="Of this class of data")]
FoundQuery = Annotated[list[str] | None, Query(max_length=20, description=f"Of {', '.join(Found)}")]


class PolicyWanted(BaseModel):
    """Decisions for one scope, everything if none is named; what is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    profile: str | None = Field(None, max_length=80)
    project: str | None = Field(None, max_length=60)
    classification: str | None = Field(None, max_length=20, examples=["pii"])
    gates: list[str] = Field(
        max_length=20, examples=[["export", "share"]],
        description=f"Of {', '.join(Gate)}; `all` for all but save",
    )  # fmt: skip
    secret: str | None = Field(None, max_length=20, description=_DECISIONS, examples=["deny"])
    personal: str | None = Field(None, max_length=20, description=_DECISIONS, examples=["review"])
    unread: str | None = Field(None, max_length=20, description="What could not be read: not redact")
    nothing: str | None = Field(None, max_length=20, description="Nothing was found: not redact")


@router.get("", summary="List policies")
def list_policies(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return what is set, by scope and gate, and the defaults. For `admin:releases` and `audit:read`."""
    with office.store.read() as tx:
        return {"items": view.list_policies(tx, actor), "next": None, "defaults": view.defaults()}


@router.patch("", summary="Set policies")
def set_policies(wanted: PolicyWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Decide what happens at gates to what is found. Of all scopes that apply, the strictest rule holds.

    Returns what is set for that scope then, and `notes`: what does not do what it may look like. Twice is
    safe.
    """
    actor.require(ADMIN)
    decisions = {kind.value: word for kind in Found if (word := getattr(wanted, kind.value)) is not None}
    with office.store.write() as tx:
        scope = change.find_scope(
            tx, profile=wanted.profile, project=wanted.project, classification=wanted.classification
        )
        notes = change.set_policy(tx, office.clock, actor, scope, wanted.gates, decisions)
        items = [one for one in view.list_policies(tx, actor) if one["scope"] == scope.text]
    return {"items": items, "next": None, "notes": notes}


@router.delete("", summary="Unset policies")
def unset_policies(
    office: OfficeDep,
    actor: ActorDep,
    *,
    profile: ProfileQuery = None,
    project: ProjectQuery = None,
    classification: ClassQuery = None,
    gate: Annotated[
        list[str] | None, Query(max_length=20, description="At these gates; all if not given")
    ] = None,
    found: FoundQuery = None,
) -> dict[str, int]:
    """Take away what is set for one scope, everything if none is named; the default holds again.

    Returns how many decisions were `removed`. Twice is safe.
    """
    actor.require(ADMIN)
    with office.store.write() as tx:
        scope = change.find_scope(
            tx,
            profile=profile,
            project=project,
            classification=classification,
            deleted=True,
        )
        return {"removed": change.unset_policy(tx, office.clock, actor, scope, gate or (), found or ())}


@router.get("/explain", summary="What decides for a document")
def explain(
    office: OfficeDep,
    actor: ActorDep,
    *,
    gate: Annotated[str, Query(max_length=20, description=f"One of {', '.join(Gate)}")],
    profile: ProfileQuery = None,
    project: Annotated[list[str] | None, Query(max_length=100, description="Its author is in these")] = None,
    classification: ClassQuery = None,
    found: FoundQuery = None,
) -> dict[str, Any]:
    """Return what happens to a document at a gate, by whose rule, and all rules that were asked.

    Without `found`, each kind is decided by itself.
    """
    with office.store.read() as tx:
        return view.explain(
            tx,
            actor,
            gate,
            profile=profile or "",
            projects=project or (),
            classification=classification or "",
            found=found or (),
        )
