"""Marks along a session's life: launched, progress, ready, ended. Each is one record; twice is safe."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.meter.follow import follow
from nbkeep.model.session import SessionState, StopReason
from nbkeep.outbox.notices import ENDED, add_notice
from nbkeep.telemetry import traces
from nbkeep.telemetry.instruments import FAILED, READY, START_SECONDS, way_of, when_committed
from nbkeep.vault import leases

from .frozen import end_freeze
from .kept import ORDERLY, UNASKED, Unasked, keeps_state, over, retention_s, settle
from .limits import first_end
from .records import is_live, note_progress
from .states import may_move, move
from .stories import notice_about, sentence

if TYPE_CHECKING:
    from nbkeep.backends.interface import KeptState
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

_DETAIL_LENGTH = 2000


def mark_progress(tx: Tx, clock: Clock, row: SessionRow, step: str, message: str) -> None:
    """Keep one step for the progress page; ignored once the session is ready or over."""
    del tx
    if row.state in {SessionState.REQUESTED, SessionState.STARTING}:
        note_progress(row, clock.now(), step[:40], message[:300])


def mark_ready(tx: Tx, clock: Clock, actor: Actor, row: SessionRow, *, warm: bool | None = None) -> None:
    """Record that the server answers: limits begin to count. Ignored when it is ready or being stopped.

    `warm`: whether its server was forked from a warm parent, where that is known.
    """
    if row.state != SessionState.STARTING:
        return
    now = clock.now()
    move(row, SessionState.READY)
    row.ready_at = row.last_work_at = now
    row.ends_at = first_end(now, row.profile["max_session_s"], row.approved_until)
    note_progress(row, now, "ready", "Ready: your session is open.")
    started = row.started_at or row.requested_at
    journal.append(
        tx,
        clock,
        actor,
        events.SessionReady(session_id=row.id, start_s=round((now - started).total_seconds(), 3)),
    )
    follow(tx, clock, row)
    _count_start(tx, row, (now - row.requested_at).total_seconds(), READY, warm=warm)


def _count_start(tx: Tx, row: SessionRow, took_s: float, outcome: str, *, warm: bool | None = None) -> None:
    series = START_SECONDS.labels("new" if row.run == 1 else "resumed", way_of(warm=warm), outcome)
    session_id, run = row.id, row.run

    def tell() -> None:
        series.observe(max(0.0, took_s))
        is_over = outcome == FAILED
        begun = traces.forget(session_id) if is_over else traces.beginning_of(session_id)
        traces.instant(f"session.{outcome}", begun, took_s, session=session_id, run=run, warm=warm)

    when_committed(tx, tell)


def mark_ended(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    row: SessionRow,
    reason: StopReason,
    detail: str = "",
    *,
    kept: KeptState | Unasked | None = UNASKED,
    run: int | None = None,
) -> bool:
    """Record that a session holds no compute any more: why, its token's end, a notice. False if it was over.

    When somebody had asked for the stop, that reason stays: how the processes ended is only its consequence.
    `kept`: what it has left to be resumed with; unless the node was asked, the loops ask. `run`: which run
    has ended, where that is known; news about an earlier one is none.
    """
    if not is_live(row) or (run is not None and run != row.run):
        return False
    now = clock.now()
    if reason not in ORDERLY and row.state in {SessionState.REQUESTED, SessionState.STARTING}:
        _count_start(tx, row, (now - row.requested_at).total_seconds(), FAILED)
    if row.stop_reason is not None:
        reason = StopReason(row.stop_reason)
        # How processes ended explains a failure; of a stop that was asked for it says nothing.
        detail = row.stop_detail or ("" if reason in ORDERLY else detail)
    row.stop_reason, row.stop_detail = reason.value, detail[:_DETAIL_LENGTH] or None
    # A run that never began has changed nothing about what is there; a state outlives failed runs, too.
    is_suspended = row.kept is not None if isinstance(kept, Unasked) else kept is not None
    row.state_pending = isinstance(kept, Unasked) and (keeps_state(row.profile) or row.kept is not None)
    target = SessionState.SUSPENDED if is_suspended and not row.discard_state else over(row)
    if not may_move(SessionState(row.state), target):
        move(row, SessionState.STOPPING)
    move(row, target)
    end_freeze(row, now)
    row.ended_at, row.token_hash, row.is_busy = now, None, False
    leases.end_of_session(tx, clock, actor, row.id)
    if target == SessionState.SUSPENDED:
        row.kept_until = now + timedelta(seconds=retention_s(row.profile))
    note_progress(row, now, "ended", sentence(reason, row, row.stop_detail or ""))
    journal.append(
        tx,
        clock,
        actor,
        events.SessionEnded(
            session_id=row.id,
            reason=reason.value,
            detail=detail[:_DETAIL_LENGTH],
            lasted_s=round((now - (row.ready_at or row.requested_at)).total_seconds()),
        ),
    )
    if not isinstance(kept, Unasked):
        settle(tx, clock, actor, row, kept)
    # How long a dead one had been dead nobody knows: it is metered up to the last sign of life.
    follow(tx, clock, row, was_alive=reason in ORDERLY)
    text = notice_about(reason, row, row.stop_detail or "")
    if text:
        # That an idle one was put away happens each day, and loses nothing.
        is_routine = reason == StopReason.IDLE
        add_notice(tx, clock, row.user_id, ENDED, text, session_id=row.id, routine=is_routine)
    return True
