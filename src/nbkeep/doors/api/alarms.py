"""/api/v1/alarms: what is unusual in what people use, who looked into it, and when there is an alarm."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.anomalies import acknowledge, settings

from .auth import ActorDep, OfficeDep
from .paging import CursorQuery, LimitQuery, Page

router = APIRouter(prefix="/alarms", tags=["alarms"])


class NoteWanted(BaseModel):
    """What somebody found who looked into an alarm."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(max_length=2000, examples=["Asked Jane: a training run, planned."])


class AlarmRuleWanted(BaseModel):
    """How one kind of alarm is to be set; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    least: str | None = Field(
        None, max_length=40, description="No alarm below this: money, a size, tokens or a duration, by kind",
        examples=["50", "2GiB", "5000000", "3h"],
    )  # fmt: skip
    factor: float | None = Field(None, description="How many times the usual a threshold is at least")
    enabled: bool | None = None


@router.get("", summary="List alarms")
def list_all(
    office: OfficeDep,
    actor: ActorDep,
    *,
    state: Annotated[Literal["open", "acknowledged", "all"], Query()] = "open",
    kind: Annotated[str, Query(max_length=20, description="`spend`, `egress`, `tokens` or `gpu-idle`")] = "",
    user: Annotated[str, Query(max_length=60, description="Login name")] = "",
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> Page[dict[str, Any]]:
    """Return alarms, newest first. Needs `audit:read`. Amounts are microcents, bytes, tokens or seconds."""
    wanted = acknowledge.Wanted(state, kind, user)
    with office.store.read() as tx:
        found = acknowledge.list_alarms(
            tx, actor, wanted, office.settings.currency, limit=limit, cursor=cursor
        )
    return Page(items=found.items, next=found.next)


@router.get("/rules", summary="Show when there is an alarm")
def list_rules(office: OfficeDep, actor: ActorDep) -> list[dict[str, Any]]:
    """Return how each kind of alarm is set. Needs `audit:read`."""
    with office.store.read() as tx:
        return settings.list_rules(tx, actor, office.settings.currency)


@router.patch("/rules/{kind}", summary="Set when there is an alarm")
def set_rule(kind: str, wanted: AlarmRuleWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Set one kind of alarm. Needs `admin:alarms`; is recorded. Twice is safe."""
    with office.store.write() as tx:
        return settings.set_rule(
            tx, office.clock, actor, kind, office.settings.currency, **wanted.model_dump()
        )


@router.get("/{alarm_id}", summary="Show an alarm")
def show(alarm_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return one alarm. Needs `audit:read`."""
    with office.store.read() as tx:
        return acknowledge.show_alarm(tx, actor, alarm_id, office.settings.currency)


@router.post("/{alarm_id}/acknowledge", summary="Say what an alarm was about")
def acknowledge_one(alarm_id: str, wanted: NoteWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Acknowledge an alarm with a note. Needs `admin:alarms`; is recorded. Twice is safe: the first stays."""
    with office.store.write() as tx:
        return acknowledge.acknowledge(
            tx, office.clock, actor, alarm_id, wanted.note, office.settings.currency
        )
