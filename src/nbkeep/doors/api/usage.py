"""/api/v1/usage and /api/v1/prices: what was used, what it cost, and what an hour costs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from nbkeep.meter import prices, report
from nbkeep.model.days import month_span
from nbkeep.model.money import MICROCENTS

from .auth import ActorDep, OfficeDep

router = APIRouter(tags=["usage"])


class HourPriceWanted(BaseModel):
    """What an hour of a resource costs, in the currency of the settings; storage by the GB."""

    model_config = ConfigDict(extra="forbid")

    resource: str = Field(max_length=100, examples=["flavor:notebook-cpu-small", "gpu:a100"])
    price: str = Field(max_length=40, examples=["0.10"])
    valid_from: AwareDatetime | None = Field(None, description="Now if not given; never in the past")


@router.get("/usage", summary="What was used and what it cost")
def usage(
    office: OfficeDep,
    actor: ActorDep,
    *,
    month: Annotated[str, Query(max_length=20, description="Such as 2026-11; this month if not given")] = "",
    user: Annotated[str, Query(max_length=60, description="Login name")] = "",
    by: Annotated[Literal["day", "month"], Query(description="What to sum up by")] = "month",
    own: Annotated[bool, Query(description="Only your own")] = False,
) -> dict[str, Any]:
    """Return sums by person and resource: your own, or everybody's with `admin:prices` or `audit:read`.

    Days and months are those of UTC. Costs are in microcents, 10^-8 of the currency. What runs is counted
    up to the last beat, a few seconds ago.
    """
    month = month or f"{office.clock.now():%Y-%m}"
    with office.store.read() as tx:
        items = report.usage(tx, actor, month_span(month), user=user, own=own, daily=by == "day")
    return {
        "items": items,
        "next": None,
        "month": month,
        "currency": office.settings.currency,
        "cost_microcents": sum(one["cost_microcents"] for one in items),
        "microcents": MICROCENTS,
    }


@router.get("/prices", summary="List prices of an hour")
def list_prices(
    office: OfficeDep,
    actor: ActorDep,
    *,
    history: Annotated[bool, Query(description="All that were ever set")] = False,
) -> dict[str, Any]:
    """Return prices in microcents (10^-8 of the currency) for an hour; flavors' own ones among them."""
    with office.store.read() as tx:
        items = prices.list_prices(tx, office.clock, actor, office.settings.currency, history=history)
    return {"items": items, "next": None, "microcents": MICROCENTS}


@router.post("/prices", status_code=201, summary="Set the price of an hour")
def set_price(wanted: HourPriceWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Set a price from a moment on, also for sessions that run; time before keeps its price."""
    currency = office.settings.currency
    with office.store.write() as tx:
        row = prices.set_price(
            tx, office.clock, actor, wanted.resource, wanted.price, wanted.valid_from, currency
        )
        return prices.price_view(row, currency)
