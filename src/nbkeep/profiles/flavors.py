"""Flavors: list, show, create, change, delete. Each change is one transaction with its audit record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, not_found
from nbkeep.store.tables import FlavorRow, ProfileRow

from .parse import flavor_from, plain
from .rules import changed, check_flavor
from .values import Flavor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx


def list_flavors(tx: Tx, actor: Actor) -> list[Flavor]:
    """Return all flavors, by name."""
    actor.require("profiles:read")
    return [as_flavor(row) for row in tx.scalars(select(FlavorRow).order_by(FlavorRow.name))]


def get_flavor(tx: Tx, actor: Actor, name: str) -> Flavor:
    """Return one flavor; raise `Refused` (404) where there is none."""
    actor.require("profiles:read")
    return as_flavor(_row(tx, name))


def create_flavor(tx: Tx, clock: Clock, actor: Actor, wanted: Mapping[str, Any]) -> Flavor:
    """Create a flavor; raise `Refused` when it is not valid or the name is taken."""
    actor.require("admin:profiles")
    flavor = flavor_from(wanted)
    check_flavor(flavor)
    if tx.get(FlavorRow, flavor.name) is not None:
        raise Refused(
            "flavor-exists",
            f"There is a flavor {flavor.name!r} already.",
            "Choose another name, or change the one that is there.",
            status=409,
        )
    tx.add(FlavorRow(**plain(flavor), updated_at=clock.now()))
    tx.flush()
    journal.append(tx, clock, actor, events.FlavorCreated(flavor=flavor.name, values=plain(flavor)))
    return flavor


def change_flavor(tx: Tx, clock: Clock, actor: Actor, name: str, wanted: Mapping[str, Any]) -> Flavor:
    """Change fields of a flavor; running sessions keep what they started with. Twice is safe."""
    actor.require("admin:profiles")
    row = _row(tx, name)
    before = as_flavor(row)
    flavor = flavor_from(wanted, before)
    check_flavor(flavor)
    changes = changed(plain(before), plain(flavor))
    if changes:
        for field, (_old, new) in changes.items():
            setattr(row, field, new)
        row.updated_at = clock.now()
        journal.append(tx, clock, actor, events.FlavorChanged(flavor=name, changes=changes))
    return flavor


def delete_flavor(tx: Tx, clock: Clock, actor: Actor, name: str) -> None:
    """Delete a flavor; raise `Refused` (409) while a profile stands on it."""
    actor.require("admin:profiles")
    row = _row(tx, name)
    users = tx.scalars(
        select(ProfileRow.name).where(ProfileRow.flavor == name, ProfileRow.deleted_at.is_(None))
    ).all()
    if users:
        raise Refused(
            "flavor-in-use",
            f"The flavor {name!r} is used by: {', '.join(sorted(users))}.",
            "Delete those profiles or give them another flavor first.",
            status=409,
        )
    tx.execute(delete(ProfileRow).where(ProfileRow.flavor == name))  # deleted ones, kept only for their name
    tx.delete(row)
    journal.append(tx, clock, actor, events.FlavorDeleted(flavor=name))


def as_flavor(row: FlavorRow) -> Flavor:
    """Return the value of a row."""
    return Flavor(
        name=row.name,
        cpu_millis=row.cpu_millis,
        memory_bytes=row.memory_bytes,
        gpu_type=row.gpu_type,
        gpu_count=row.gpu_count,
        price_per_hour_micros=row.price_per_hour_micros,
        needs_approval=row.needs_approval,
    )


def _row(tx: Tx, name: str) -> FlavorRow:
    row = tx.get(FlavorRow, name)
    if row is None:
        raise not_found("flavor", name)
    return row
