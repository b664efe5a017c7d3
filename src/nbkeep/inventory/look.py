"""Look at everything that there is: a page of it, what needs something done first."""

from __future__ import annotations

import base64
import json
import secrets
from bisect import bisect_right
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import select

from nbkeep.model.errors import invalid
from nbkeep.store.tables import UserRow

from . import compute, credentials, data
from .values import KINDS, READ, Owner, Thing

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.sessions.interface import Parts
    from nbkeep.store.database import Store, Tx

    from .values import Order, Owners

__all__ = ["KINDS", "inventory", "things"]

_KEPT_FOR = timedelta(minutes=5)
_KEPT = 8  # looks at once, of all readers; an older one goes first

_LOOKS: dict[str, Callable[[Parts, Tx, Owners], list[Thing]]] = {
    "sessions": compute.sessions,
    "images": compute.images,
    "datasets": data.datasets,
    "shares": data.shares,
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

    The first page, and `limit` None, which gives all, are made of what there is now. Further pages are of the
    same look for as long as it is kept, some minutes: they ask nothing, hold nothing twice and miss nothing.
    The place names it, so that nobody's first page changes what somebody else is reading.
    Afterwards they are made anew, and go on behind the thing that stood last. `looked_at` says when it was.
    """
    actor.require(READ)
    place = read_cursor(cursor) if cursor is not None else None
    last = place.last if place is not None else None
    look = _kept(parts, kind, place.look) if place is not None else None
    if look is None:
        look = Look(secrets.token_hex(8), kind, parts.clock.now(), tuple(things(parts, actor, kind)))
        if limit is not None and len(look.things) > limit:
            _keep(parts, look)
    begin = 0 if last is None else bisect_right(look.things, last, key=lambda one: one.order)
    end = len(look.things) if limit is None else min(begin + limit, len(look.things))
    counts, levels = Counter(one.kind for one in look.things), Counter(one.level for one in look.things)
    return {
        "items": [_view(one) for one in look.things[begin:end]],
        "next": make_cursor(look.id, look.things[end - 1].order) if begin < end < len(look.things) else None,
        "counts": dict(counts),
        "levels": dict(levels),
        "looked_at": look.at.isoformat(),
    }


@dataclass(frozen=True)
class Look:
    """What there was of a kind, or of all, at a moment, in order."""

    id: str
    kind: str
    at: datetime
    things: tuple[Thing, ...]


class Place(NamedTuple):
    """Where a page ended, and in which look."""

    look: str
    last: Order


# The last looks, by database, the oldest first: whoever may see one may see all.
_looks: WeakKeyDictionary[Store, dict[str, Look]] = WeakKeyDictionary()
_looks_turn = Lock()


def _kept(parts: Parts, kind: str, look_id: str) -> Look | None:
    with _looks_turn:
        look = _looks.get(parts.store, {}).get(look_id)
    is_new = look is not None and timedelta(0) <= parts.clock.now() - look.at < _KEPT_FOR
    return look if is_new and look is not None and look.kind == kind else None


def _keep(parts: Parts, look: Look) -> None:
    """Keep a look for its further pages; those that are too old for that, or too many, are let go."""
    with _looks_turn:
        mine = _looks.setdefault(parts.store, {})
        mine[look.id] = look
        fresh = [one for one in mine.values() if look.at - one.at < _KEPT_FOR][-_KEPT:]
        _looks[parts.store] = {one.id: one for one in fresh}


def make_cursor(look_id: str, order: Order) -> str:
    """Return an opaque name of the place behind a thing in a look."""
    told = json.dumps((look_id, *order), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(told).decode().rstrip("=")


def read_cursor(cursor: str) -> Place:
    """Return what `make_cursor` was given; raise `Refused` (400) for anything else."""
    try:
        match json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))):
            case [str(look_id), int(level), int(kind), str(what), str(name), str(id_)]:
                return Place(look_id, (level, kind, what, name, id_))
            case _:
                pass
    except (ValueError, RecursionError):  # no base64, no UTF-8, no JSON
        pass
    raise invalid("cursor", "This is not a cursor of this list.", "Begin again without one.")


def _view(one: Thing) -> dict[str, Any]:
    times = ("created_at", "last_used_at", "expires_at")
    told = asdict(one)
    for name in times:
        told[name] = told[name].isoformat() if told[name] is not None else None
    return told
