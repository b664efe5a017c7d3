"""All kinds of things that people may ask for. Another one is a class like `Hosts`, and its line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.errors import invalid

from .connections import Connections
from .datasets import Datasets
from .flavors import Flavors
from .hosts import Hosts

if TYPE_CHECKING:
    from .interface import Kind

HOST, DATASET, CONNECTION, FLAVOR = Hosts(), Datasets(), Connections(), Flavors()
KINDS: dict[str, Kind] = {kind.name: kind for kind in (HOST, DATASET, CONNECTION, FLAVOR)}


def kind_named(name: str) -> Kind:
    """Return a kind; raise `Refused` (400) where there is none of that name."""
    if name not in KINDS:
        raise invalid("kind", f"{name[:40]!r} is nothing to ask for.", f"One of: {', '.join(KINDS)}.")
    return KINDS[name]
