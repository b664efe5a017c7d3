"""Stop a session: the wish is recorded in one transaction, then the hub is asked. Twice is harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.meter.follow import follow
from nbkeep.model.errors import Unavailable
from nbkeep.model.session import SessionState, StopReason
from nbkeep.store.tables import UserRow
from nbkeep.vault import leases

from .frozen import end_freeze
from .held import require_free
from .kept import finish_state, keeps_state, wish_discard
from .marks import mark_ended
from .records import is_live, note_progress, visible_session
from .states import move

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

    from .interface import Parts

_DETAIL_LENGTH = 500


def stop_session(
    parts: Parts, actor: Actor, session_id: str, *, detail: str = "", discard: bool = False
) -> None:
    """Stop a session that the actor may see; `detail` is the reason that an admin gives.

    Where its profile keeps state it is suspended by that, unless `discard` says that its variables are to be
    deleted; those of a suspended session are deleted too, then. Returns when the hub has taken the request. A
    session that is over, or is being stopped, is left as it is.
    During a start it works too. When the hub is away the wish is kept and the loops carry it out.
    """
    with parts.store.write() as tx:
        row = visible_session(tx, actor, session_id)
        require_free(row, "Not stopped")
        reason = StopReason.USER if row.user_id == actor.id else StopReason.ADMIN
        if discard and (is_live(row) or row.state == SessionState.SUSPENDED):
            wish_discard(tx, parts.clock, actor, row, "user" if row.user_id == actor.id else "admin")
        ended_before = not is_live(row)
        never_launched = row.state == SessionState.REQUESTED
        wish_stop(tx, parts.clock, actor, row, reason, detail)
        server = server_of(tx, row) if is_live(row) else None
        if never_launched:
            # Nothing runs yet, and from here on `launch` refuses: it is over.
            mark_ended(tx, parts.clock, actor, row, reason)
    if discard and (ended_before or never_launched):
        finish_state(parts, actor, session_id)
    if server is not None:
        carry_out_stop(parts, session_id, *server)


def wish_stop(
    tx: Tx, clock: Clock, actor: Actor, row: SessionRow, reason: StopReason, detail: str = ""
) -> bool:
    """Record that a session is to end and why. False: it is over or ending, or an incident holds it."""
    if not is_live(row) or row.state == SessionState.STOPPING or row.held_by is not None:
        return False
    now = clock.now()
    move(row, SessionState.STOPPING)
    end_freeze(row, now)
    row.stop_requested_at, row.stop_reason = now, reason.value
    row.stop_detail, row.stopped_by = detail.strip()[:_DETAIL_LENGTH] or None, actor.name[:30]
    note_progress(row, now, "stopping", _stopping_words(row))
    leases.end_of_session(tx, clock, actor, row.id)
    journal.append(
        tx,
        clock,
        actor,
        events.SessionStopRequested(session_id=row.id, reason=reason.value, detail=row.stop_detail or ""),
    )
    follow(tx, clock, row)
    return True


def _stopping_words(row: SessionRow) -> str:
    if keeps_state(row.profile) and not row.discard_state:
        return "Stopping: variables are saved, then kernels end. Files stay."
    return f"Stopping: kernels end, {'and its files go with it' if row.quarantine else 'files stay'}."


def server_of(tx: Tx, row: SessionRow) -> tuple[str, str]:
    """Return (user, server name): how the hub knows the session."""
    return tx.get_one(UserRow, row.user_id).name, row.name


def carry_out_stop(parts: Parts, session_id: str, user: str, name: str) -> bool:
    """Ask the hub, and end the processes where its start is pending. False: somebody is away, ask again."""
    try:
        if not parts.hub.stop_server(user, name):
            parts.backend.stop(session_id, grace_s=2)
    except Unavailable:
        return False
    return True
