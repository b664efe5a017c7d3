"""Taking the journal out: JSON lines that `verify_lines` checks anywhere.

The first line `{"export": …}` says after which record it begins, the last `{"head": …}` with which it ends;
between them stands each record with its hash.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.store.tables import JournalRow

from . import events, journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store

_CHUNK = 1000


def export(
    store: Store, clock: Clock, actor: Actor, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[str]:
    """Record that a copy is taken, then give its lines. Needs `audit:read`; refuses before the first line.

    Without bounds the last record is that of the export itself. `since` and `until` cut between two records,
    so that the piece is a chain of its own. Reads in short transactions: writers go on meanwhile.
    """
    actor.require("audit:read")
    with store.write() as tx:
        first, last = 1, None
        if since is not None:
            first = tx.scalar(select(func.min(JournalRow.seq)).where(JournalRow.at >= since))
        if until is not None:
            last = tx.scalar(select(func.max(JournalRow.seq)).where(JournalRow.at < until)) or 0
        here = journal.append(tx, clock, actor, events.AuditExported(
            since=since.isoformat() if since else "", until=until.isoformat() if until else ""))  # fmt: skip
        first = here if first is None else first
        last = here if last is None else max(last, first - 1)
        before = tx.get(JournalRow, first - 1)
        start: dict[str, object] = {
            "v": 1,
            "after_seq": first - 1,
            "after_hash": before.hash if before else journal.GENESIS,
            "at": clock.now().isoformat(),
        }
    return _lines(store, start, first, last)


def _lines(store: Store, start: dict[str, object], first: int, last: int) -> Iterator[str]:
    yield json.dumps({"export": start})
    seq, hash_ = first - 1, start["after_hash"]
    while seq < last:
        query = select(JournalRow).where(JournalRow.seq > seq, JournalRow.seq <= last)
        with store.read() as tx:
            rows = list(tx.scalars(query.order_by(JournalRow.seq).limit(_CHUNK)))
        if not rows:
            break  # the head below will not be that of `last`: whoever verifies is told what is missing
        for row in rows:
            yield f'{{"hash":"{row.hash}","record":{row.record}}}'
            seq, hash_ = row.seq, row.hash
    yield json.dumps({"head": {"seq": last, "hash": hash_}})
