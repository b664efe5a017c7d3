"""Reading incidents: one, all, and how far each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, tuple_

from nbkeep.model.cursors import make_cursor, read_cursor
from nbkeep.model.errors import not_found
from nbkeep.store.incident_tables import IncidentHoldRow, IncidentRow, IncidentStepRow

from .rules import check_reader
from .values import CLOSED, OPEN, WAITING

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

STATES = (OPEN, CLOSED)


def get_incident(tx: Tx, incident_id: str) -> IncidentRow:
    """Return an incident; raise `Refused` (404) where there is none. Ask only for who may read them."""
    row = tx.get(IncidentRow, incident_id)
    if row is None:
        raise not_found("incident", incident_id[:40])
    return row


def list_incidents(
    tx: Tx, actor: Actor, *, state: str = "", limit: int = 100, cursor: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return incidents, the newest first, and where the next page begins. Needs `audit:read`."""
    check_reader(actor)
    query = select(IncidentRow)
    if state in STATES:
        query = query.where(IncidentRow.state == state)
    if cursor is not None:
        query = query.where(tuple_(IncidentRow.opened_at, IncidentRow.id) < tuple_(*read_cursor(cursor)))
    order = (IncidentRow.opened_at.desc(), IncidentRow.id.desc())
    found = list(tx.scalars(query.order_by(*order).limit(limit + 1)))
    rows, more = found[:limit], len(found) > limit
    left = _left(tx, [row.id for row in rows])
    last = make_cursor(rows[-1].opened_at, rows[-1].id) if more else None
    return [_line(row, left.get(row.id, 0)) for row in rows], last


def show_incident(tx: Tx, actor: Actor, incident_id: str) -> dict[str, Any]:
    """Return all of one incident: radius, holds, steps. Needs `audit:read`; 404 where there is none."""
    check_reader(actor)
    row = get_incident(tx, incident_id)
    steps = tx.scalars(
        select(IncidentStepRow)
        .where(IncidentStepRow.incident_id == row.id)
        .order_by(IncidentStepRow.position, IncidentStepRow.name)
    ).all()
    holds = tx.scalars(
        select(IncidentHoldRow)
        .where(IncidentHoldRow.incident_id == row.id)
        .order_by(IncidentHoldRow.kind, IncidentHoldRow.subject)
    ).all()
    return {
        **_line(row, sum(step.state == WAITING for step in steps)),
        "radius": row.radius,
        "revoked": row.revoked,
        "evidence": row.evidence,
        "close_reason": row.close_reason,
        "outcome": row.outcome,
        "holds": [{"kind": one.kind, "id": one.subject_id, "name": one.subject, "before": one.before}
                  for one in holds],
        "steps": [
            {"name": step.name, "state": step.state, "tries": step.tries, "problem": step.problem,
             "said": step.said, "next_try_at": None if step.done_at else _iso(step.next_try_at),
             "done_at": _iso(step.done_at)}
            for step in steps
        ],
    }  # fmt: skip


def _line(row: IncidentRow, waiting: int) -> dict[str, Any]:
    return {"id": row.id, "kind": row.kind, "subject_id": row.subject_id, "subject": row.subject,
            "reason": row.reason, "state": row.state, "opened_at": _iso(row.opened_at),
            "opened_by": row.opened_by, "closed_at": _iso(row.closed_at), "closed_by": row.closed_by,
            "steps_waiting": waiting, "has_evidence": row.evidence is not None}  # fmt: skip


def _left(tx: Tx, ids: list[str]) -> dict[str, int]:
    query = (
        select(IncidentStepRow.incident_id, func.count())
        .where(IncidentStepRow.incident_id.in_(ids), IncidentStepRow.state == WAITING)
        .group_by(IncidentStepRow.incident_id)
    )
    return {one[0]: one[1] for one in tx.execute(query)}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
