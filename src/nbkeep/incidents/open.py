"""Open an incident: one transaction takes everything away, and notes what is to be done outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.grants.decide import turn_down
from nbkeep.grants.end import take_away
from nbkeep.grants.values import State
from nbkeep.meter.follow import follow
from nbkeep.model.errors import Refused
from nbkeep.model.ids import new_id
from nbkeep.model.session import SessionState, StopReason
from nbkeep.outbox.notices import add_notice, tell_scope
from nbkeep.people.users import disable
from nbkeep.pushes.decide import withdraw_pushes_of
from nbkeep.releases.decide import withdraw_all_of
from nbkeep.sessions.frozen import begin_freeze
from nbkeep.sessions.held import held_words
from nbkeep.sessions.states import move
from nbkeep.sessions.stop import wish_stop
from nbkeep.shares.end import revoke_all_of
from nbkeep.store.incident_tables import IncidentHoldRow, IncidentRow, IncidentStepRow
from nbkeep.store.tables import ApiTokenRow, GrantRow, SecretLeaseRow, UserRow
from nbkeep.vault import leases

from . import rules
from .concerned import concerned_by, find_target
from .radius import RADIUS, refusal_of
from .values import ADMIN, NOTICE, OPEN, WAITING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

    from .values import Concerned, Kind

PRESERVE, FREEZE, END, THAW = "preserve", "freeze", "end", "thaw"


def open_incident(
    tx: Tx, clock: Clock, actor: Actor, kind: Kind, name: str, reason: str, seen: Mapping[str, Any]
) -> tuple[IncidentRow, bool]:
    """Open an incident and return it, and whether it is a new one. Needs `admin:incidents`. Twice is safe.

    `seen`: what `preview` returned in a transaction before, which only read: its sums over a month take a
    while, and all other writers wait for this one. What is concerned is decided here once more.

    With this transaction nothing concerned has any leave any more; `steps.advance` does the rest. Raises
    `Refused`: 404 for what is not there, 409 for oneself, the last admin, and a name that now means another.
    """
    actor.require(ADMIN)
    said = rules.check_reason(reason)
    target = find_target(tx, kind, name)
    there = tx.scalar(
        select(IncidentRow).where(
            IncidentRow.kind == target.kind, IncidentRow.subject_id == target.id, IncidentRow.state == OPEN
        )
    )
    if there is not None:
        return there, False
    if seen["subject_id"] != target.id:
        raise Refused("subject-changed", f"The name {name[:100]!r} means another {kind} by now.",
                      "Look at its blast radius once more.", status=409)  # fmt: skip
    found = concerned_by(tx, target)
    refusal = refusal_of(tx, actor, found)
    if refusal is not None:
        raise refusal.as_error(409)
    now = clock.now()
    row = IncidentRow(
        id=new_id("inc", now),
        kind=target.kind,
        subject_id=target.id,
        subject=target.name,
        reason=said,
        state=OPEN,
        opened_at=now,
        opened_by=actor.name[:60],
        radius={name: seen[name] for name in RADIUS},
        revoked={},
        close_reason="",
        outcome=[],
    )
    tx.add(row)
    tx.flush()
    held = _note_holds(tx, row, found)
    event = events.IncidentOpened(
        incident_id=row.id, kind=row.kind, subject=row.subject, reason=said, held=held
    )
    journal.append(tx, clock, actor, event)
    row.revoked = _revoke(tx, clock, actor, row, found)
    names = [f"{_rest(tx, clock, actor, row, one)}:{one.id}" for one in found.sessions]
    for position, step in enumerate([*names, PRESERVE]):
        add_step(tx, row.id, step, position, now)
    for one in found.kept:
        one.held_by = one.held_by or row.id
    _tell(tx, clock, actor, row, found)
    return row, True


def add_step(tx: Tx, incident_id: str, name: str, position: int, now: datetime) -> None:
    """Note something that is to be done outside of the database. Twice is safe."""
    if tx.get(IncidentStepRow, (incident_id, name)) is None:
        tx.add(
            IncidentStepRow(
                incident_id=incident_id,
                name=name,
                position=position,
                state=WAITING,
                tries=0,
                problem="",
                said="",
                next_try_at=now,
            )
        )
        tx.flush()


def _note_holds(tx: Tx, row: IncidentRow, found: Concerned) -> list[str]:
    holds = [("session", one.id, one.name, one.state, one.held_by) for one in (*found.sessions, *found.kept)]
    holds += [("user", one.id, one.name, one.status, one.held_by) for one in found.users]
    if found.secret is not None:
        holds.append(("secret", found.secret.id, found.secret.name, "in-use", found.secret.held_by))
    for kind, subject_id, name, state, other in holds:
        earlier = tx.get(IncidentHoldRow, (other, kind, subject_id)) if other else None
        before = earlier.before if earlier else state
        tx.add(
            IncidentHoldRow(
                incident_id=row.id, kind=kind, subject_id=subject_id, subject=name[:100], before=before
            )
        )
    tx.flush()
    return [f"{kind} {subject_id if kind == 'session' else name}" for kind, subject_id, name, _, _ in holds]


def _revoke(tx: Tx, clock: Clock, actor: Actor, row: IncidentRow, found: Concerned) -> dict[str, int]:
    why = f"security incident {row.id}"
    users = {user.id for user in found.users}
    told = {
        "leases": _count_leases(tx, found),
        "tokens": len(
            tx.scalars(
                select(ApiTokenRow.id).where(ApiTokenRow.user_id.in_(users), ApiTokenRow.revoked_at.is_(None))
            ).all()
        ),
        "grants": 0,
        "shares": 0,
        "releases": 0,
        "people": len([user for user in found.users if user.status != "disabled"]),
        "secrets": 1 if found.secret is not None else 0,
    }
    for session in found.sessions:
        leases.end_of_session(tx, clock, actor, session.id, leases.INCIDENT)
    for user in found.users:
        told["grants"] += _end_grants(tx, clock, actor, user, why)
        told["shares"] += revoke_all_of(tx, clock, actor, user.id, why)
        told["releases"] += withdraw_all_of(tx, clock, actor, user) + withdraw_pushes_of(
            tx, clock, actor, user
        )
        disable(tx, clock, actor, user, why)
        user.sessions_valid_from = clock.now()
        user.held_by = user.held_by or row.id
    if found.secret is not None:
        leases.end_of_secret(tx, clock, actor, found.secret.id, leases.INCIDENT)
        found.secret.held_by = found.secret.held_by or row.id
    tx.flush()
    return told


def _count_leases(tx: Tx, found: Concerned) -> int:
    ids = {one.id for one in found.sessions}
    secret_id = found.secret.id if found.secret is not None else ""
    query = select(SecretLeaseRow.id).where(
        SecretLeaseRow.ended_at.is_(None),
        (SecretLeaseRow.session_id.in_(ids)) | (SecretLeaseRow.secret_id == secret_id),
    )
    return len(tx.scalars(query).all())


def _end_grants(tx: Tx, clock: Clock, actor: Actor, user: UserRow, why: str) -> int:
    live = (State.GRANTED.value, State.REQUESTED.value)
    ended = 0
    for grant in tx.scalars(
        select(GrantRow).where(GrantRow.user_id == user.id, GrantRow.state.in_(live))
    ).all():
        if grant.state == State.REQUESTED:
            turn_down(tx, clock, actor, grant, user, why)
        elif grant.expires_at is None or grant.expires_at > clock.now():
            take_away(tx, clock, actor, grant, user, why)
            ended += 1
    return ended


def _rest(tx: Tx, clock: Clock, actor: Actor, row: IncidentRow, session: SessionRow) -> str:
    """Have a session compute no more, as far as the database goes; return what is to be done on its node."""
    if session.state in {SessionState.REQUESTED, SessionState.STARTING}:
        wish_stop(tx, clock, actor, session, StopReason.ADMIN, f"Security incident {row.id}.")
    is_ending = session.state == SessionState.STOPPING
    session.held_by = session.held_by or row.id
    if is_ending:
        return END
    if session.state == SessionState.READY:
        move(session, SessionState.FROZEN)
        begin_freeze(session, clock.now())
        journal.append(tx, clock, actor, events.SessionFrozen(session_id=session.id, until=""))
        follow(tx, clock, session)
    tx.flush()
    return FREEZE


def _tell(tx: Tx, clock: Clock, actor: Actor, row: IncidentRow, found: Concerned) -> None:
    for session in found.sessions:
        words = held_words(row.id)
        text = f"Session {session.name}: {words}. Files and memory are kept as they are. Ask an admin."
        add_notice(tx, clock, session.user_id, NOTICE, text, session_id=session.id)
    text = f"{actor.name} opened the incident {row.id} about the {row.kind} {row.subject}: {row.reason}"
    tell_scope(tx, clock, ADMIN, row.id, text[:1000], but=actor.id)
