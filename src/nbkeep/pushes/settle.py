"""Settle what became of pushes that passed: refused by its forge, one may pass again; else it is used up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.egress.reports import RecordError, text
from nbkeep.model.actor import SYSTEM
from nbkeep.store.push_tables import PushRow
from nbkeep.store.tables import UserRow

from .report import Outcome
from .tell import named, tell_author
from .values import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

UNHEARD_AFTER = timedelta(minutes=90)
"""More than a connection of a gateway lies idle: nobody will say any more what became of it."""
_AT_ONCE = 500
_LONGEST = 200
_UNHEARD = "nobody has said what became of it"


def settle_pushes(tx: Tx, clock: Clock, records: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Take what a gateway reports of passes; return what can never be taken, with why. Twice is safe.

    Only the pass that is under way is settled, by the moment at which it began: a report of an earlier one,
    or of a push that was withdrawn meanwhile, changes nothing.
    """
    refused: list[dict[str, str]] = []
    for one in records:
        try:
            outcome, passed_at = Outcome(str(one.get("outcome"))), _moment(one.get("passed_at"))
        except ValueError as error:
            refused.append({"id": text(one.get("id"), 64), "why": str(error)[:_LONGEST]})
            continue
        row = tx.get(PushRow, text(one.get("push_id"), 24))
        if row is not None and row.state == State.SENDING and row.ended_at == passed_at:
            _settle(tx, clock, row, outcome, text(one.get("reason"), _LONGEST))
    return refused


def settle_unheard(store: Store, clock: Clock) -> int:
    """Use up approvals whose push nobody has reported about; return how many. Twice is safe."""
    late = (PushRow.state == State.SENDING.value) & (PushRow.ended_at <= clock.now() - UNHEARD_AFTER)
    with store.read() as tx:
        if tx.scalar(select(PushRow.id).where(late).limit(1)) is None:
            return 0
    with store.write() as tx:
        rows = tx.scalars(select(PushRow).where(late).order_by(PushRow.id).limit(_AT_ONCE)).all()
        for row in rows:
            _settle(tx, clock, row, Outcome.UNKNOWN, _UNHEARD)
    return len(rows)


def _settle(tx: Tx, clock: Clock, row: PushRow, outcome: Outcome, reason: str) -> None:
    match outcome:
        case Outcome.REFUSED:
            row.state, row.ended_at = State.APPROVED.value, None
            # Its own time goes on: a forge that always refuses makes no approval longer.
            until = f"{row.lapses_at:%Y-%m-%d %H:%M} UTC"
            tell_author(tx, clock, row, f"{named(row)} was approved, but {reason}. The approval holds until "
                        f"{until}: push exactly the same again.")  # fmt: skip
        case Outcome.UNKNOWN:
            row.state = State.PUSHED.value
            said = "See at the forge whether it is there; if not, push again, for another review."
            tell_author(
                tx, clock, row, f"{named(row)} was sent, and {reason}. The approval is used up. {said}"
            )
        case Outcome.TAKEN:
            row.state = State.PUSHED.value
    event = events.PushSettled(
        session_id=row.session_id,
        push_id=row.id,
        user=tx.get_one(UserRow, row.user_id).name,
        repository=row.repository,
        outcome=outcome.value,
        reason=reason,
    )
    journal.append(tx, clock, SYSTEM, event)


def _moment(value: object) -> datetime:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError as error:
        raise RecordError("passed_at is not a moment") from error
