"""Stops that nobody asks for: idle, too long, never ready, account disabled; and carrying out every wish."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Select, and_, or_, select

from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import Unavailable
from nbkeep.model.session import SessionState, StopReason
from nbkeep.profiles.rules import MIN_IDLE_STOP_S
from nbkeep.sessions.end import end_session
from nbkeep.sessions.freeze import ask_freeze
from nbkeep.sessions.kept import grace_s
from nbkeep.sessions.limits import stop_due
from nbkeep.sessions.records import LIVE_STATES, clockwork
from nbkeep.sessions.stop import carry_out_stop, server_of, wish_stop
from nbkeep.store.tables import SessionRow, UserRow

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts

START_TIMEOUT = timedelta(seconds=120)
# An idle stop needs fresh word from the session that it is idle: no word (office or session were away) is no
# proof.
FRESH = timedelta(seconds=90)
# The server hears of it with its next heartbeat, and saves first.
_FREEZE_WITHIN = timedelta(seconds=100)
_LASTING = frozenset({SessionState.READY, SessionState.FROZEN})
_SHORTEST_IDLE = timedelta(seconds=MIN_IDLE_STOP_S)
_ASK_AGAIN = timedelta(seconds=5)
_BY_FORCE = timedelta(seconds=20)


def stop_what_is_due(parts: Parts) -> int:
    """Stop ready sessions whose idle stop or end has come; return how many. Idle ones are frozen first."""
    now = parts.clock.now()
    query = select(SessionRow.id).where(
        SessionRow.state.in_([SessionState.READY.value, SessionState.FROZEN.value]),
        SessionRow.held_by.is_(None),
        or_(
            SessionRow.ends_at <= now,
            SessionRow.quota_ends_at <= now,
            and_(
                SessionRow.state == SessionState.READY.value,
                SessionRow.is_busy.is_(False),
                SessionRow.last_work_at <= now - _SHORTEST_IDLE,
                SessionRow.last_heartbeat_at >= now - FRESH,
            ),
        ),
    )
    stopped = 0
    for session_id in _ids(parts, query):
        with parts.store.write() as tx:
            row = tx.get_one(SessionRow, session_id, with_for_update=True)
            due = stop_due(clockwork(row), now) if row.state in _LASTING else None
            if due == "idle" and (
                not _has_fresh_word(row, parts) or ask_freeze(tx, parts, row, now, _FREEZE_WITHIN)
            ):
                due = None
            if due is None:
                continue
            detail = row.quota_words or "" if due == StopReason.QUOTA else ""
            if not wish_stop(tx, parts.clock, SYSTEM, row, StopReason(due), detail):
                continue
            server = server_of(tx, row)
        carry_out_stop(parts, session_id, *server)
        stopped += 1
    return stopped


def give_up_slow_starts(parts: Parts) -> int:
    """Stop sessions that did not get ready in time; return how many."""
    now = parts.clock.now()
    query = select(SessionRow.id).where(
        SessionRow.state.in_([SessionState.REQUESTED.value, SessionState.STARTING.value]),
        or_(
            SessionRow.started_at <= now - START_TIMEOUT,
            and_(SessionRow.started_at.is_(None), SessionRow.requested_at <= now - START_TIMEOUT),
        ),
    )
    return _stop_all(
        parts, query, StopReason.START_TIMEOUT, f"It had {int(START_TIMEOUT.total_seconds())} s."
    )


def stop_disabled_users(parts: Parts) -> int:
    """Stop the live sessions of people whose account is not active; return how many."""
    query = (
        select(SessionRow.id)
        .join(UserRow, SessionRow.user_id == UserRow.id)
        .where(SessionRow.state.in_(LIVE_STATES), SessionRow.state != SessionState.STOPPING.value)
        .where(UserRow.status != "active", SessionRow.held_by.is_(None))
    )
    return _stop_all(parts, query, StopReason.USER_DISABLED, "")


def finish_stops(parts: Parts) -> None:
    """Carry out wishes that are not done yet: ask the hub again, then end the processes, then record it."""
    now = parts.clock.now()
    query = select(SessionRow.id).where(
        SessionRow.state == SessionState.STOPPING.value, SessionRow.stop_requested_at <= now - _ASK_AGAIN
    )
    for session_id in _ids(parts, query):
        with parts.store.read() as tx:
            row = tx.get_one(SessionRow, session_id)
            server = server_of(tx, row)
        carry_out_stop(parts, session_id, *server)
        since = now - (row.stop_requested_at or now)
        if since < _BY_FORCE:
            continue
        try:
            if since < _longest_end(parts, row) and _is_alive(parts, session_id):
                parts.backend.ask_to_end(session_id)  # the hub may never have come to it
                continue  # it saves its variables
            parts.backend.stop(session_id, grace_s=2)
            is_alive = _is_alive(parts, session_id)
        except Unavailable:
            continue  # not known to be gone: it still holds its place
        if not is_alive:
            end_session(parts, SYSTEM, session_id, StopReason.SERVER_DIED, run=row.run)


def _longest_end(parts: Parts, row: SessionRow) -> timedelta:
    """Return how long an end may take, while variables are saved.

    One that was never ready has none, and the code of somebody who may not be here is not waited for.
    """
    waits = row.ready_at is not None and row.stop_reason != StopReason.USER_DISABLED
    return _BY_FORCE + timedelta(seconds=grace_s(parts.settings, row.profile) if waits else 0)


def _is_alive(parts: Parts, session_id: str) -> bool:
    status = parts.backend.status(session_id)
    return status is not None and status.alive


def _stop_all(parts: Parts, query: Select[str], reason: StopReason, detail: str) -> int:
    stopped = 0
    for session_id in _ids(parts, query):
        with parts.store.write() as tx:
            row = tx.get_one(SessionRow, session_id, with_for_update=True)
            if reason == StopReason.START_TIMEOUT and row.state == SessionState.READY:
                continue  # it got ready between the look and now
            if not wish_stop(tx, parts.clock, SYSTEM, row, reason, detail):
                continue
            server = server_of(tx, row)
        carry_out_stop(parts, session_id, *server)
        stopped += 1
    return stopped


def _ids(parts: Parts, query: Select[str]) -> list[str]:
    with parts.store.read() as tx:
        return list(tx.scalars(query))


def _has_fresh_word(row: SessionRow, parts: Parts) -> bool:
    return row.last_heartbeat_at is not None and row.last_heartbeat_at >= parts.clock.now() - FRESH
