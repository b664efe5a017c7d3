"""Frozen sessions give way: they hold memory that somebody who wants to work now is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.model.errors import Refused
from nbkeep.model.session import SessionState
from nbkeep.store.tables import SessionRow

from .freeze import suspend_idle
from .records import load_of
from .rules import HostPolicy, Load, has_room

if TYPE_CHECKING:
    from nbkeep.backends.interface import Capacity
    from nbkeep.profiles.values import Flavor

    from .interface import Parts

NO_ROOM = "no-capacity"


def make_room(parts: Parts, flavor: Flavor, capacity: Capacity) -> int:
    """Suspend as many frozen sessions, the longest frozen first, as a start needs; return how many.

    None, where all of them together would not be enough. What is ending already counts as gone.
    """
    policy = HostPolicy(parts.settings.cpu_overcommit, parts.settings.memory_overcommit)
    with parts.store.read() as tx:
        load = load_of(tx, "")
        query = select(SessionRow).where(
            SessionRow.state.in_([SessionState.FROZEN.value, SessionState.STOPPING.value]),
            SessionRow.held_by.is_(None),
        )
        rows = tx.scalars(query.order_by(SessionRow.frozen_at, SessionRow.id)).all()
    for row in rows:
        if row.state == SessionState.STOPPING:
            load = _without(load, row)
    give_way: list[str] = []
    for row in rows:
        if has_room(flavor, load, capacity, policy):
            break
        if row.state == SessionState.FROZEN:
            load = _without(load, row)
            give_way.append(row.id)
    if not has_room(flavor, load, capacity, policy):
        return 0
    return sum(suspend_idle(parts, session_id, only_frozen=True) for session_id in give_way)


def soon_room(refusal: Refused) -> Refused:
    """Return a refusal for want of room that says to try again: room is being made."""
    return Refused(
        refusal.code,
        refusal.message,
        "Sessions that nobody uses just now are being put on disk: try again in a minute.",
        status=refusal.status,
    )


def _without(load: Load, row: SessionRow) -> Load:
    profile = row.profile
    gpus = dict(load.gpus)
    if profile.get("gpu_count"):
        gpus[profile["gpu_type"]] = gpus.get(profile["gpu_type"], 0) - profile["gpu_count"]
    return replace(
        load,
        cpu_millis=load.cpu_millis - int(profile["cpu_millis"]),
        memory_bytes=load.memory_bytes - int(profile["memory_bytes"]),
        gpus=gpus,
    )
