"""Whether a key that was found still works: asked of its provider, where an officer has turned that on.

Off for all until then. `asking.py` asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.errors import not_found
from nbkeep.store.detection_tables import LivenessRow

from .providers import PROVIDERS
from .values import ADMIN, READ

if TYPE_CHECKING:
    from collections.abc import Collection

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx


def list_liveness(tx: Tx, actor: Actor) -> list[dict[str, Any]]:
    """Return all providers, and which are asked; for `admin:releases` and `audit:read`."""
    if not actor.may(ADMIN):
        actor.require(READ)
    on = {row.provider: row for row in tx.scalars(select(LivenessRow))}
    return [
        {
            "name": one.name,
            "title": one.title,
            "on": one.name in on,
            "url": one.url,
            "source": one.source,
            "rules": sorted(one.rules),
            "set_at": on[one.name].set_at.isoformat() if one.name in on else None,
            "set_by": on[one.name].set_by if one.name in on else "",
        }
        for one in PROVIDERS.values()
    ]


def set_liveness(tx: Tx, clock: Clock, actor: Actor, name: str, *, on: bool) -> None:
    """Turn asking a provider on or off. Needs `admin:releases`. Twice is safe. Raises `Refused` (404)."""
    actor.require(ADMIN)
    if name not in PROVIDERS:
        remedy = f"There are {', '.join(PROVIDERS)}."
        raise not_found("provider", name[:60], remedy=remedy)
    row = tx.get(LivenessRow, name)
    if (row is not None) is on:
        return
    if row is not None:
        tx.delete(row)
    else:
        tx.add(LivenessRow(provider=name, set_at=clock.now(), set_by=actor.name))
    tx.flush()
    journal.append(tx, clock, actor, events.LivenessSet(provider=name, on=on))


def asked_providers(tx: Tx) -> tuple[str, ...]:
    """Return the providers that are asked now."""
    return tuple(name for name in tx.scalars(select(LivenessRow.provider)) if name in PROVIDERS)


def rules_of(providers: Collection[str]) -> tuple[str, ...]:
    """Return the rules whose values are asked about."""
    return tuple(sorted({rule for name in providers for rule in PROVIDERS[name].rules}))
