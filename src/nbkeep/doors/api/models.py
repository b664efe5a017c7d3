"""/api/v1/model-…: providers of models, their prices, budgets, and what was used."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from nbkeep.inference import change, usage
from nbkeep.inference.rules import month_of
from nbkeep.model.money import MICROCENTS

from .auth import ActorDep, OfficeDep

router = APIRouter(tags=["models"])


class ProviderWanted(BaseModel):
    """An API of models. `host`: HOST[:PORT][/PREFIX]."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100, examples=["openai"])
    host: str = Field(max_length=600, examples=["api.openai.com", "models.acme.com:8443/llm"])
    kind: Literal["openai", "anthropic"] = Field(description="Whose API it speaks")


class PriceWanted(BaseModel):
    """What a million tokens cost, in the currency of the settings."""

    model_config = ConfigDict(extra="forbid")

    provider: str = Field(max_length=100)
    model: str = Field(max_length=200, examples=["gpt-x", "gpt-x*"])
    input: str = Field(max_length=40, examples=["2.50"])
    output: str | None = Field(None, max_length=40, description="Zero if not given, as for embeddings")
    cached: str | None = Field(None, max_length=40, description="Like other input if not given")


class BudgetWanted(BaseModel):
    """What models may cost in each month (UTC)."""

    model_config = ConfigDict(extra="forbid")

    scope: str = Field(max_length=100, examples=["user:jane", "everyone", "total"])
    month: str = Field(max_length=40, examples=["50"])


@router.get("/model-providers", summary="List providers of models")
def providers(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return the APIs of models whose calls are metered."""
    with office.store.read() as tx:
        return {"items": usage.list_providers(tx, actor), "next": None}


@router.post("/model-providers", status_code=201, summary="Add a provider of models")
def add_provider(wanted: ProviderWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Have requests to a host metered; it opens no host, which is for profiles to say."""
    with office.store.write() as tx:
        row = change.add_provider(tx, office.clock, actor, wanted.name, wanted.host, wanted.kind)
        return usage.provider_view(row)


@router.delete("/model-providers/{name}", status_code=204, summary="Remove a provider of models")
def remove_provider(name: str, office: OfficeDep, actor: ActorDep) -> None:
    """Meter its host no more; what was used stays on record."""
    with office.store.write() as tx:
        change.remove_provider(tx, office.clock, actor, name)


@router.get("/model-prices", summary="List prices of models")
def prices(
    office: OfficeDep,
    actor: ActorDep,
    *,
    history: Annotated[bool, Query(description="With earlier prices")] = False,
) -> dict[str, Any]:
    """Return prices in microcents (10^-8 of the currency) for a million tokens."""
    with office.store.read() as tx:
        items = usage.list_prices(tx, actor, office.settings.currency, history=history)
    return {"items": items, "next": None, "microcents": MICROCENTS}


@router.post("/model-prices", status_code=201, summary="Set the price of a model")
def set_price(wanted: PriceWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Set a price from now on; calls before keep theirs."""
    amounts = (wanted.input, wanted.output, wanted.cached)
    currency = office.settings.currency
    with office.store.write() as tx:
        row = change.set_price(tx, office.clock, actor, wanted.provider, wanted.model, amounts, currency)
        return usage.price_view(row, currency)


@router.get("/model-budgets", summary="List budgets for models")
def budgets(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return all budgets and what this month used of them."""
    with office.store.read() as tx:
        items = usage.budget_views(tx, office.clock, actor, office.settings.currency)
    return {"items": items, "next": None}


@router.post("/model-budgets", status_code=201, summary="Set a budget for models")
def set_budget(wanted: BudgetWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Set what models may cost in a month, in place of an earlier budget. Twice is safe."""
    currency = office.settings.currency
    with office.store.write() as tx:
        row = change.set_budget(tx, office.clock, actor, wanted.scope, wanted.month, currency)
        return usage.budget_view(tx, row, month_of(office.clock.now()), currency)


@router.delete("/model-budgets/{scope}", status_code=204, summary="Remove a budget for models")
def remove_budget(scope: str, office: OfficeDep, actor: ActorDep) -> None:
    """Take a budget away; what is said for everyone counts for its person then."""
    with office.store.write() as tx:
        change.remove_budget(tx, office.clock, actor, scope)


@router.get("/model-usage", summary="What was used of models")
def used(
    office: OfficeDep,
    actor: ActorDep,
    user: Annotated[str, Query(max_length=60, description="Login name")] = "",
    model: Annotated[str, Query(max_length=100, description="A name, or `name*`")] = "",
    session: Annotated[str, Query(max_length=24, description="Session id")] = "",
    since: Annotated[AwareDatetime | None, Query(description="From that day on (UTC)")] = None,
    by: Annotated[
        str, Query(max_length=60, description=f"Some of {', '.join(usage.GROUPS)}, apart by commas")
    ] = ",".join(usage.USUAL_GROUPS),
    limit: Annotated[int, Query(ge=1, le=usage.LIMIT_MAX)] = 200,
) -> dict[str, Any]:
    """Return sums: of your own calls, or everybody's with `admin:models` or `network:read`.

    Costs are in microcents, 10^-8 of the currency. `unpriced` calls cost something that is not known;
    `estimated` ones were counted from what passed; of `unknown` ones only the input was guessed.
    """
    wanted = usage.Wanted(user, model, session, since.astimezone(UTC) if since else None)
    currency = office.settings.currency
    with office.store.read() as tx:
        return {
            "items": usage.usage(tx, actor, wanted, tuple(dict.fromkeys(by.split(","))), limit),
            "next": None,
            "total": usage.total(tx, actor, wanted),
            "budgets": usage.own_budgets(tx, office.clock, actor, currency),
            "currency": currency,
        }
