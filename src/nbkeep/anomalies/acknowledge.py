"""Alarms for people: listed, shown, acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select

from nbkeep.audit import events, journal
from nbkeep.model.cursors import make_cursor, read_cursor
from nbkeep.model.errors import invalid, not_found
from nbkeep.outbox.notices import withdraw
from nbkeep.store.alarm_tables import AlarmRow
from nbkeep.store.tables import UserRow

from .raise_alarms import kind_of, notice_kind
from .rules import words
from .values import ADMIN, KINDS, READ

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

STATES = ("open", "acknowledged", "all")
NOTE_MAX = 400


@dataclass(frozen=True)
class Wanted:
    """What to look for; empty fields do not restrict. `state`: open, acknowledged or all."""

    state: str = "open"
    kind: str = ""
    user: str = ""


@dataclass(frozen=True)
class Found:
    """One page of alarms, and the cursor of the next (None on the last)."""

    items: list[dict[str, Any]]
    next: str | None


def list_alarms(
    tx: Tx, actor: Actor, wanted: Wanted, currency: str, *, limit: int = 100, cursor: str | None = None
) -> Found:
    """Return alarms, the newest first. Needs `audit:read`; raises `Refused` (400, 403)."""
    actor.require(READ)
    if wanted.state not in STATES:
        raise invalid(
            "state", f"{wanted.state[:40]!r} is no state of alarms.", f"One of: {', '.join(STATES)}."
        )
    if wanted.kind and wanted.kind not in KINDS:
        raise invalid("kind", f"{wanted.kind[:40]!r} is no kind of alarm.", f"One of: {', '.join(KINDS)}.")
    row = AlarmRow
    query = select(row, UserRow.name).join(UserRow, UserRow.id == row.user_id)
    if wanted.state != "all":
        is_open = row.acknowledged_at.is_(None)
        query = query.where(is_open if wanted.state == "open" else ~is_open)
    if wanted.kind:
        query = query.where(row.kind == wanted.kind)
    if wanted.user:
        query = query.where(UserRow.name == wanted.user)
    if cursor:
        at, last_id = read_cursor(cursor)
        query = query.where(or_(row.raised_at < at, and_(row.raised_at == at, row.id < last_id)))
    query = query.order_by(row.raised_at.desc(), row.id.desc())
    rows = [(alarm, name) for alarm, name in tx.execute(query.limit(limit + 1))]
    last: AlarmRow | None = rows[limit - 1][0] if len(rows) > limit else None
    items = [_view(alarm, name, currency) for alarm, name in rows[:limit]]
    return Found(items, make_cursor(last.raised_at, last.id) if last else None)


def count_open(tx: Tx, actor: Actor) -> int:
    """Return how many alarms nobody has acknowledged yet. Needs `audit:read`."""
    actor.require(READ)
    return tx.scalar(select(func.count()).where(AlarmRow.acknowledged_at.is_(None))) or 0


def show_alarm(tx: Tx, actor: Actor, alarm_id: str, currency: str) -> dict[str, Any]:
    """Return one alarm, or raise `Refused` (403, 404)."""
    actor.require(READ)
    return _view(*_find(tx, alarm_id), currency)


def acknowledge(
    tx: Tx, clock: Clock, actor: Actor, alarm_id: str, note: str, currency: str
) -> dict[str, Any]:
    """Record that somebody has looked into an alarm, and what they found. Needs `admin:alarms`.

    Twice is safe: the first one stays, with its note. Raises `Refused` (400, 403, 404).
    """
    actor.require(ADMIN)
    row, user = _find(tx, alarm_id)
    note = " ".join(note.split())
    if not note or len(note) > NOTE_MAX:
        problem = "The note is too long." if note else "An alarm is acknowledged with a note."
        raise invalid("note", problem, f"Say what you found, in at most {NOTE_MAX} characters.")
    if row.acknowledged_at is None:
        row.acknowledged_at, row.acknowledged_by, row.note = clock.now(), actor.name, note
        tx.flush()
        withdraw(tx, clock, notice_kind(row.id))
        event = events.AlarmAcknowledged(alarm_id=row.id, kind=row.kind, user=user, note=note)
        journal.append(tx, clock, actor, event)
    return _view(row, user, currency)


def _find(tx: Tx, alarm_id: str) -> tuple[AlarmRow, str]:
    row = tx.get(AlarmRow, alarm_id)
    if row is None:
        raise not_found("alarm", alarm_id[:40])
    return row, tx.scalar(select(UserRow.name).where(UserRow.id == row.user_id)) or "?"


def _view(row: AlarmRow, user: str, currency: str) -> dict[str, Any]:
    kind = kind_of(row)
    return {
        "id": row.id,
        "kind": kind,
        "user": user,
        "session_id": row.subject_id if row.subject_id != row.user_id else None,
        "day": row.day,
        "raised_at": row.raised_at.isoformat(),
        "measured": row.measured,
        "usual": row.usual,
        "threshold": row.threshold,
        "measured_words": words(kind, row.measured, currency),
        "message": row.message,
        "acknowledged_at": row.acknowledged_at.isoformat() if row.acknowledged_at else None,
        "acknowledged_by": row.acknowledged_by,
        "note": row.note,
    }
