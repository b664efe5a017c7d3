"""Approvals of flavors: who has one until when, and what becomes of sessions when that changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.model.session import LIVE
from nbkeep.store.tables import GrantRow, SessionRow

from .flavors import LAST_CALL
from .kinds import FLAVOR
from .values import State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nbkeep.store.database import Tx


@dataclass(frozen=True)
class Approval:
    """How somebody stands with one profile and its flavor.

    `until`: when the last of their live grants ends, None where there is none. `waiting`: the id of a request
    that nobody has decided, or "". `refused`: who turned the latest one down or ended it, and why, or "".
    """

    until: datetime | None = None
    waiting: str = ""
    refused: str = ""


NONE = Approval()


def approvals_of(tx: Tx, now: datetime, user_id: str) -> Mapping[tuple[str, str], Approval]:
    """Return how one person stands with all profiles and flavors that they ever asked for, by both names."""
    query = select(GrantRow).where(GrantRow.kind == FLAVOR.name, GrantRow.user_id == user_id)
    found: dict[tuple[str, str], Approval] = {}
    for row in tx.scalars(query.order_by(GrantRow.requested_at, GrantRow.id)):
        key = (row.profile_name, row.subject)
        found[key] = _with(found.get(key, NONE), row, now)
    return found


def note_approved(tx: Tx, now: datetime, row: GrantRow) -> None:
    """Let sessions that run on an approval know of a longer one: "keep working" reaches as far."""
    sessions = _on_approval(tx, row)
    until = _until(tx, now, row) if sessions else None
    for session in sessions:
        if until is not None and session.approved_until is not None:
            session.approved_until = max(session.approved_until, until)


def note_taken(tx: Tx, now: datetime, row: GrantRow) -> None:
    """Bring forward the end of sessions that run on an approval which was taken away.

    They have as long as another live grant says, and two minutes at least, never more than before.
    """
    sessions = _on_approval(tx, row)
    left = _until(tx, now, row) if sessions else None
    until = max(now + LAST_CALL, left) if left is not None else now + LAST_CALL
    for session in sessions:
        if session.approved_until is not None:
            session.approved_until = min(session.approved_until, until)
        if session.ends_at is not None:
            session.ends_at = min(session.ends_at, until)


def _until(tx: Tx, now: datetime, row: GrantRow) -> datetime | None:
    """Return when the last live grant of the same kind for the same thing ends."""
    return approvals_of(tx, now, row.user_id).get((row.profile_name, row.subject), NONE).until


def _on_approval(tx: Tx, row: GrantRow) -> list[SessionRow]:
    """Return the live sessions that a grant of a flavor is about; none for a grant of another kind.

    Those that were admitted before the flavor needed an approval are not: they go on to their own end.
    """
    if row.kind != FLAVOR.name:
        return []
    query = select(SessionRow).where(
        SessionRow.user_id == row.user_id,
        SessionRow.profile_name == row.profile_name,
        SessionRow.state.in_([state.value for state in LIVE]),
        SessionRow.approved_until.is_not(None),
    )
    return [one for one in tx.scalars(query) if one.profile["flavor"] == row.subject]


def _with(before: Approval, row: GrantRow, now: datetime) -> Approval:
    """Return what is known after one more grant, in the order in which they were asked for."""
    if row.state == State.REQUESTED:
        return Approval(before.until, row.id)
    if row.state == State.GRANTED:
        is_live = row.expires_at is not None and row.expires_at > now
        ends = [one for one in (before.until, row.expires_at if is_live else None) if one is not None]
        return Approval(max(ends, default=None), before.waiting)
    if row.state in {State.DENIED, State.REVOKED}:
        by = (row.ended_by if row.state == State.REVOKED else row.decided_by) or "an admin"
        return Approval(before.until, before.waiting, f"{by}: {row.answer}")
    return Approval(before.until, before.waiting)
