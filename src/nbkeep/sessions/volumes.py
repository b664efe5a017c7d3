"""Home volumes: how large, how full, what uses the space; and resizing while they are in use."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, Unavailable, not_found
from nbkeep.model.units import format_size
from nbkeep.store.tables import UserRow

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

    from .interface import Parts

_SMALLEST_BYTES = 300 << 20  # mkfs.xfs makes no smaller file system
_LARGEST_BYTES = 1 << 50


def list_volumes(
    parts: Parts, actor: Actor, *, limit: int = 50, cursor: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of volumes by user name and the next cursor: everybody's for admins, else one's own.

    Sizes are null where the node does not answer for a volume.
    """
    query = select(UserRow).order_by(UserRow.name).limit(limit + 1)
    if not actor.may("admin:volumes"):
        actor.require("self")
        query = query.where(UserRow.id == actor.id)
    if cursor:
        query = query.where(UserRow.name > cursor)
    with parts.store.read() as tx:
        users = list(tx.scalars(query))
    items = [_look(parts, user) for user in users[:limit]]
    return items, users[limit - 1].name if len(users) > limit else None


def show_volume(parts: Parts, actor: Actor, user: str) -> dict[str, Any]:
    """Return one volume: one's own, or anybody's for admins; else 404."""
    with parts.store.read() as tx:
        row = _visible(tx, actor, user)
    return _look(parts, row)


def volume_usage(parts: Parts, actor: Actor, user: str, depth: int = 2) -> dict[str, Any]:
    """Return usage by folder and what to clean. Measured by the node at low priority, and cached there."""
    with parts.store.read() as tx:
        _visible(tx, actor, user)
    return asdict(parts.backend.volume_usage(user, depth))


def resize_volume(parts: Parts, actor: Actor, user: str, size_bytes: int) -> dict[str, Any]:
    """Give a volume another size, also while it is in use. Shrinking is refused: it would lose data.

    The node acts first and the record follows: a recorded size is one that the volume has.
    """
    actor.require("admin:volumes")
    with parts.store.read() as tx:
        row = _visible(tx, actor, user)
    if not _SMALLEST_BYTES <= size_bytes <= _LARGEST_BYTES:
        raise Refused(
            "invalid-size",
            f"{format_size(size_bytes)} is out of range for a home.",
            "Give 300 MiB to 1 PiB.",
            status=400,
        )
    if size_bytes < row.home_size_bytes:
        raise Refused(
            "volume-would-shrink",
            f"The home of {user} has {format_size(row.home_size_bytes)}; a home is never made smaller.",
            "Give a larger size.",
            status=409,
        )
    if parts.backend.volume(user) is not None:  # else it is made in that size when its first session starts
        parts.backend.resize_volume(user, size_bytes)
    with parts.store.write() as tx:
        row = _visible(tx, actor, user)
        if row.home_size_bytes != size_bytes:
            journal.append(
                tx,
                parts.clock,
                actor,
                events.VolumeResized(user=user, old_bytes=row.home_size_bytes, new_bytes=size_bytes),
            )
            row.home_size_bytes = size_bytes
    return _look(parts, row)


def _visible(tx: Tx, actor: Actor, user: str) -> UserRow:
    row = tx.scalar(select(UserRow).where(UserRow.name == user))
    if row is None or not (row.id == actor.id or actor.may("admin:volumes")):
        raise not_found("volume", user)
    return row


def _look(parts: Parts, user: UserRow) -> dict[str, Any]:
    line: dict[str, Any] = {"user": user.name, "planned_size_bytes": user.home_size_bytes, "problem": None}
    empty = {"kind": None, "size_bytes": None, "used_bytes": None, "free_bytes": None}
    try:
        volume = parts.backend.volume(user.name)
    except (Refused, Unavailable) as error:
        return {**line, **empty, "problem": error.message}
    if volume is None:
        return {**line, **empty, "problem": "It is made when the first session starts."}
    return {
        **line,
        "kind": volume.kind,
        "size_bytes": volume.size_bytes,
        "used_bytes": volume.used_bytes,
        "free_bytes": volume.free_bytes,
    }
