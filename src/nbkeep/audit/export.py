"""Taking the journal out: JSON lines that `verify_lines` checks anywhere, CSV, or OCSF for other programs.

JSON lines: the first line `{"export": …}` says after which record it begins, the last `{"head": …}` with
which it ends; between them stands each record with its hash. What a filter let through is no chain: its first
line names the filter, its last `{"end": …}` the number of records.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, select

from nbkeep import version
from nbkeep.store.tables import JournalRow

from . import events, journal, ocsf, spreadsheet
from .search import Wanted, conditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store

Format = Literal["jsonl", "csv", "ocsf"]
MEDIA_TYPES: dict[Format, str] = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8",
                                  "ocsf": "application/x-ndjson"}  # fmt: skip
SUFFIXES: dict[Format, str] = {"jsonl": "jsonl", "csv": "csv", "ocsf": "ocsf.jsonl"}
_CHUNK = 1000
_EVERYTHING = Wanted()


def export(
    store: Store, clock: Clock, actor: Actor, wanted: Wanted = _EVERYTHING, *, form: Format = "jsonl"
) -> Iterator[str]:
    """Record that a copy is taken, then give its lines. Needs `audit:read`; refuses before the first line.

    Without bounds the last record is that of the export itself. `since` and `until` cut between two records,
    so that the piece is a chain of its own; other filters leave records out. Reads in short transactions:
    writers go on meanwhile.
    """
    actor.require("audit:read")
    since, until = wanted.since, wanted.until
    with store.write() as tx:
        first, last = 1, None
        if since is not None:
            first = tx.scalar(select(func.min(JournalRow.seq)).where(JournalRow.at >= since))
        if until is not None:
            last = tx.scalar(select(func.max(JournalRow.seq)).where(JournalRow.at < until)) or 0
        event = events.AuditExported(
            since=since.isoformat() if since else "",
            until=until.isoformat() if until else "",
            format=form,
            filter=wanted.others,
        )
        here = journal.append(tx, clock, actor, event)
        first = here if first is None else first
        last = here if last is None else max(last, first - 1)
        before = tx.get(JournalRow, first - 1)
        start: dict[str, object] = {
            "v": 1,
            "after_seq": first - 1,
            "after_hash": before.hash if before else journal.GENESIS,
            "at": clock.now().isoformat(),
        }
    match form:
        case "jsonl" if wanted.others:
            return _some(store, start | {"filter": wanted.others}, wanted, first, last)
        case "jsonl":
            return _chain(store, start, first, last)
        case "csv":
            return _csv(store, wanted, first, last)
        case "ocsf":
            return _ocsf(store, wanted, first, last)


def spelled(row: JournalRow) -> str:
    """Return the line of a record, as exports and forwarded batches have it."""
    return f'{{"hash":"{row.hash}","record":{row.record}}}'


def _chain(store: Store, start: dict[str, object], first: int, last: int) -> Iterator[str]:
    yield json.dumps({"export": start})
    hash_ = start["after_hash"]
    for row in _rows(store, _EVERYTHING, first, last):
        yield spelled(row)
        hash_ = row.hash
    # Where records are missing, this is not the hash of `last`: whoever verifies is told.
    yield json.dumps({"head": {"seq": last, "hash": hash_}})


def _some(store: Store, start: dict[str, object], wanted: Wanted, first: int, last: int) -> Iterator[str]:
    yield json.dumps({"export": start})
    count = 0
    for row in _rows(store, wanted, first, last):
        yield spelled(row)
        count += 1
    yield json.dumps({"end": {"count": count}})


def _csv(store: Store, wanted: Wanted, first: int, last: int) -> Iterator[str]:
    yield spreadsheet.header()
    for row in _rows(store, wanted, first, last):
        yield spreadsheet.row(row.record, row.hash)


def _ocsf(store: Store, wanted: Wanted, first: int, last: int) -> Iterator[str]:
    ours = version()
    for row in _rows(store, wanted, first, last):
        yield json.dumps(ocsf.event(row.record, row.hash, ours), ensure_ascii=False, separators=(",", ":"))


def _rows(store: Store, wanted: Wanted, first: int, last: int) -> Iterator[JournalRow]:
    """Give the records between two numbers, both included, that fit, oldest first."""
    seq, fits = first - 1, conditions(wanted)
    while seq < last:
        query = select(JournalRow).where(JournalRow.seq > seq, JournalRow.seq <= last, *fits)
        with store.read() as tx:
            rows = list(tx.scalars(query.order_by(JournalRow.seq).limit(_CHUNK)))
        if not rows:
            return
        yield from rows
        seq = rows[-1].seq
