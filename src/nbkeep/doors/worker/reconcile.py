"""Compare records with what really runs: end what is dead, stop what nobody knows, note the capacity."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import Unavailable
from nbkeep.model.session import SessionState, StopReason
from nbkeep.sessions.end import end_session
from nbkeep.sessions.records import LIVE_STATES, is_live
from nbkeep.sessions.stop import server_of
from nbkeep.sessions.stories import reason_of
from nbkeep.sessions.view import CAPACITY_MARK
from nbkeep.store.tables import MarkRow, SessionRow

from .freezer import settle

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts

# A warden that has just been started may need a moment to find its sessions: missing once proves nothing.
_MISSING_ROUNDS = 3
# An ended session's processes get this long to go before they count as strays.
_GOING = timedelta(seconds=30)
_BOOT_MARK = "boot"
_log = logging.getLogger("nbkeep.worker")


def compare(parts: Parts, boot_id: str, missing: dict[str, int]) -> None:
    """Do one comparison. Does nothing while the warden is away: no word is no proof that anything ended.

    `missing` counts rounds in which a session was not found; the caller keeps it between rounds.
    """
    try:
        listed = parts.backend.sessions()
        running = {one.session_id: one.alive for one in listed}
        _remember_capacity(parts)
    except Unavailable:
        missing.clear()
        return
    with parts.store.read() as tx:
        rows = tx.scalars(select(SessionRow).where(SessionRow.state.in_(LIVE_STATES))).all()
    expected = {row.id: SessionState(row.state) for row in rows if row.state != SessionState.REQUESTED}
    runs = {row.id: row.run for row in rows}
    for session_id in expected.keys() & running.keys():
        if not running[session_id]:
            _end_dead(parts, session_id, runs[session_id])
    settle(parts, {one.session_id: one.frozen for one in listed if one.alive}, expected)
    absent = {one: expected[one] for one in expected.keys() - running.keys()}
    _end_missing(parts, boot_id, missing, absent, runs)
    for session_id in running.keys() - expected.keys():
        _stop_stray(parts, session_id, is_alive=running[session_id])


def _end_missing(
    parts: Parts,
    boot_id: str,
    missing: dict[str, int],
    absent: dict[str, SessionState],
    runs: dict[str, int],
) -> None:
    """End sessions that the node has not known for some rounds: they died, or the host was started anew."""
    rebooted = _was_rebooted(parts, boot_id)
    for session_id in missing.keys() - absent.keys():
        del missing[session_id]
    for session_id, state in absent.items():
        if state == SessionState.STARTING or (state == SessionState.STOPPING and not rebooted):
            continue  # about to be launched (there is a timeout), or its stop is being carried out
        missing[session_id] = missing.get(session_id, 0) + 1
        if missing[session_id] >= _MISSING_ROUNDS:
            reason = StopReason.HOST_RESTARTED if rebooted else StopReason.SERVER_DIED
            detail = "" if rebooted else "Nothing of it is left on the node."
            _end(parts, session_id, runs[session_id], reason, detail)
            del missing[session_id]
    if rebooted and not missing:
        _remember_boot(parts, boot_id)


def _end_dead(parts: Parts, session_id: str, run: int) -> None:
    status = parts.backend.status(session_id)
    if status is None or status.alive:
        return
    if status.exit is None:
        _end(parts, session_id, run, StopReason.SERVER_DIED, "")
    else:
        _end(parts, session_id, run, reason_of(status.exit), status.exit.detail)


def _end(parts: Parts, session_id: str, run: int, reason: StopReason, detail: str) -> None:
    with parts.store.read() as tx:
        server = server_of(tx, tx.get_one(SessionRow, session_id))
    if not end_session(parts, SYSTEM, session_id, reason, detail, run=run):
        return
    try:
        parts.hub.stop_server(*server)  # so that the name is free at once, not at the hub's next look
    except Unavailable as error:
        _log.info("%s ended; the hub will see it by itself: %s", session_id, error)


def _stop_stray(parts: Parts, session_id: str, *, is_alive: bool) -> None:
    """Make the node forget what no live record stands for; only what still ran is worth a record."""
    with parts.store.read() as tx:
        row = tx.get(SessionRow, session_id)
    if row is not None and (is_live(row) or (row.ended_at and parts.clock.now() - row.ended_at < _GOING)):
        return
    parts.backend.stop(session_id, grace_s=2)
    if not is_alive:
        return
    with parts.store.write() as tx:
        journal.append(
            tx,
            parts.clock,
            SYSTEM,
            events.StraySessionStopped(session_id=session_id, known_as=row.state if row else ""),
        )


def _remember_capacity(parts: Parts) -> None:
    """Keep what the host has, so that views need not ask the warden; written only when it changed."""
    value = asdict(parts.backend.capacity())
    with parts.store.read() as tx:
        mark = tx.get(MarkRow, CAPACITY_MARK)
    if mark is not None and mark.value == value:
        return
    with parts.store.write() as tx:
        tx.merge(MarkRow(name=CAPACITY_MARK, value=value, at=parts.clock.now()))


def _was_rebooted(parts: Parts, boot_id: str) -> bool:
    """Tell whether the host was started anew since the records were last found to be in order."""
    with parts.store.read() as tx:
        mark = tx.get(MarkRow, _BOOT_MARK)
    if mark is None:
        _remember_boot(parts, boot_id)
        return False
    return mark.value["boot_id"] != boot_id


def _remember_boot(parts: Parts, boot_id: str) -> None:
    with parts.store.write() as tx:
        tx.merge(MarkRow(name=_BOOT_MARK, value={"boot_id": boot_id}, at=parts.clock.now()))
