"""Checking the chain: in the database, or in an exported file with nothing but the file.

What it finds: a record that was changed, removed, added, moved, or cut off before the head. What it cannot: a
chain computed anew from some record on, by somebody who may write everything. For that there are signatures:
give the public key from elsewhere. A hash noted elsewhere, given as `known_head`, finds it as well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import select

from nbkeep.store.audit_tables import CheckpointRow
from nbkeep.store.tables import JournalHeadRow, JournalRow

from .canonical import canonical
from .checkpoints import problem_of_row
from .journal import GENESIS, link
from .signing import CHECKPOINT, EXPORT, problem_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Store

    from .signing import PublicKey

_CHUNK = 2000
_FORKED = "forked: another record {} was signed than the one that is here"


@dataclass(frozen=True)
class Report:
    """The outcome: how many records were read up to which one, and the first thing that is wrong."""

    ok: bool
    count: int
    seq: int
    hash: str
    problem: str = ""
    bad_seq: int | None = None
    signed_at: str = ""  # of an export that was checked with a key


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

    def intact(self, signed_at: str = "") -> Report:
        """Return the report of a chain that is whole."""
        return Report(ok=True, count=self.count, seq=self.seq, hash=self.hash, signed_at=signed_at)


def verify_journal(
    store: Store, actor: Actor, known_head: str | None = None, keys: Sequence[PublicKey] = ()
) -> Report:
    """Check every record in the database against the chain, its own columns, the head and what was signed.

    `known_head`: a hash seen earlier that must occur. `keys`: those whose signatures count. Reads in short
    transactions; writers go on meanwhile, and what they add after the start is not looked at. Needs
    `audit:read`.
    """
    actor.require("audit:read")
    with store.read() as tx:
        head = tx.scalars(select(JournalHeadRow)).one_or_none()
        last_seq, last_hash = (head.seq, head.hash) if head else (0, GENESIS)
        beyond = tx.scalar(select(JournalRow.seq).where(JournalRow.seq > last_seq).limit(1))
        ids = {key.id for key in keys}
        signed = {row.seq: row for row in tx.scalars(select(CheckpointRow)) if row.key_id in ids}
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
        if row.seq in signed and (problem := _problem_of_signed(signed.pop(row.seq), row.hash, keys)):
            return chain.broken(problem, row.seq)
        seen = seen or row.hash == known_head
    if signed and chain.seq == last_seq:
        return chain.broken(f"record {max(signed)} was signed, and the journal ends before it: truncated")
    return _ending(chain, last_seq, last_hash, seen=seen)


def _problem_of_signed(row: CheckpointRow, hash_: str, keys: Sequence[PublicKey]) -> str:
    if problem := problem_of_row(row, keys):
        return problem
    return _FORKED.format(row.seq) if row.hash != hash_ else ""


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


def verify_lines(
    lines: Iterable[str], known_head: str | None = None, keys: Sequence[PublicKey] = ()
) -> Report:
    """Check the lines of an export (see `export`) with nothing but them; see the module for what is found.

    With `keys` the export must be signed by one of them, whole, and so must each checkpoint in it.
    """
    file = _File(known_head, keys)
    for number, line in enumerate(lines, 1):
        problem = file.take(line)
        if problem:
            return file.chain.broken(f"{problem} (line {number})")
    problem = file.end()
    if problem:
        return file.chain.broken(problem)
    return file.chain.intact(file.signed_at)


class _File:
    """An export as far as it has been read: its first line, records and checkpoints, its last line."""

    def __init__(self, known_head: str | None, keys: Sequence[PublicKey]) -> None:
        self.chain = _Chain()
        self.signed_at = ""
        self._start_line: dict[str, Any] | None = None
        self._head: dict[str, Any] | None = None
        self._keys = keys
        self._known_head = known_head
        self._saw_known = known_head in {None, GENESIS}

    def take(self, line: str) -> str:
        """Check the next line and return what is wrong with it, or ""."""
        value = _parsed(line)
        if self._head is not None:
            return "there is more after the head, which is the last line"
        if self._start_line is None:
            return self._start(value.get("export"))
        if isinstance(value.get("head"), dict):
            self._head = value["head"]
            return ""
        if isinstance(value.get("checkpoint"), dict):
            return self._checkpoint(value["checkpoint"])
        record, claimed = value.get("record"), value.get("hash")
        if not isinstance(record, dict) or not isinstance(claimed, str):
            return f"what follows record {self.chain.seq} is no line of an export"
        seq = cast("dict[str, Any]", record).get("seq")
        self._saw_known = self._saw_known or claimed == self._known_head
        return self.chain.take(seq if isinstance(seq, int) else -1, _spelled(record), claimed)

    def _checkpoint(self, signed: dict[str, Any]) -> str:
        seq = signed.get("seq")
        if self._keys and (problem := _problem_of_signature(CHECKPOINT, signed, self._keys)):
            return f"the checkpoint of record {seq}: its signature {problem}"
        if seq != self.chain.seq:
            return (
                f"the checkpoint of record {seq} stands after record {self.chain.seq}: lines were reordered"
            )
        return _FORKED.format(seq) if signed.get("hash") != self.chain.hash else ""

    def end(self) -> str:
        """Return what is wrong with the file as a whole, or ""."""
        if self._start_line is None:
            return "the file is empty"
        if self._head is None:
            return f"the file is truncated after record {self.chain.seq}: its last line, the head, is missing"
        if (self._head.get("seq"), self._head.get("hash")) != (self.chain.seq, self.chain.hash):
            return f"records are missing after {self.chain.seq}: the head says {self._head.get('seq')}"
        if not self._saw_known:
            return "the known head does not occur: the chain was computed anew"
        if not self._keys:
            return ""
        # With the first line: neither end can be moved.
        signed = {**self._head, "export": self._start_line}
        if problem := _problem_of_signature(EXPORT, signed, self._keys):
            return f"the export as a whole: its signature {problem}"
        self.signed_at = str(self._head.get("at", ""))
        return ""

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
        self._start_line = first
        return ""


def _problem_of_signature(what: str, signed: dict[str, Any], keys: Sequence[PublicKey]) -> str:
    try:
        return problem_of(what, signed, keys)
    except (ValueError, RecursionError):
        return "does not fit: it was edited"  # values that have no canonical form were never signed


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
