"""Decide about what waits: approve, deny, send back; each in one transaction with its record and notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.grants.rules import read_reason
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import Refused
from nbkeep.model.gates import Decision
from nbkeep.model.verdict import Refuse
from nbkeep.store.release_tables import ReleaseRow

from . import rules
from .judge import judged_now
from .let_out import hash_of, let_out, tell_let_out
from .records import find_release, reach_of
from .tell import forget_waiting, named, tell_author
from .values import OPEN, PLAIN, REDACTED, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import UserRow


def approve_release(
    tx: Tx,
    clock: Clock,
    settings: Settings,
    actor: Actor,
    release_id: str,
    *,
    sha256: str,
    redacted: bool = False,
    reason: str = "",
) -> ReleaseRow:
    """Let out what somebody else asked for: exactly the bytes with the hash that the reviewer looked at.

    `sha256`: of the plain or, with `redacted`, of the redacted variant, as the release's view says. Raises
    `Refused`: 403 for one's own, 404 for what one may not see, 409 where it does not wait, where the hash is
    another one, where there is no such variant, and where the policies deny it by now.
    """
    row, user = _waiting(tx, actor, release_id)
    variant = REDACTED if redacted else PLAIN
    held = hash_of(row, variant)
    if not held:
        why = row.not_redacted if redacted else row.problem
        raise Refused("no-such-variant", f"There is nothing {variant} that could leave. {why}".strip(),
                      "Send it back, or deny it.", status=409)  # fmt: skip
    if sha256 != held:  # Invariant: what is approved is what was looked at
        raise Refused("other-content", "What you have looked at is not what would leave.",
                      "Look at it again: `nbkeep release show ID` has its hash.", status=409)  # fmt: skip
    if user.status != "active":
        raise Refused("release-for-nobody", f"{user.name} is not active any more.", "Deny it.", status=409)
    if judged_now(tx, row).decision is Decision.DENY:
        raise Refused("denied-by-policy", "The policies deny this by now, whatever a reviewer says.",
                      "Deny it, or have an admin look at `nbkeep policy explain`.", status=409)  # fmt: skip
    _note(row, clock, actor, read_reason(reason) if reason.strip() else "")
    event = events.ReleaseApproved(
        session_id=row.session_id,
        release_id=row.id,
        user=user.name,
        gate=row.gate,
        sha256=held,
        variant=variant,
        reason=row.answer,
    )
    journal.append(tx, clock, actor, event)
    let_out(tx, clock, settings, actor, row, user, variant)
    forget_waiting(tx, clock, row)
    tell_let_out(tx, clock, row, actor.name)
    return row


def deny_release(tx: Tx, clock: Clock, actor: Actor, release_id: str, reason: str) -> ReleaseRow:
    """Turn a request down for good, with words for its author. Raises `Refused` as `approve_release`."""
    row, user = _waiting(tx, actor, release_id)
    said = read_reason(reason)
    _note(row, clock, actor, said)
    turn_down(tx, clock, actor, row, user)
    forget_waiting(tx, clock, row)
    tell_author(tx, clock, row, f"{named(row)} may not leave, {actor.name} says: {said}")
    return row


def send_back_release(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    release_id: str,
    *,
    reason: str = "",
    comments: Iterable[Mapping[str, object]] = (),
) -> ReleaseRow:
    """Have its author change the document, with words for all of it, for cells (`{cell, text}`), or both.

    Cells count from 1, 0 is the document. Raises `Refused` as `approve_release`, 400 for no words at all.
    """
    row, user = _waiting(tx, actor, release_id)
    read = rules.read_comments(comments)
    said = read_reason(reason) if reason.strip() or not read else ""
    _note(row, clock, actor, said)
    row.comments = read
    row.state, row.ended_at = State.SENT_BACK.value, clock.now()
    event = events.ReleaseSentBack(
        session_id=row.session_id,
        release_id=row.id,
        user=user.name,
        gate=row.gate,
        comments=len(read),
        reason=said,
    )
    journal.append(tx, clock, actor, event)
    forget_waiting(tx, clock, row)
    words = f"{len(read)} comment{'' if len(read) == 1 else 's'} on its cells" if read else ""
    told = " and ".join(one for one in (f"“{said}”" if said else "", words) if one)
    tell_author(tx, clock, row, f"{actor.name} sent {named(row)} back with {told}. Change it, and ask again.")
    return row


def withdraw_release(tx: Tx, clock: Clock, actor: Actor, release_id: str) -> ReleaseRow:
    """End one's own request, or (an admin) anybody's, before it has left. Raises `Refused`: 403, 404, 409."""
    row, user = find_release(tx, actor, release_id)
    if row.user_id != actor.id:
        actor.require(rules.ADMIN)
    if row.state not in OPEN:
        raise Refused("release-over", f"{row.id} is {row.state}.", _after(row), status=409)
    _withdraw(tx, clock, actor, row, user)
    return row


def withdraw_all_of(tx: Tx, clock: Clock, actor: Actor, user: UserRow) -> int:
    """End all requests of a person that have not left, in a transaction that takes more; return how many.

    Who may do so was decided before. What is examined at that moment does not come back. Twice is safe.
    """
    query = select(ReleaseRow).where(ReleaseRow.user_id == user.id, ReleaseRow.state.in_(OPEN))
    rows = tx.scalars(query.order_by(ReleaseRow.id)).all()
    for row in rows:
        _withdraw(tx, clock, actor, row, user)
    return len(rows)


def turn_down(tx: Tx, clock: Clock, actor: Actor, row: ReleaseRow, user: UserRow) -> None:
    """Deny, on record, with what stands in `answer`. Who may do so was decided before."""
    row.state, row.ended_at = State.DENIED.value, clock.now()
    event = events.ReleaseDenied(
        session_id=row.session_id,
        release_id=row.id,
        user=user.name,
        gate=row.gate,
        by_policy=actor is SYSTEM,
        reason=row.answer,
    )
    journal.append(tx, clock, actor, event)


def _withdraw(tx: Tx, clock: Clock, actor: Actor, row: ReleaseRow, user: UserRow) -> None:
    row.state, row.ended_at = State.WITHDRAWN.value, clock.now()
    event = events.ReleaseWithdrawn(
        session_id=row.session_id, release_id=row.id, user=user.name, gate=row.gate
    )
    journal.append(tx, clock, actor, event)
    forget_waiting(tx, clock, row)
    if row.user_id != actor.id:
        tell_author(tx, clock, row, f"{actor.name} withdrew your request to let {named(row)} leave.")


def _waiting(tx: Tx, actor: Actor, release_id: str) -> tuple[ReleaseRow, UserRow]:
    row, user = find_release(tx, actor, release_id)
    verdict = rules.may_review(actor, reach_of(tx, actor, row))
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    if row.state != State.WAITING:
        raise Refused("release-not-waiting", f"{row.id} is {row.state}, and does not wait for a decision.",
                      "See `nbkeep release list --to-review`.", status=409)  # fmt: skip
    return row, user


def _note(row: ReleaseRow, clock: Clock, actor: Actor, said: str) -> None:
    row.decided_by_id, row.decided_by, row.decided_at = actor.id, actor.name[:60], clock.now()
    row.answer = said


def _after(row: ReleaseRow) -> str:
    if row.share_id:
        return "End the share: `nbkeep share revoke`."
    return "See `nbkeep release list`."
