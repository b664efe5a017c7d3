"""Look at everything that there is: a page of it, what needs something done first."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.model.errors import invalid
from nbkeep.store.tables import UserRow

from . import compute, credentials, data
from .values import KINDS, READ, Owner, Thing

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.model.actor import Actor
    from nbkeep.sessions.interface import Parts
    from nbkeep.store.database import Tx

    from .values import Owners

__all__ = ["KINDS", "inventory", "things"]

_LOOKS: dict[str, Callable[[Parts, Tx, Owners], list[Thing]]] = {
    "sessions": compute.sessions,
    "images": compute.images,
    "datasets": data.datasets,
    "connections": data.connections,
    "endpoints": data.endpoints,
    "gpus": compute.gpus,
    "human-credentials": credentials.human,
    "non-human-credentials": credentials.non_human,
    "model-providers": data.model_providers,
}
if tuple(_LOOKS) != KINDS:
    raise AssertionError("every kind of the inventory needs its line in _LOOKS")


def things(parts: Parts, actor: Actor, kind: str = "") -> list[Thing]:
    """Return all that there is of a kind, or of all; what nobody owns comes first. Needs `audit:read`.

    Raises `Refused` (400) for a kind that there is not. One question for each kind, however many there are.
    """
    actor.require(READ)
    if kind and kind not in KINDS:
        raise invalid("kind", f"There is nothing of the kind {kind[:40]!r}.", f"One of: {', '.join(KINDS)}.")
    with parts.store.read() as tx:
        rows = tx.execute(select(UserRow.id, UserRow.name, UserRow.status)).all()
        owners = {user_id: Owner(name, status == "active") for user_id, name, status in rows}
        found = [one for name in KINDS if kind in {"", name} for one in _LOOKS[name](parts, tx, owners)]
    return sorted(found, key=lambda one: one.order)


def inventory(
    parts: Parts, actor: Actor, *, kind: str = "", limit: int | None = 100, cursor: str | None = None
) -> dict[str, Any]:
    """Return a page of `things` as JSON values, with how many there are of each kind that was looked at.

    A page costs as much as all of them: `limit` None gives all.
    """
    found = things(parts, actor, kind)
    begin = _place(cursor)
    end = len(found) if limit is None else begin + limit
    page = found[begin:end]
    counts: dict[str, int] = {}
    levels: dict[str, int] = {}
    for one in found:
        counts[one.kind] = counts.get(one.kind, 0) + 1
        levels[one.level] = levels.get(one.level, 0) + 1
    return {
        "items": [_view(one) for one in page],
        "next": str(end) if end < len(found) else None,
        "counts": counts,
        "levels": levels,
    }


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 9:
        raise invalid("cursor", "This is not a cursor of this list.", "Begin again without one.")
    return int(cursor)


def _view(one: Thing) -> dict[str, Any]:
    times = ("created_at", "last_used_at", "expires_at")
    told = asdict(one)
    for name in times:
        told[name] = told[name].isoformat() if told[name] is not None else None
    return told
