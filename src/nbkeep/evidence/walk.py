"""One walk over the journal's records of some days: checks their chain, counts facts, keeps a few examples.

Memory does not depend on how many records there are. A journal that does not hang together ends the walk:
nothing is signed that rests on it.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from nbkeep.audit.checkpoints import problem_of_row
from nbkeep.audit.journal import GENESIS, link
from nbkeep.model.errors import Refused
from nbkeep.store.audit_tables import CheckpointRow
from nbkeep.store.tables import JournalHeadRow, JournalRow

from .facts import JOURNAL
from .values import Observation, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nbkeep.audit.signing import PublicKey
    from nbkeep.store.database import Store

    from .values import Recorded, Scene

FIRST_EXAMPLES, LAST_EXAMPLES = 3, 2
MOST_EXAMPLE_BYTES = 32 << 10  # larger records are counted, and not shown
_CHUNK = 2000


@dataclass(frozen=True)
class Record:
    """A record as it was hashed, with the hash before it, so that it can be checked by itself."""

    seq: int
    previous: str
    record: str
    hash: str


@dataclass(frozen=True)
class Walked:
    """What a walk found. `last_seq` is below `first_seq` where the days have no record."""

    first_seq: int
    last_seq: int
    after_hash: str
    last_hash: str
    first_at: str  # of the oldest record in the journal at all; "" where there is none
    observations: dict[str, Observation]
    examples: dict[int, Record]


@dataclass
class _Tally:
    """A fact as far as it has been counted."""

    count: int = 0
    first: list[Record] = field(default_factory=list[Record])
    last: deque[Record] = field(default_factory=lambda: deque[Record](maxlen=LAST_EXAMPLES))

    def take(self, record: Record) -> None:
        self.count += 1
        if len(record.record) > MOST_EXAMPLE_BYTES:
            return
        if len(self.first) < FIRST_EXAMPLES:
            self.first.append(record)
        else:
            self.last.append(record)


def walk(store: Store, scene: Scene, keys: Sequence[PublicKey]) -> Walked:
    """Walk over the records of the days; raise `Refused` (409) `audit-broken` where they are no chain.

    Reads in short transactions: writers go on meanwhile, and what they add after the start is not looked at.
    """
    first, last, previous, oldest = _bounds(store, scene)
    by_type: defaultdict[str, list[Recorded]] = defaultdict(list)
    everything = [fact for fact in JOURNAL if not fact.types]
    for fact in JOURNAL:
        for kind in fact.types:
            by_type[kind].append(fact)
    tallies = {fact.name: _Tally() for fact in JOURNAL}
    hash_ = previous
    for kind, record in _checked(store, first, last, previous, keys):
        hash_ = record.hash
        facts = by_type.get(kind, ())
        value: dict[str, Any] = json.loads(record.record) if any(fact.where for fact in facts) else {}
        for fact in (*everything, *facts):
            if fact.where is None or fact.where(value):
                tallies[fact.name].take(record)
    examples = {one.seq: one for tally in tallies.values() for one in (*tally.first, *tally.last)}
    observations = {fact.name: _observed(fact, tallies[fact.name]) for fact in JOURNAL}
    return Walked(first, last, previous, hash_, oldest, observations, dict(sorted(examples.items())))


def _bounds(store: Store, scene: Scene) -> tuple[int, int, str, str]:
    with store.read() as tx:
        head = tx.scalars(select(JournalHeadRow)).one_or_none()
        end = head.seq if head else 0
        first = (
            tx.scalar(select(func.min(JournalRow.seq)).where(JournalRow.at >= scene.span.begin)) or end + 1
        )
        last = tx.scalar(select(func.max(JournalRow.seq)).where(JournalRow.at < scene.span.end)) or 0
        last = max(min(last, end), first - 1)
        oldest = tx.scalar(select(JournalRow.at).order_by(JournalRow.seq).limit(1))
        before = tx.get(JournalRow, first - 1)
        if before is None and first > 1:
            raise _broken(f"record {first - 1} is missing")
        return first, last, before.hash if before else GENESIS, oldest.isoformat() if oldest else ""


def _checked(
    store: Store, first: int, last: int, previous: str, keys: Sequence[PublicKey]
) -> Iterator[tuple[str, Record]]:
    """Give records with their types, each checked against the one before and what was signed."""
    seq, hash_ = first - 1, previous
    ids = {key.id for key in keys}
    while seq < last:
        to = min(seq + _CHUNK, last)
        wanted = select(JournalRow.seq, JournalRow.type, JournalRow.record, JournalRow.hash)
        with store.read() as tx:
            rows = tx.execute(
                wanted.where(JournalRow.seq > seq, JournalRow.seq <= to).order_by(JournalRow.seq)
            ).all()
            signed = {
                row.seq: row
                for row in tx.scalars(
                    select(CheckpointRow).where(CheckpointRow.seq > seq, CheckpointRow.seq <= to)
                )
                if row.key_id in ids
            }
        for number, kind, record, claimed in rows:
            if number != seq + 1:
                raise _broken(f"record {seq + 1} is missing")
            if link(hash_, record) != claimed:
                raise _broken(f"record {number} was changed, or a record before it was replaced")
            if number in signed and (problem := problem_of_row(signed[number], keys)):
                raise _broken(problem)
            if number in signed and signed[number].hash != claimed:
                raise _broken(f"forked: another record {number} was signed than the one that is here")
            yield kind, Record(number, hash_, record, claimed)
            seq, hash_ = number, claimed
        if seq < to:
            raise _broken(f"record {seq + 1} is missing")


def _observed(fact: Recorded, tally: _Tally) -> Observation:
    there = tally.count > 0
    sentence = f"{fact.title}: {tally.count:,}." if there else f"{fact.title}: none on record in these days."
    return Observation(
        fact.name,
        fact.title,
        fact.basis,
        tally.count,
        sentence,
        Status.COVERED if there else Status.NOT_COVERED,
        tuple(one.seq for one in (*tally.first, *tally.last)),
    )


def _broken(problem: str) -> Refused:
    return Refused(
        "audit-broken",
        f"The audit journal does not hang together: {problem}.",
        "Keep everything as it is and run `nbkeep audit verify`.",
        status=409,
    )
