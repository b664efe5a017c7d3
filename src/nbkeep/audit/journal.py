"""Appending to the journal: one record per event, chained by hash, without a gap."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from nbkeep.model.errors import invalid
from nbkeep.store.tables import JournalHeadRow, JournalRow, ReportedEventRow

from .canonical import canonical

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .events import Event

GENESIS = "0" * 64  # what stands for the hash before the first record


def link(previous: str, record: str) -> str:
    """Return the hash of a record: SHA-256 over the previous hash (64 hex digits) and the canonical JSON."""
    return hashlib.sha256(previous.encode() + record.encode()).hexdigest()


def append(tx: Tx, clock: Clock, actor: Actor, event: Event) -> int:
    """Record an event in the caller's transaction and return its sequence number.

    Not idempotent: twice makes two records. It stands or falls with what the transaction changes. Raises
    `Refused` (400) for values that have no canonical JSON form; only a session's reports can hold such.

    Invariant: sequence numbers have no gap and each record's hash covers the one before. The head row is
    locked from here to the end of the transaction, and rolls back with it.
    """
    head = tx.scalars(select(JournalHeadRow).with_for_update()).one_or_none()
    if head is None:
        head = JournalHeadRow(id=1, seq=0, hash=GENESIS)
        tx.add(head)
    now = clock.now()
    record = _record({
        "v": 1,
        "seq": head.seq + 1,
        "at": now.isoformat(timespec="microseconds"),
        "type": event.type,
        "actor": {"id": actor.id, "name": actor.name, "kind": actor.kind, "via": actor.via,
                  "address": actor.address},
        "session_id": event.session_id,
        "data": _data(event),
    })  # fmt: skip
    head.seq += 1
    head.hash = link(head.hash, record)
    tx.add(
        JournalRow(
            seq=head.seq,
            at=now,
            type=event.type,
            actor=actor.name[:60],
            session_id=event.session_id,
            record=record,
            hash=head.hash,
        )
    )
    tx.flush()
    return head.seq


def append_once(tx: Tx, clock: Clock, actor: Actor, event: Event, *, session_id: str, event_id: str) -> bool:
    """Record an event that a session delivers at least once; return False when that id is here already."""
    try:
        with tx.begin_nested():
            tx.add(ReportedEventRow(session_id=session_id, event_id=event_id, at=clock.now()))
    except IntegrityError:
        return False
    append(tx, clock, actor, event)
    return True


def last_seq(tx: Tx) -> int:
    """Return the number of the last record, 0 before the first: of two states the newer has no lower one."""
    return tx.scalar(select(JournalHeadRow.seq)) or 0


def _record(values: dict[str, Any]) -> str:
    try:
        return canonical(values)
    except ValueError as error:
        raise invalid("event", f"The event cannot be recorded: {error}.") from error


def _data(event: Event) -> dict[str, Any]:
    return {f.name: getattr(event, f.name) for f in fields(event) if f.name != "session_id"}
