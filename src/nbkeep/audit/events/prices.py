"""Events of what resources cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class PriceSet(Event):
    """What an hour of a resource costs was set, from a moment on."""

    type: ClassVar[str] = "price.set"
    resource: str
    price: str
    currency: str
    valid_from: str
