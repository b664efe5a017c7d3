"""Take a dataset or a connection out, with what was asked for and granted of it. One transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.connections.change import remove_connection
from nbkeep.connections.records import find_connection
from nbkeep.data.change import remove_dataset
from nbkeep.data.records import find_dataset
from nbkeep.store.tables import GrantRow, UserRow

from .decide import turn_down
from .end import take_away
from .kinds import CONNECTION, DATASET
from .values import State

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .interface import Kind

_LONGEST = 500


def take_out_dataset(tx: Tx, clock: Clock, actor: Actor, which: str, reason: str = "") -> None:
    """Take it out, deny what is asked for of it, and end what was granted: another of that name starts anew.

    Raises `Refused`: 403, 404.
    """
    name = find_dataset(tx, actor, which).name
    remove_dataset(tx, clock, actor, which, reason)
    _end_all(tx, clock, actor, DATASET, name, "the dataset was taken out of the catalogue", reason)


def take_out_connection(tx: Tx, clock: Clock, actor: Actor, which: str, reason: str = "") -> None:
    """Remove it, deny what is asked for of it, and end what was granted: another of that name starts anew.

    Raises `Refused`: 403, 404.
    """
    name = find_connection(tx, actor, which).name
    remove_connection(tx, clock, actor, which, reason)
    _end_all(tx, clock, actor, CONNECTION, name, "the connection was removed", reason)


def _end_all(tx: Tx, clock: Clock, actor: Actor, kind: Kind, name: str, what: str, reason: str) -> None:
    said = f"{what}{f': {reason.strip()}' if reason.strip() else '.'}"[:_LONGEST]
    query = select(GrantRow, UserRow).join(UserRow, UserRow.id == GrantRow.user_id)
    query = query.where(GrantRow.kind == kind.name, GrantRow.subject == name).order_by(GrantRow.id)
    for row, user in tx.execute(query.where(GrantRow.state.in_([State.REQUESTED, State.GRANTED]))).all():
        if row.state == State.REQUESTED:
            turn_down(tx, clock, actor, row, user, said)
        elif row.expires_at is not None and row.expires_at > clock.now():
            take_away(tx, clock, actor, row, user, said)
