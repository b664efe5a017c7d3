"""Taking the journal out: JSON lines that `verify_lines` checks anywhere, CSV, or OCSF for other programs.

JSON lines: the first line `{"export": …}` says after which record it begins, the last `{"head": …}` with
which it ends, signed; between them stands each record with its hash, and what was signed before. What a
filter let through is no chain: its first line names the filter, its last `{"end": …}` the number of records.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import func, select

from nbkeep import version
from nbkeep.model.errors import Refused
from nbkeep.store.tables import JournalRow

from . import events, journal, ocsf, spreadsheet
from .checkpoints import as_values, between, make_checkpoint
from .search import Wanted, conditions
from .signing import EXPORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store

    from .signing import Keys

Format = Literal["jsonl", "csv", "ocsf"]
MEDIA_TYPES: dict[Format, str] = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8",
                                  "ocsf": "application/x-ndjson"}  # fmt: skip
SUFFIXES: dict[Format, str] = {"jsonl": "jsonl", "csv": "csv", "ocsf": "ocsf.jsonl"}
_CHUNK = 1000
_EVERYTHING = Wanted()
_log = logging.getLogger("nbkeep.audit")


def export(
    store: Store,
    clock: Clock,
    actor: Actor,
    wanted: Wanted = _EVERYTHING,
    *,
    form: Format = "jsonl",
    keys: Keys | None = None,
) -> Iterator[str]:
    """Record that a copy is taken, then give its lines. Needs `audit:read`; refuses before the first line.

    Without bounds the last record is that of the export itself. `since` and `until` cut between two records,
    so that the piece is a chain of its own; other filters leave records out. With `keys` a chain is signed,
    unless it is broken: then it is given all the same, as it is, and who verifies it is told. Reads in short
    transactions: writers go on meanwhile.
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
            return _chain(store, start, first, last, _Signer(store, clock, keys, last) if keys else None)
        case "csv":
            return _csv(store, wanted, first, last)
        case "ocsf":
            return _ocsf(store, wanted, first, last)


def spelled(row: JournalRow) -> str:
    """Return the line of a record, as exports and forwarded batches have it."""
    return f'{{"hash":"{row.hash}","record":{row.record}}}'


@dataclass(frozen=True)
class _Signer:
    """Signs the end of an export up to a record."""

    store: Store
    clock: Clock
    keys: Keys
    last: int

    def make_checkpoint(self) -> bool:
        """Sign the record; tell whether that was possible."""
        try:
            make_checkpoint(self.store, self.clock, self.keys, self.last)
        except Refused as error:
            _log.error("An export of the audit is given without a signature: %s", error)
            return False
        return True

    def head(self, start: dict[str, object], hash_: str) -> dict[str, Any]:
        """Return the last line's values, with a signature over the first line, too."""
        values = {"seq": self.last, "hash": hash_, "at": self.clock.now().isoformat(), "export": start}
        signed = self.keys.sign(EXPORT, values)
        return {name: value for name, value in signed.items() if name != "export"}


def _chain(
    store: Store, start: dict[str, object], first: int, last: int, signer: _Signer | None
) -> Iterator[str]:
    can_sign = signer is not None and signer.make_checkpoint()
    with store.read() as tx:
        signed = between(tx, first - 1, last)
    yield json.dumps({"export": start})
    seq, hash_ = first - 1, str(start["after_hash"])
    if seq in signed:
        yield json.dumps({"checkpoint": as_values(signed[seq])})
    for row in _rows(store, _EVERYTHING, first, last):
        yield spelled(row)
        seq, hash_ = row.seq, row.hash
        if seq in signed:
            yield json.dumps({"checkpoint": as_values(signed[seq])})
    # Where records are missing, this is not the hash of `last`: whoever verifies is told.
    if signer is not None and can_sign and seq == last:
        yield json.dumps({"head": signer.head(start, hash_)})
    else:
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
