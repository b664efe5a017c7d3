"""Decide about a push that is held: approve, deny, send back, withdraw; each with its record and notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.grants.rules import read_reason
from nbkeep.model.errors import Refused
from nbkeep.model.gates import Decision, Found
from nbkeep.model.verdict import Refuse
from nbkeep.store.push_tables import PushRow
from nbkeep.store.tables import SessionRow

from . import rules
from .judge import valid_until
from .policy import judged_for
from .records import find_push
from .tell import forget_waiting, named, tell_author
from .values import OPEN, State

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import UserRow

    from .records import Pair


def approve_push(
    tx: Tx,
    clock: Clock,
    settings: Settings,
    actor: Actor,
    push_id: str,
    *,
    fingerprint: str,
    reason: str = "",
) -> PushRow:
    """Let somebody else's push pass, once, when they push exactly the same again in time.

    `fingerprint`: of what the reviewer looked at, as its view says. Raises `Refused`: 403 for one's own, 404
    for what one may not see, 409 where it does not wait, was changed, or the policies deny it by now.
    """
    row, user = _waiting(tx, clock, actor, push_id)
    if fingerprint != row.fingerprint:  # Invariant: what is approved is what was looked at
        raise Refused("other-content", "What you have looked at is not what would be pushed.",
                      "Look at it again: `nbkeep push show ID` has its fingerprint.", status=409)  # fmt: skip
    if user.status != "active":
        raise Refused("push-for-nobody", f"{user.name} is not active any more.", "Deny it.", status=409)
    found = tuple(one for one in Found if one.value in row.found)
    if judged_for(tx, tx.get_one(SessionRow, row.session_id), found).decision is Decision.DENY:
        raise Refused("denied-by-policy", "The policies deny this by now, whatever a reviewer says.",
                      "Deny it, or have an admin look at `nbkeep policy explain`.", status=409)  # fmt: skip
    _note(row, clock, actor, read_reason(reason) if reason.strip() else "")
    row.state, row.lapses_at = State.APPROVED.value, clock.now() + valid_until(settings)
    event = events.PushApproved(
        session_id=row.session_id,
        push_id=row.id,
        user=user.name,
        repository=row.repository,
        fingerprint=row.fingerprint,
        reason=row.answer,
    )
    journal.append(tx, clock, actor, event)
    forget_waiting(tx, clock, row)
    until = f"{row.lapses_at:%Y-%m-%d %H:%M} UTC"
    tell_author(tx, clock, row, f"{named(row)} may be sent, approved by {actor.name}. Push exactly the same "
                f"again until {until}; it passes once.")  # fmt: skip
    return row


def deny_push(tx: Tx, clock: Clock, actor: Actor, push_id: str, reason: str) -> PushRow:
    """Turn a push down, with words for its author. Raises `Refused` as `approve_push`."""
    row, user = _waiting(tx, clock, actor, push_id)
    said = read_reason(reason)
    event = events.PushDenied(
        session_id=row.session_id, push_id=row.id, user=user.name, repository=row.repository, reason=said
    )
    _end(tx, clock, actor, row, State.DENIED, said)
    journal.append(tx, clock, actor, event)
    tell_author(tx, clock, row, f"{named(row)} may not be sent, {actor.name} says: {said}")
    return row


def send_back_push(tx: Tx, clock: Clock, actor: Actor, push_id: str, reason: str) -> PushRow:
    """Have its author change the commits, with words. Raises `Refused` as `approve_push`."""
    row, user = _waiting(tx, clock, actor, push_id)
    said = read_reason(reason)
    event = events.PushSentBack(
        session_id=row.session_id, push_id=row.id, user=user.name, repository=row.repository, reason=said
    )
    _end(tx, clock, actor, row, State.SENT_BACK, said)
    journal.append(tx, clock, actor, event)
    tell_author(
        tx, clock, row, f"{actor.name} sent {named(row)} back: {said} Change the commits, and push again."
    )
    return row


def withdraw_push(tx: Tx, clock: Clock, actor: Actor, push_id: str) -> PushRow:
    """End one's own request, or (an admin) anybody's, that no forge took. Raises `Refused`: 403, 404, 409."""
    row, user = find_push(tx, actor, push_id)
    if row.user_id != actor.id:
        actor.require(rules.ADMIN)
    if row.state not in OPEN:
        raise Refused("push-over", f"{row.id} is {row.state}.", "See `nbkeep push list`.", status=409)
    _withdraw(tx, clock, actor, row, user)
    return row


def withdraw_pushes_of(tx: Tx, clock: Clock, actor: Actor, user: UserRow) -> int:
    """End all requests of a person, in a transaction that takes more; return how many. Twice is safe.

    Who may do so was decided before.
    """
    states = [one.value for one in OPEN]
    query = select(PushRow).where(PushRow.user_id == user.id, PushRow.state.in_(states)).order_by(PushRow.id)
    rows = tx.scalars(query).all()
    for row in rows:
        _withdraw(tx, clock, actor, row, user)
    return len(rows)


def _withdraw(tx: Tx, clock: Clock, actor: Actor, row: PushRow, user: UserRow) -> None:
    was, row.state, row.ended_at = row.state, State.WITHDRAWN.value, clock.now()
    event = events.PushWithdrawn(
        session_id=row.session_id, push_id=row.id, user=user.name, repository=row.repository
    )
    journal.append(tx, clock, actor, event)
    forget_waiting(tx, clock, row)
    if row.user_id != actor.id:
        again = " again" if was == State.SENDING else ""
        tell_author(tx, clock, row, f"{actor.name} withdrew the request: {named(row)} is not sent{again}.")


def _waiting(tx: Tx, clock: Clock, actor: Actor, push_id: str) -> Pair:
    row, user = find_push(tx, actor, push_id)
    verdict = rules.may_review(actor, is_author=row.user_id == actor.id)
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    state = rules.state_now(row.state, clock.now(), row.requested_at, row.lapses_at)
    if state is not State.WAITING:
        raise Refused("push-not-waiting", f"{row.id} is {state}, and does not wait for a decision.",
                      "See `nbkeep push list --to-review`.", status=409)  # fmt: skip
    return row, user


def _end(tx: Tx, clock: Clock, actor: Actor, row: PushRow, state: State, said: str) -> None:
    _note(row, clock, actor, said)
    row.state, row.ended_at = state.value, clock.now()
    forget_waiting(tx, clock, row)


def _note(row: PushRow, clock: Clock, actor: Actor, said: str) -> None:
    row.decided_by_id, row.decided_by, row.decided_at = actor.id, actor.name[:60], clock.now()
    row.answer = said
