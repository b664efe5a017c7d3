"""Take a dataset out of the catalogue, with what was asked for and granted of it. One transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.data.change import remove_dataset
from nbkeep.data.records import find_dataset
from nbkeep.store.tables import GrantRow, UserRow

from .decide import turn_down
from .end import take_away
from .kinds import DATASET
from .values import State

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx


def take_out_dataset(tx: Tx, clock: Clock, actor: Actor, which: str, reason: str = "") -> None:
    """Take it out, deny what is asked for of it, and end what was granted: another of that name starts anew.

    Raises `Refused`: 403, 404.
    """
    name = find_dataset(tx, actor, which).name
    remove_dataset(tx, clock, actor, which, reason)
    said = f"the dataset was taken out of the catalogue{f': {reason.strip()}' if reason.strip() else '.'}"[
        :500
    ]
    query = select(GrantRow, UserRow).join(UserRow, UserRow.id == GrantRow.user_id)
    query = query.where(GrantRow.kind == DATASET.name, GrantRow.subject == name).order_by(GrantRow.id)
    for row, user in tx.execute(query.where(GrantRow.state.in_([State.REQUESTED, State.GRANTED]))).all():
        if row.state == State.REQUESTED:
            turn_down(tx, clock, actor, row, user, said)
        elif row.expires_at is not None and row.expires_at > clock.now():
            take_away(tx, clock, actor, row, user, said)
