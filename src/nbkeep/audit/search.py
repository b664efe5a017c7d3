"""Finding records, newest first, page by page."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, select

from nbkeep.model.errors import invalid
from nbkeep.store.tables import JournalRow

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

LIMIT_MAX = 1000


@dataclass(frozen=True)
class Wanted:
    """What to look for; empty fields do not restrict. `type` may be a noun: `session` is all its events."""

    actor: str = ""
    type: str = ""
    session: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def others(self) -> dict[str, str]:
        """What restricts beside the time, by name: with it, what is found is no chain."""
        told = {"actor": self.actor, "type": self.type, "session": self.session, "text": self.text}
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True)
class Found:
    """One page of records as people read them, and the cursor of the next (None on the last)."""

    records: list[dict[str, Any]]
    next: str | None


def search(tx: Tx, actor: Actor, wanted: Wanted, *, limit: int = 100, cursor: str | None = None) -> Found:
    """Return a page of records, newest first. Needs `audit:read`. Raises `Refused` (400) for a bad cursor."""
    actor.require("audit:read")
    limit = max(1, min(limit, LIMIT_MAX))
    query = select(JournalRow).where(*conditions(wanted)).order_by(JournalRow.seq.desc()).limit(limit + 1)
    if cursor:
        if not re.fullmatch(r"[0-9]{1,18}", cursor):
            raise invalid("cursor", "This is no cursor of a list of records.", "Start with the first page.")
        query = query.where(JournalRow.seq < int(cursor))
    rows = list(tx.scalars(query))
    return Found(
        [as_found(row) for row in rows[:limit]], str(rows[limit - 1].seq) if len(rows) > limit else None
    )


def as_found(row: JournalRow) -> dict[str, Any]:
    """Return a record (see `journal.append`) with its hash."""
    return {**json.loads(row.record), "hash": row.hash}


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return what a record must fulfil."""
    found: list[ColumnElement[bool]] = []
    if wanted.actor:
        found.append(JournalRow.actor == wanted.actor)
    if wanted.type:
        whole_noun = JournalRow.type.startswith(f"{wanted.type}.", autoescape=True)
        found.append(JournalRow.type == wanted.type if "." in wanted.type else whole_noun)
    if wanted.session:
        found.append(JournalRow.session_id == wanted.session)
    if wanted.since:
        found.append(JournalRow.at >= wanted.since)
    if wanted.until:
        found.append(JournalRow.at < wanted.until)
    if wanted.text:
        # Records are JSON: what is looked for must be spelled as JSON spells it (quotes, backslashes).
        spelled = json.dumps(wanted.text, ensure_ascii=False)[1:-1]
        found.append(JournalRow.record.icontains(spelled, autoescape=True))
    return found
