"""Approve or deny what somebody asked for. One transaction with its audit record and what they are told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import Refused
from nbkeep.model.units import format_duration
from nbkeep.model.verdict import Refuse
from nbkeep.store.tables import GrantRow, UserRow

from . import passwords, rules
from .approvals import note_approved
from .kinds import kind_named
from .records import find_grant, owner_of, situation_now
from .tell import forget_deciders, named, opened, tell
from .values import State

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store, Tx

_AT_ONCE = 500


def approve_grant(
    tx: Tx,
    clock: Clock,
    settings: Settings,
    actor: Actor,
    grant_id: str,
    duration: str | float | None = None,
) -> GrantRow:
    """Grant what was asked for, from now on, for as long as was asked or shorter; also to running sessions.

    Raises `Refused`: 403 for one's own request, and where the profile does not let one ask for it any more;
    409 for a request that is not open.
    """
    row, user = _open(tx, actor, grant_id)
    verdict = rules.may_approve(
        actor, row.user_id, self_approval=settings.grants_self_approval, owner_id=owner_of(tx, row)
    )
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    most_s = min(row.wanted_s, settings.grants_max_s)  # the setting may have been lowered since
    given_s = most_s if duration is None else rules.read_duration_s(duration, settings.grants_max_s)
    verdict = rules.may_last(row.wanted_s, given_s)
    if isinstance(verdict, Refuse):
        raise verdict.as_error(400)
    _check_still_asked(tx, settings, row, user)
    row.state, row.decided_at, row.decided_by = State.GRANTED.value, clock.now(), actor.name
    row.expires_at = expires_at = clock.now() + timedelta(seconds=given_s)
    event = events.GrantApproved(
        session_id=row.session_id,
        grant_id=row.id,
        kind=row.kind,
        subject=row.subject,
        user=user.name,
        profile=row.profile_name,
        granted_s=given_s,
        expires_at=expires_at.isoformat(),
    )
    journal.append(tx, clock, actor, event)
    passwords.begin(tx, clock, actor, row)
    note_approved(tx, clock.now(), row)
    forget_deciders(tx, clock, row)
    tell(
        tx,
        clock,
        row,
        f"{opened(row)} for {format_duration(given_s)}: {actor.name} approved it.",
    )
    return row


def deny_grant(tx: Tx, clock: Clock, actor: Actor, grant_id: str, reason: str) -> GrantRow:
    """Turn a request down, with words for who asked. Raises `Refused` (409) for one that is not open."""
    row, user = _open(tx, actor, grant_id)
    turn_down(tx, clock, actor, row, user, rules.read_reason(reason))
    return row


def lapse_requests(store: Store, clock: Clock) -> int:
    """Deny what nobody has decided in `rules.LAPSES`; return how many. Twice is safe.

    Whoever comes upon a request of long ago knows no longer what it was asked for.
    """
    stale = (GrantRow.state == State.REQUESTED, GrantRow.requested_at <= clock.now() - rules.LAPSES)
    with store.read() as tx:
        if tx.scalar(select(GrantRow.id).where(*stale).limit(1)) is None:
            return 0
    with store.write() as tx:
        rows = tx.scalars(
            select(GrantRow).where(*stale).order_by(GrantRow.requested_at).limit(_AT_ONCE)
        ).all()
        said = f"nobody decided in {rules.LAPSES.days} days. Ask again if you still need it."
        for row in rows:
            turn_down(tx, clock, SYSTEM, row, tx.get_one(UserRow, row.user_id), said)
    return len(rows)


def turn_down(tx: Tx, clock: Clock, actor: Actor, row: GrantRow, user: UserRow, said: str) -> None:
    """Deny an open request, on record, and tell who asked. Who may do so was decided before."""
    row.state, row.decided_at, row.decided_by = State.DENIED.value, clock.now(), actor.name
    row.answer = said
    event = events.GrantDenied(
        session_id=row.session_id,
        grant_id=row.id,
        kind=row.kind,
        subject=row.subject,
        user=user.name,
        profile=row.profile_name,
        reason=said,
    )
    journal.append(tx, clock, actor, event)
    forget_deciders(tx, clock, row)
    tell(tx, clock, row, f"Your request for {named(row)} was denied by {actor.name}: {said}")


def _open(tx: Tx, actor: Actor, grant_id: str) -> tuple[GrantRow, UserRow]:
    row, user = find_grant(tx, actor, grant_id)
    if not rules.decides(actor, owner_of(tx, row)):
        actor.require(rules.DECIDE)
    if row.state != State.REQUESTED:
        raise Refused("grant-not-open", f"{row.id} is {row.state}, and not waiting for a decision.",
                      "See `nbkeep grant list --state requested`.", status=409)  # fmt: skip
    return row, user


def _check_still_asked(tx: Tx, settings: Settings, row: GrantRow, user: UserRow) -> None:
    situation = situation_now(tx, settings, row.profile_name, user)
    if situation is None or user.status != "active":
        gone = "The profile" if situation is None else user.name
        raise Refused("grant-for-nobody", f"{gone} is not there any more.", "Deny the request.", status=409)
    verdict = kind_named(row.kind).may_be_asked(situation, row.subject)
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
