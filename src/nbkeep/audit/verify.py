"""Checking the chain: in the database, or in an exported file with nothing but the file.

What it finds: a record that was changed, removed, added, moved, or cut off before the head. What it cannot: a
chain computed anew from some record on, by somebody who may write everything. Keep heads elsewhere
(an export's last line, a scheduled `nbkeep audit verify`) and give one as `known_head` to find that as well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import select

from nbkeep.store.tables import JournalHeadRow, JournalRow

from .canonical import canonical
from .journal import GENESIS, link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Store

_CHUNK = 2000


@dataclass(frozen=True)
class Report:
    """The outcome: how many records were read up to which one, and the first thing that is wrong."""

    ok: bool
    count: int
    seq: int
    hash: str
    problem: str = ""
    bad_seq: int | None = None


@dataclass
class _Chain:
    """The chain as far as it has been checked."""

    seq: int = 0
    hash: str = GENESIS
    count: int = 0

    def take(self, seq: int, record: str, claimed: str) -> str:
        """Check the next record and return what is wrong with it, or ""."""
        if seq != self.seq + 1:
            return f"record {self.seq + 1} is missing or out of order: {seq} follows {self.seq}"
        if link(self.hash, record) != claimed:
            return f"record {seq} was changed, or a record before it was replaced: its hash does not fit"
        self.seq, self.hash, self.count = seq, claimed, self.count + 1
        return ""

    def broken(self, problem: str, bad_seq: int | None = None) -> Report:
        """Return the report of a chain that breaks here."""
        where = self.seq + 1 if bad_seq is None else bad_seq
        return Report(
            ok=False, count=self.count, seq=self.seq, hash=self.hash, problem=problem, bad_seq=where
        )

    def intact(self) -> Report:
        """Return the report of a chain that is whole."""
        return Report(ok=True, count=self.count, seq=self.seq, hash=self.hash)


def verify_journal(store: Store, actor: Actor, known_head: str | None = None) -> Report:
    """Check every record in the database against the chain, its own columns and the head.

    `known_head`: a hash seen earlier that must occur. Reads in short transactions; writers go on meanwhile,
    and what they add after the start is not looked at. Needs `audit:read`.
    """
    actor.require("audit:read")
    with store.read() as tx:
        head = tx.scalars(select(JournalHeadRow)).one_or_none()
        last_seq, last_hash = (head.seq, head.hash) if head else (0, GENESIS)
        beyond = tx.scalar(select(JournalRow.seq).where(JournalRow.seq > last_seq).limit(1))
    chain = _Chain()
    if beyond is not None:
        return chain.broken(f"record {beyond} lies beyond the head ({last_seq})", beyond)
    seen = known_head in {None, GENESIS}
    for row in _rows(store, last_seq):
        problem = chain.take(row.seq, row.record, row.hash)
        if problem:
            return chain.broken(problem)
        if not _columns_fit(row):
            return chain.broken(f"the search columns of record {row.seq} were changed", row.seq)
        seen = seen or row.hash == known_head
    return _ending(chain, last_seq, last_hash, seen=seen)


def _rows(store: Store, last_seq: int) -> Iterator[JournalRow]:
    """Give all rows up to a number, in short transactions."""
    seq = 0
    while seq < last_seq:
        query = select(JournalRow).where(JournalRow.seq > seq, JournalRow.seq <= last_seq)
        with store.read() as tx:
            rows = list(tx.scalars(query.order_by(JournalRow.seq).limit(_CHUNK)))
        if not rows:
            return
        yield from rows
        seq = rows[-1].seq


def _ending(chain: _Chain, last_seq: int, last_hash: str, *, seen: bool) -> Report:
    """Compare the end of the chain with the head that is claimed for it."""
    if chain.seq != last_seq:
        return chain.broken(f"records are missing after {chain.seq}: the head says {last_seq}")
    if chain.hash != last_hash:
        return chain.broken("the head's hash is not that of the last record", last_seq)
    if not seen:
        return chain.broken("the known head does not occur: the chain was computed anew", 0)
    return chain.intact()


def verify_lines(lines: Iterable[str], known_head: str | None = None) -> Report:
    """Check the lines of an export (see `export`) with nothing but them; see the module for what is found."""
    file = _File(known_head)
    for number, line in enumerate(lines, 1):
        problem = file.take(line)
        if problem:
            return file.chain.broken(f"{problem} (line {number})")
    problem = file.end()
    if problem:
        return file.chain.broken(problem)
    return file.chain.intact()


class _File:
    """An export as far as it has been read: its first line, records, its last line."""

    def __init__(self, known_head: str | None) -> None:
        self.chain = _Chain()
        self._is_started = False
        self._head: dict[str, Any] | None = None
        self._known_head = known_head
        self._saw_known = known_head in {None, GENESIS}

    def take(self, line: str) -> str:
        """Check the next line and return what is wrong with it, or ""."""
        value = _parsed(line)
        if self._head is not None:
            return "there is more after the head, which is the last line"
        if not self._is_started:
            return self._start(value.get("export"))
        if isinstance(value.get("head"), dict):
            self._head = value["head"]
            return ""
        record, claimed = value.get("record"), value.get("hash")
        if not isinstance(record, dict) or not isinstance(claimed, str):
            return f"what follows record {self.chain.seq} is no line of an export"
        seq = cast("dict[str, Any]", record).get("seq")
        self._saw_known = self._saw_known or claimed == self._known_head
        return self.chain.take(seq if isinstance(seq, int) else -1, _spelled(record), claimed)

    def end(self) -> str:
        """Return what is wrong with the file as a whole, or ""."""
        if not self._is_started:
            return "the file is empty"
        if self._head is None:
            return f"the file is cut off after record {self.chain.seq}: its last line, the head, is missing"
        if (self._head.get("seq"), self._head.get("hash")) != (self.chain.seq, self.chain.hash):
            return f"records are missing after {self.chain.seq}: the head says {self._head.get('seq')}"
        return "" if self._saw_known else "the known head does not occur: the chain was computed anew"

    def _start(self, start: Any) -> str:
        first: dict[str, Any] = cast("dict[str, Any]", start) if isinstance(start, dict) else {}
        if "filter" in first:
            return (
                "the export holds only what a filter let through, which is no chain: export without filters"
            )
        seq, hash_ = first.get("after_seq"), first.get("after_hash")
        if not isinstance(seq, int) or not isinstance(hash_, str):
            return "the first line of an export is missing"
        if seq == 0 and hash_ != GENESIS:
            return "the export does not begin as a journal does"
        self.chain.seq, self.chain.hash = seq, hash_
        self._is_started = True
        return ""


def _columns_fit(row: JournalRow) -> bool:
    """Tell whether the columns, which exist for searching, say what the hashed record says."""
    value = json.loads(row.record)
    said = (value["seq"], value["type"], value["actor"]["name"][:60], value["session_id"], value["at"])
    return said == (row.seq, row.type, row.actor, row.session_id, row.at.isoformat(timespec="microseconds"))


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _spelled(record: Any) -> str:
    try:
        return canonical(record)
    except (ValueError, RecursionError):
        return ""  # hashes to something else: reported as changed
