"""Who may look at a document that is to leave, and the record that they did. To see its row is less."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.verdict import Allow, Refuse, Verdict
from nbkeep.store.tables import JournalRow

from . import rules
from .values import State

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.release_tables import ReleaseRow

PREVIEW, COMPARE = "preview", "compare"
"""What is looked at beside `values.PLAIN` and `values.REDACTED`."""
SAME_LOOK = timedelta(minutes=10)
"""Within it the same person looks at the same thing once: reloads are no news."""
_OUT = (State.READY, State.RELEASED)


def may_look(actor: Actor, reach: rules.Reach, state: State) -> Verdict:
    """Tell whether somebody who sees the row of a release is shown its document, too.

    Its author only what may leave anyway: a page that shows it is a way out. Others only where it needs, or
    needed, a review that is theirs to make; to look after all releases is no reason to read them.
    """
    if reach.is_author:
        if state in _OUT:
            return Allow()
        return Refuse("not-shown", f"It is {state}, and shown to its author once it may leave.",
                      "What was found in which cell: `nbkeep release show ID`.")  # fmt: skip
    is_theirs = reach.in_project or not reach.has_project or actor.may(rules.ADMIN)
    if actor.may(rules.REVIEW) and reach.needs_review and is_theirs:
        return Allow()
    return Refuse("not-shown", "Its document is for its author, and for who reviews it.",
                  "What was found and decided: `nbkeep release show ID`.")  # fmt: skip


def note_look(
    tx: Tx, clock: Clock, actor: Actor, row: ReleaseRow, author: str, variant: str, sha256: str
) -> None:
    """Put on record that somebody is shown a document, to be called before its first byte is given.

    `variant`: preview, compare, plain or redacted. Once for each of them and person in `SAME_LOOK`.
    """
    seen = (actor.id, row.id, variant, sha256)
    event = events.ReleaseLooked(
        session_id=row.session_id,
        release_id=row.id,
        user=author,
        gate=row.gate,
        variant=variant,
        sha256=sha256,
    )
    by_time = (JournalRow.at, JournalRow.seq)  # two indexes, however long the journal is
    begin = select(JournalRow.seq).where(JournalRow.at > clock.now() - SAME_LOOK).order_by(*by_time).limit(1)
    query = select(JournalRow.record).where(
        JournalRow.type == event.type,
        JournalRow.seq >= begin.scalar_subquery(),
        JournalRow.actor == actor.name,
    )
    if seen not in {_seen(json.loads(record)) for record in tx.scalars(query)}:
        journal.append(tx, clock, actor, event)


def _seen(record: dict[str, dict[str, str]]) -> tuple[str, ...]:
    data = record["data"]
    return record["actor"]["id"], data["release_id"], data["variant"], data["sha256"]
