"""All kinds of things in the configuration. What is made of something comes after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .classes import Classes
from .cost import ModelBudgets, ModelProviders, Prices, Quotas
from .leaving import Liveness, OwnRules, Policies, Uploads
from .offer import Flavors, Profiles
from .people import Projects, Users
from .reach import Connections, Datasets

if TYPE_CHECKING:
    from .section import Section

SECTIONS: tuple[Section, ...] = (
    Flavors(),
    Profiles(),
    Users(),
    Projects(),
    Quotas(),
    Connections(),
    Datasets(),
    Classes(),
    Policies(),
    OwnRules(),
    Uploads(),
    Liveness(),
    ModelProviders(),
    ModelBudgets(),
    Prices(),
)
