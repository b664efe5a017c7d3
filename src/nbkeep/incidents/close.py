"""Close an incident: say what comes back and what stays away, and release what it held."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.meter.follow import follow
from nbkeep.model.session import SessionState, StopReason
from nbkeep.model.verdict import Refuse
from nbkeep.outbox.notices import dismiss_about, withdraw
from nbkeep.people.users import enable
from nbkeep.sessions.frozen import end_freeze
from nbkeep.sessions.kept import retention_s
from nbkeep.sessions.limits import moved_end
from nbkeep.sessions.states import move
from nbkeep.sessions.stop import wish_stop
from nbkeep.store.incident_tables import IncidentHoldRow, IncidentRow, IncidentStepRow
from nbkeep.store.tables import SecretRow, SessionRow, UserRow
from nbkeep.vault import leases
from nbkeep.vault.change import release_secret

from .open import END, FREEZE, THAW, add_step
from .records import get_incident
from .rules import check_reason, may_thaw_on_close
from .values import ADMIN, CLOSED, DONE, NOTICE, OPEN, WAITING

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

Fate = Literal["thaw", "end"]
_STAY_ENDED = {"tokens", "grants", "leases", "shares", "releases"}
_AFTER = 1000  # steps of closing come behind those of opening


def close_incident(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    incident_id: str,
    reason: str,
    *,
    sessions: Fate = "end",
    let_in: bool = False,
) -> IncidentRow:
    """Close an incident and return it with what became of everything. Needs `admin:incidents`. Twice is safe.

    `sessions`: frozen ones go on, or end with their variables saved where their profile keeps them. `let_in`:
    whom it shut out may sign in again. Tokens, grants and sign-ins that were ended stay ended. What another
    open incident holds, too, stays held. Raises `Refused` (409) where sessions could not go on.
    """
    actor.require(ADMIN)
    said = check_reason(reason)
    row = get_incident(tx, incident_id)
    if row.state != OPEN:
        return row
    row.state, row.closed_at, row.closed_by = CLOSED, clock.now(), actor.name[:60]
    row.close_reason = said
    tx.flush()
    holds = tx.scalars(select(IncidentHoldRow).where(IncidentHoldRow.incident_id == row.id)).all()
    outcome = [
        _release(tx, clock, actor, row, hold, sessions=sessions, let_in=let_in)
        # People first: whether a session may go on is asked of how its user is then.
        for hold in sorted(holds, key=lambda one: (one.kind != "user", one.subject_id))
    ]
    revoked = ", ".join(f"{count} {what}" for what, count in row.revoked.items()
                        if count and what in _STAY_ENDED)  # fmt: skip
    if revoked:
        outcome.append(f"Stay ended: {revoked}. New ones are made as always.")
    row.outcome = outcome
    _rest_steps(tx, clock, row.id)
    event = events.IncidentClosed(
        incident_id=row.id, kind=row.kind, subject=row.subject, reason=said, outcome=outcome
    )
    journal.append(tx, clock, actor, event)
    withdraw(tx, clock, row.id)
    return row


def _release(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    row: IncidentRow,
    hold: IncidentHoldRow,
    *,
    sessions: Fate,
    let_in: bool,
) -> str:
    other = _other(tx, hold)
    match hold.kind:
        case "user":
            return _release_user(tx, clock, actor, hold, other, let_in=let_in)
        case "session":
            return _release_session(tx, clock, actor, row, hold, other, sessions=sessions, let_in=let_in)
        case _:
            return _release_secret(tx, clock, actor, hold, other)


def _other(tx: Tx, hold: IncidentHoldRow) -> str | None:
    """Return the open incident that goes on holding the same, or None."""
    query = (
        select(IncidentHoldRow.incident_id)
        .join(IncidentRow, IncidentRow.id == IncidentHoldRow.incident_id)
        .where(
            IncidentRow.state == OPEN,
            IncidentHoldRow.kind == hold.kind,
            IncidentHoldRow.subject_id == hold.subject_id,
        )
    )
    return tx.scalar(query.order_by(IncidentHoldRow.incident_id).limit(1))


def _release_user(
    tx: Tx, clock: Clock, actor: Actor, hold: IncidentHoldRow, other: str | None, *, let_in: bool
) -> str:
    user = tx.get_one(UserRow, hold.subject_id)
    user.held_by = other
    if other is not None:
        return f"{user.name} stays shut out by {other}."
    if not let_in or hold.before == "disabled":
        return f"{user.name} stays shut out: `nbkeep user enable {user.name}` lets them in."
    enable(tx, clock, actor, user, f"security incident {hold.incident_id} was closed")
    return f"{user.name} may sign in again."


def _release_session(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    row: IncidentRow,
    hold: IncidentHoldRow,
    other: str | None,
    *,
    sessions: Fate,
    let_in: bool,
) -> str:
    session = tx.get_one(SessionRow, hold.subject_id)
    what = f"Session {session.name} ({session.id})"
    session.held_by = other
    if other is not None:
        return f"{what} stays held by {other}."
    dismiss_about(tx, clock, session.id, NOTICE)
    now = clock.now()
    if session.state == SessionState.SUSPENDED:
        # Retention has waited meanwhile; its user has as long as ever to come back to it.
        session.kept_until = now + timedelta(seconds=retention_s(session.profile))
        return f"{what} can be resumed; what it saved is there."
    if session.state != SessionState.FROZEN:
        return f"{what} is {session.state}."
    if sessions == "end":
        wish_stop(tx, clock, actor, session, StopReason.ADMIN, f"Security incident {row.id} was closed.")
        add_step(tx, row.id, f"{END}:{session.id}", _AFTER, now)
        return f"{what} ends; variables are saved where its profile keeps them."
    owner = tx.get_one(UserRow, session.user_id)
    shut_out = tx.get(IncidentHoldRow, (row.id, "user", owner.id))
    verdict = may_thaw_on_close(
        owner.name,
        is_active=owner.status == "active",
        other=owner.held_by,
        before=shut_out.before if shut_out else None,
        is_let_in=let_in,
    )
    if isinstance(verdict, Refuse):
        raise verdict.as_error(409)
    move(session, SessionState.READY)
    spell_s = end_freeze(session, now)
    session.last_work_at = now
    if session.ends_at is not None:  # what was taken from its user is given back
        by = timedelta(seconds=spell_s)
        session.ends_at = moved_end(session.ends_at, by, now, session.approved_until)
    journal.append(tx, clock, actor, events.SessionThawed(session_id=session.id, frozen_s=round(spell_s, 1)))
    follow(tx, clock, session)
    tx.flush()
    leases.begin_leases(tx, clock, actor, session)
    add_step(tx, row.id, f"{THAW}:{session.id}", _AFTER, now)
    return f"{what} goes on where it was."


def _release_secret(tx: Tx, clock: Clock, actor: Actor, hold: IncidentHoldRow, other: str | None) -> str:
    secret = tx.get_one(SecretRow, hold.subject_id)
    if secret.revoked_at is not None:
        return f"The secret {secret.name} was ended."
    if secret.held_by is None:
        return f"The secret {secret.name} was rotated, and is in use."
    if secret.source and other is None:
        release_secret(tx, clock, actor, secret)
        return (
            f"The secret {secret.name} is in use again: see that its value in {secret.source} is a new one."
        )
    secret.held_by = other or secret.held_by
    how = f"`nbkeep secret rotate {secret.name}`"
    return f"The secret {secret.name} stays out of use until it is rotated: {how}."


def _rest_steps(tx: Tx, clock: Clock, incident_id: str) -> None:
    """Let what was still to be frozen be; evidence is kept all the same."""
    query = select(IncidentStepRow).where(
        IncidentStepRow.incident_id == incident_id,
        IncidentStepRow.state == WAITING,
        IncidentStepRow.name.like(f"{FREEZE}:%"),
    )
    for step in tx.scalars(query):
        step.state, step.said, step.done_at = DONE, "The incident was closed before.", clock.now()
