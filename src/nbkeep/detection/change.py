"""Set and unset the rules of the organisation. Each is one transaction with its audit record."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.store.detection_tables import OwnRulesRow

from .check import checked
from .records import NAME, hash_of
from .values import ADMIN

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

_MOST_NAMED = 100


def set_rules(tx: Tx, clock: Clock, actor: Actor, text: str) -> OwnRulesRow:
    """Have every document examined by these rules, too, from now on.

    Call `check.checked` for the text before the transaction: it takes its time, and is remembered. Needs
    `admin:releases`. Twice is safe: nothing is recorded the second time. Raises as `check.checked` does.
    """
    actor.require(ADMIN)
    rules = [asdict(one) for one in checked(text).rules]
    row, sha256 = tx.get(OwnRulesRow, NAME), hash_of(text)
    if row is not None and row.sha256 == sha256:
        return row
    old = {one["id"]: one for one in (row.rules if row is not None else [])}
    new = {one["id"]: one for one in rules}
    event = events.RulesSet(
        sha256=sha256,
        before_sha256=row.sha256 if row is not None else "",
        count=len(rules),
        added=[one for one in new if one not in old][:_MOST_NAMED],
        removed=[one for one in old if one not in new][:_MOST_NAMED],
        changed=[one for one in new if one in old and new[one] != old[one]][:_MOST_NAMED],
    )
    if row is None:
        row = OwnRulesRow(name=NAME)
        tx.add(row)
    row.text, row.sha256, row.rules = text, sha256, rules
    row.set_at, row.set_by = clock.now(), actor.name
    tx.flush()
    journal.append(tx, clock, actor, event)
    return row


def unset_rules(tx: Tx, clock: Clock, actor: Actor) -> bool:
    """Take the rules away, and return whether there were any. Needs `admin:releases`. Twice is safe."""
    actor.require(ADMIN)
    row = tx.get(OwnRulesRow, NAME)
    if row is None:
        return False
    removed = [one["id"] for one in row.rules]
    tx.delete(row)
    tx.flush()
    event = events.RulesUnset(sha256=row.sha256, count=len(removed), removed=removed[:_MOST_NAMED])
    journal.append(tx, clock, actor, event)
    return True
