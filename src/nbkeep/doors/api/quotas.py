"""/api/v1/quotas: how much people and projects may use, what they have used, overrides and requests."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from nbkeep.quotas import ask, change, view
from nbkeep.quotas.values import ADMIN
from nbkeep.store.database import Tx

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/quotas", tags=["quotas"])
LimitText = Annotated[str, Field(max_length=100)]
KeyQuery = Annotated[str, Query(max_length=100, description="Such as gpu-a100/month; all if not given")]
UserQuery = Annotated[str, Query(max_length=254, description="Login name, or e-mail address")]
ProjectQuery = Annotated[str, Query(max_length=60, description="Name of a project")]


class ForWhom(BaseModel):
    """Exactly one of them."""

    model_config = ConfigDict(extra="forbid")

    user: str | None = Field(None, max_length=254, description="Login name, or e-mail address")
    project: str | None = Field(None, max_length=60)
    everyone: bool = Field(default=False, description="Each person who has none of their own")


class QuotasWanted(ForWhom):
    """Limits for a user, a project or everyone."""

    limits: list[LimitText] = Field(
        max_length=50, examples=[["gpu-a100=8h/day", "cost=500/month", "sessions=2"]]
    )


class OverrideWanted(ForWhom):
    """Higher limits until a moment; without limits, none at all."""

    limits: list[LimitText] = Field(default_factory=list[LimitText], max_length=50)
    until: AwareDatetime
    reason: str = Field(max_length=1000, description="Why; the audit keeps it")


class MoreWanted(BaseModel):
    """A request for more."""

    model_config = ConfigDict(extra="forbid")

    quota: LimitText = Field(examples=["gpu-a100/month"])
    project: str | None = Field(None, max_length=60, description="Of this project instead of one's own")
    reason: str = Field(max_length=1000)


class Given(BaseModel):
    """An answer to a request: more, until a moment."""

    model_config = ConfigDict(extra="forbid")

    until: AwareDatetime
    limit: str = Field("", max_length=100, description="Such as gpu-a100=60h/month; no limit if not given")
    reason: str = Field("", max_length=500)


class Denied(BaseModel):
    """An answer to a request: no."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=1000, description="They are told")


@router.get("", summary="List quotas")
def list_quotas(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return what is set: all with `admin:quotas` or `audit:read`, else what holds for you."""
    with office.store.read() as tx:
        items = view.list_quotas(tx, actor, office.settings.currency)
    return {"items": items, "next": None}


@router.post("", summary="Set quotas")
def set_quotas(wanted: QuotasWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Set limits in place of earlier ones of their kind; what runs is held to them, after notice."""
    actor.require(ADMIN)
    with office.store.write() as tx:
        subject = _subject(tx, wanted)
        rows, doubts = change.set_quotas(tx, office.clock, actor, subject, wanted.limits)
        items = [view.quota_view(tx, row, office.settings.currency) for row in rows]
    return {"items": items, "next": None, "notes": doubts}


@router.delete("", status_code=204, summary="Remove quotas")
def remove_quotas(
    office: OfficeDep,
    actor: ActorDep,
    *,
    user: UserQuery = "",
    project: ProjectQuery = "",
    everyone: Annotated[bool, Query(description="Everyone's")] = False,
    quota: KeyQuery = "",
) -> None:
    """Take a quota of a subject away, or all of them."""
    actor.require(ADMIN)
    with office.store.write() as tx:
        subject = change.find_subject(tx, user=user or None, project=project or None, everyone=everyone)
        change.remove_quotas(tx, office.clock, actor, subject, [quota] if quota else [])


@router.get("/standing", summary="Show what is used of quotas")
def standing(office: OfficeDep, actor: ActorDep, user: UserQuery = "") -> dict[str, Any]:
    """Return what is used, reserved and left of each limit, and when it is back: your own, or somebody's.

    Others' need `admin:quotas` or `audit:read`. Amounts are microseconds, microcents (10^-8 of the currency)
    or a number.
    """
    with office.store.read() as tx:
        items = view.standings_of(tx, office.clock.now(), actor, office.settings.currency, user=user)
    return {"items": items, "next": None}


@router.get("/overrides", summary="List overrides")
def list_overrides(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return the overrides that hold now."""
    with office.store.read() as tx:
        return {"items": view.list_overrides(tx, office.clock.now(), actor), "next": None}


@router.post("/overrides", status_code=201, summary="Override quotas until a moment")
def override(wanted: OverrideWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Raise limits of a user or a project, or lift all of them, with a reason; it ends by itself."""
    actor.require(ADMIN)
    with office.store.write() as tx:
        subject = _subject(tx, wanted)
        rows = change.override(
            tx, office.clock, actor, subject, until=wanted.until, reason=wanted.reason, limits=wanted.limits
        )
        return {"items": [view.override_view(row, subject.words) for row in rows], "next": None}


@router.delete("/overrides/{override_id}", status_code=204, summary="End an override")
def end_override(override_id: str, office: OfficeDep, actor: ActorDep) -> None:
    """Take an override back before its time. Twice is safe."""
    with office.store.write() as tx:
        change.end_override(tx, office.clock, actor, override_id)


@router.get("/requests", summary="List requests for more")
def list_requests(
    office: OfficeDep,
    actor: ActorDep,
    *,
    answered: Annotated[bool, Query(description="Those that were answered")] = False,
) -> dict[str, Any]:
    """Return requests that wait: your own, or everybody's with `admin:quotas` or `audit:read`."""
    with office.store.read() as tx:
        rows = ask.requests(tx, actor, is_open=not answered)
        return {"items": view.requests_view(tx, rows), "next": None}


@router.post("/requests", status_code=201, summary="Ask for more")
def ask_for_more(wanted: MoreWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Ask the admins for more of one of your quotas; the same again returns the request that waits."""
    with office.store.write() as tx:
        row = ask.ask(tx, office.clock, actor, wanted.quota, reason=wanted.reason, project=wanted.project)
        return view.requests_view(tx, [row])[0]


@router.post("/requests/{request_id}/give", summary="Answer a request with an override")
def give(request_id: str, wanted: Given, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Give what was asked for, until a moment."""
    with office.store.write() as tx:
        row = ask.give(
            tx, office.clock, actor, request_id,
            until=wanted.until, reason=wanted.reason, limit=wanted.limit,
        )  # fmt: skip
        return view.requests_view(tx, [row])[0]


@router.post("/requests/{request_id}/deny", summary="Turn a request for more down")
def deny(request_id: str, wanted: Denied, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Say no, with a reason that is passed on."""
    with office.store.write() as tx:
        row = ask.deny(tx, office.clock, actor, request_id, reason=wanted.reason)
        return view.requests_view(tx, [row])[0]


def _subject(tx: Tx, wanted: ForWhom) -> change.Subject:
    return change.find_subject(tx, user=wanted.user, project=wanted.project, everyone=wanted.everyone)
