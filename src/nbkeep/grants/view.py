"""Grants as the doors show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.model.verdict import Allow

from . import rules
from .values import State

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.settings import Settings
    from nbkeep.store.tables import GrantRow, UserRow


def grant_view(
    actor: Actor, settings: Settings, now: datetime, row: GrantRow, user: UserRow, owner_id: str = ""
) -> dict[str, Any]:
    """Return a grant for somebody who may see it, with what they may do with it now.

    `owner_id`: of what was asked for, "" where nobody owns it.
    """
    state = state_of(row, now)
    is_open, is_live = state == State.REQUESTED, state == State.GRANTED
    decides = rules.decides(actor, owner_id)
    approves = rules.may_approve(
        actor, row.user_id, self_approval=settings.grants_self_approval, owner_id=owner_id
    )
    return {
        "id": row.id,
        "kind": row.kind,
        "subject": row.subject,
        "user": user.name,
        "profile": row.profile_name,
        "session_id": row.session_id,
        "reason": row.reason,
        "wanted_s": row.wanted_s,
        "state": state.value,
        "requested_at": row.requested_at.isoformat(),
        "decided_at": _iso(row.decided_at),
        "decided_by": row.decided_by,
        "expires_at": _iso(row.expires_at),
        "ended_at": _iso(row.ended_at),
        "ended_by": row.ended_by,
        "answer": row.answer,
        "may": {
            "approve": is_open and isinstance(approves, Allow),
            "deny": is_open and decides,
            "revoke": is_live and decides,
            "withdraw": (is_open or is_live) and row.user_id == actor.id,
        },
    }


def state_of(row: GrantRow, now: datetime) -> State:
    """Return the state of a grant; it is over at its moment, even if that is not on record yet."""
    if row.state == State.GRANTED and row.expires_at is not None and row.expires_at <= now:
        return State.EXPIRED
    return State(row.state)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
