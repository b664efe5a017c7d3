"""Puts into the journal which keys of saved variables there are, whoever made them and however."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.store.tables import JournalRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .interface import Parts


def record_keys(parts: Parts, ids: Sequence[str]) -> None:
    """Record the keys that the journal does not know. Twice is safe."""
    with parts.store.read() as tx:
        if not _unknown(tx, ids):
            return
    with parts.store.write() as tx:
        record_unknown(tx, parts.clock, ids)


def record_unknown(tx: Tx, clock: Clock, ids: Sequence[str]) -> None:
    """Record, in the caller's transaction, the keys that the journal does not know; the oldest first."""
    for one in reversed(_unknown(tx, ids)):
        journal.append(tx, clock, SYSTEM, events.StateKeyAdded(key_id=one))


def _unknown(tx: Tx, ids: Sequence[str]) -> list[str]:
    records = tx.scalars(select(JournalRow.record).where(JournalRow.type == events.StateKeyAdded.type))
    known = {json.loads(record)["data"]["key_id"] for record in records}
    return [one for one in ids if one not in known]
