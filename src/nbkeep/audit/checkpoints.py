"""Signed checkpoints: "the journal's record number N has this hash", by the key of this installation.

One is made for each export, and now and then. Invariant: nothing is signed that does not continue, hash by
hash, what was signed before; whoever rewrites the database cannot have the office vouch for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from nbkeep.model.errors import Refused
from nbkeep.store.audit_tables import CheckpointRow
from nbkeep.store.tables import JournalHeadRow, JournalRow

from .journal import GENESIS, link
from .signing import CHECKPOINT, problem_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

    from .signing import Keys, PublicKey

EVERY_RECORDS = 1000
EVERY_S = 600.0
_CHUNK = 2000


def make_checkpoint(store: Store, clock: Clock, keys: Keys, seq: int | None = None) -> CheckpointRow | None:
    """Sign the record with a number, or the newest one, and keep that; None: there is no record yet.

    Twice is safe. Raises `Refused` (409) `audit-broken` when what lies between the last signed record and
    this one is no chain, and `audit-key-missing` where there is no key.
    """
    public = keys.public()
    with store.read() as tx:
        head = tx.scalars(select(JournalHeadRow)).one_or_none()
        end = head.seq if head else 0
        wanted = end if seq is None else seq
        before, after = _nearest(tx, public, wanted)
        newest = tx.scalar(_of(public).with_only_columns(func.max(CheckpointRow.seq))) or 0
    if newest > end:
        raise _broken(f"it ends with record {end}, and record {newest} was signed already")
    if wanted == 0:
        return None
    for one in (before, after):
        if one is not None and (problem := problem_of_row(one, public)):
            raise _broken(problem)
    begin = (before.seq, before.hash) if before else (0, GENESIS)
    hash_ = _hash_of(store, begin, wanted)
    if after is None:
        return _keep(store, clock.now(), keys, wanted, hash_)
    if _hash_of(store, (wanted, hash_), after.seq) != after.hash:
        raise _broken(f"another record {after.seq} was signed")
    return after if after.seq == wanted else _keep(store, clock.now(), keys, wanted, hash_)


def make_when_due(store: Store, clock: Clock, keys: Keys) -> CheckpointRow | None:
    """Make a checkpoint when there is much since the last one, or a little for long."""
    with store.read() as tx:
        last = tx.scalars(select(CheckpointRow).order_by(CheckpointRow.seq.desc()).limit(1)).one_or_none()
        count = (tx.scalar(select(func.max(JournalRow.seq))) or 0) - (last.seq if last else 0)
    age_s = (clock.now() - last.at).total_seconds() if last else EVERY_S
    is_due = count >= EVERY_RECORDS or (count and not 0 <= age_s < EVERY_S)
    return make_checkpoint(store, clock, keys) if is_due else None


def as_values(row: CheckpointRow) -> dict[str, Any]:
    """Return a checkpoint as exports have it."""
    return {"seq": row.seq, "hash": row.hash, "at": row.at.isoformat(), "key_id": row.key_id,
            "signature": row.signature}  # fmt: skip


def problem_of_row(row: CheckpointRow, keys: Sequence[PublicKey]) -> str:
    """Return what is wrong with a kept checkpoint, or ""."""
    problem = problem_of(CHECKPOINT, as_values(row), keys)
    return f"the signature of record {row.seq} {problem}" if problem else ""


def between(tx: Tx, first: int, last: int) -> dict[int, CheckpointRow]:
    """Return the checkpoints of the records between two numbers, both included, by number."""
    query = select(CheckpointRow).where(CheckpointRow.seq >= first, CheckpointRow.seq <= last)
    return {row.seq: row for row in tx.scalars(query)}


def _of(keys: Sequence[PublicKey]) -> Select[CheckpointRow]:
    """Select the checkpoints of these keys: another key vouched for its own."""
    return select(CheckpointRow).where(CheckpointRow.key_id.in_([key.id for key in keys]))


def _nearest(
    tx: Tx, keys: Sequence[PublicKey], seq: int
) -> tuple[CheckpointRow | None, CheckpointRow | None]:
    """Return the last checkpoint before a record, and the first from it on."""
    before = _of(keys).where(CheckpointRow.seq < seq).order_by(CheckpointRow.seq.desc()).limit(1)
    after = _of(keys).where(CheckpointRow.seq >= seq).order_by(CheckpointRow.seq).limit(1)
    return tx.scalars(before).one_or_none(), tx.scalars(after).one_or_none()


def _hash_of(store: Store, begin: tuple[int, str], last: int) -> str:
    """Return the hash of a record, computed on from an earlier one; raise `Refused` (409) if it has none."""
    seq, hash_ = begin
    while seq < last:
        query = select(JournalRow).where(JournalRow.seq > seq, JournalRow.seq <= last)
        with store.read() as tx:
            rows = list(tx.scalars(query.order_by(JournalRow.seq).limit(_CHUNK)))
        for row in rows:
            if row.seq != seq + 1 or link(hash_, row.record) != row.hash:
                raise _broken(f"record {seq + 1} does not continue what was signed before it")
            seq, hash_ = row.seq, row.hash
        if not rows:
            raise _broken(f"record {seq + 1} is missing")
    return hash_


def _keep(store: Store, now: datetime, keys: Keys, seq: int, hash_: str) -> CheckpointRow:
    made = keys.sign(CHECKPOINT, {"seq": seq, "hash": hash_, "at": now.isoformat()})
    with store.write() as tx:
        there = tx.get(CheckpointRow, seq)
        if there is not None and there.key_id == made["key_id"]:
            return there
        return tx.merge(CheckpointRow(seq=seq, hash=hash_, at=now, key_id=made["key_id"],
                                      signature=made["signature"]))  # fmt: skip


def _broken(problem: str) -> Refused:
    return Refused("audit-broken", f"The audit journal is not signed: {problem}.",
                   "Keep everything as it is and run `nbkeep audit verify`.", status=409)  # fmt: skip
