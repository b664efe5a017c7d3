"""Events of models: providers, prices, budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class ModelProviderAdded(Event):
    """Requests to a host are metered as calls of models."""

    type: ClassVar[str] = "model.provider-added"
    name: str
    kind: str
    host: str
    port: int
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelProviderRemoved(Event):
    """Requests to a host are metered no more."""

    type: ClassVar[str] = "model.provider-removed"
    name: str
    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class ModelPriceSet(Event):
    """What a million tokens of a model cost was set, from then on."""

    type: ClassVar[str] = "model.price-set"
    provider: str
    model: str
    input: str
    output: str
    cached: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class ModelBudgetSet(Event):
    """What models may cost in a month was set."""

    type: ClassVar[str] = "model.budget-set"
    scope: str
    month: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class ModelBudgetRemoved(Event):
    """A budget for models was taken away."""

    type: ClassVar[str] = "model.budget-removed"
    scope: str


@dataclass(frozen=True, kw_only=True)
class ModelBudgetWarned(Event):
    """Four fifths of a budget for models were used; told once for each budget and month."""

    type: ClassVar[str] = "model.budget-warned"
    scope: str
    user: str
    month: str
    spent: str
    budget: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class ModelBudgetSpent(Event):
    """A budget for models was used up: calls are refused; told once for each budget and month."""

    type: ClassVar[str] = "model.budget-spent"
    scope: str
    user: str
    month: str
    spent: str
    budget: str
    currency: str
