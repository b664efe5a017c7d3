"""The passwords of granted connections: leased to sessions that run for as long as the grant holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.vault import leases

from .kinds import CONNECTION

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import GrantRow


def begin(tx: Tx, clock: Clock, actor: Actor, row: GrantRow) -> None:
    """Lease the password to the sessions in which the connection was granted. Twice is safe."""
    if row.kind == CONNECTION.name:
        leases.begin_of_user(tx, clock, actor, row.user_id)


def end(tx: Tx, clock: Clock, actor: Actor, row: GrantRow) -> None:
    """End the leases that no other grant covers. Twice is safe.

    Begins none: what ends it may be an incident, which has just taken all leases away.
    """
    if row.kind == CONNECTION.name:
        leases.end_unusable(tx, clock, actor, row.user_id)
