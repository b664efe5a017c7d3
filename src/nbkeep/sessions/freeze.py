"""Freeze an idle session, and thaw it when its user comes back: the row first, then the node.

The row says what ought to be. Whoever changes it brings the node in line with `settle_freezer`, which looks
at the row again afterwards: of two who do that at once, the later one leaves the node as the row says.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.backends.interface import Capacity
from nbkeep.meter.follow import follow
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import Refused
from nbkeep.model.session import SessionState, StopReason
from nbkeep.model.verdict import Refuse
from nbkeep.profiles.profiles import find_profile
from nbkeep.store.tables import JournalRow, MarkRow, SessionRow, UserRow

from .frozen import begin_freeze, end_freeze, frozen_until, rest_s
from .held import about_hold
from .limits import stop_due
from .records import clockwork
from .refused import record_refusal
from .rules import Asker, may_freeze, may_thaw
from .states import move
from .stop import carry_out_stop, server_of, wish_stop
from .view import CAPACITY_MARK

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

    from .interface import Parts

_LOOKS = 5


def ask_freeze(tx: Tx, parts: Parts, row: SessionRow, now: datetime, patience: timedelta) -> bool:
    """Ask an idle session's server to save and to let it be frozen; it learns of that with its heartbeat.

    False: it is to be suspended instead, since it may not be frozen, or has not answered in `patience`.
    """
    mark = tx.get(MarkRow, CAPACITY_MARK)
    capacity = Capacity(**mark.value) if mark else Capacity(0, 0)
    if isinstance(may_freeze(rest_s(parts.settings, row.profile), row.profile, capacity), Refuse):
        return False
    if row.freeze_asked_at is None:
        row.freeze_asked_at = now
    return now - row.freeze_asked_at < patience


def freeze_session(parts: Parts, actor: Actor, session_id: str, *, is_saved: bool) -> None:
    """Freeze a session whose server was asked to let it be, and has stopped forwarding.

    Refused (409) when it is not idle any more: the server goes on forwarding then. Where its variables could
    not be saved, or the node cannot freeze, it is suspended instead. Twice is safe.
    """
    with parts.store.write() as tx:
        row = tx.get_one(SessionRow, session_id, with_for_update=True)
        now = parts.clock.now()
        if row.state != SessionState.FROZEN:
            due = stop_due(clockwork(row), now)
            if row.state != SessionState.READY or row.freeze_asked_at is None or due is None:
                raise Refused("not-idle", "The session is not to be frozen.", "It goes on.", status=409)
            if is_saved and due == StopReason.IDLE:
                move(row, SessionState.FROZEN)
                begin_freeze(row, now)
                until = frozen_until(parts.settings, row)
                journal.append(
                    tx,
                    parts.clock,
                    actor,
                    events.SessionFrozen(session_id=row.id, until=until.isoformat() if until else ""),
                )
                follow(tx, parts.clock, row)
        is_frozen = row.state == SessionState.FROZEN
    try:
        if is_frozen:
            settle_freezer(parts, session_id)
            return
    except Refused:
        pass  # this node cannot
    suspend_idle(parts, session_id)


def thaw_session(parts: Parts, actor: Actor, session_id: str) -> None:
    """Let a frozen session go on, because its user is back; one that runs is left as it is.

    Refused (403) where it may not compute any more, (409) when it is over or ending. `Unavailable`: the node
    is away; asking again is safe. What a rule forbids is recorded, as a refused start is.
    """
    with parts.store.write() as tx:
        row = tx.get_one(SessionRow, session_id, with_for_update=True)
        owner, wanted, refusal = tx.get_one(UserRow, row.user_id), row.profile_name, None
        now = parts.clock.now()
        if row.state == SessionState.FROZEN:
            found = find_profile(tx, row.profile_name)
            verdict = about_hold(row, "Not continued") or may_thaw(
                Asker(owner.name, owner.role, owner.status == "active", owner.max_sessions),
                found[0] if found else None,
                is_over_time=row.ends_at is not None and now >= row.ends_at,
            )
            if isinstance(verdict, Refuse):
                refusal = verdict.as_error()
            else:
                _go_on(tx, parts, actor, row, now)
        elif row.state != SessionState.READY:
            raise Refused(
                "session-ending",
                "Not continued: this session is being suspended.",
                "Resume it when it is.",
                status=409,
            )
        name = owner.name
    if refusal is not None:
        if not _is_told(parts, session_id, refusal):
            record_refusal(parts, actor, refusal, user=name, profile=wanted, session_id=session_id)
        raise refusal
    settle_freezer(parts, session_id)


def _is_told(parts: Parts, session_id: str, refusal: Refused) -> bool:
    """Tell whether the latest record of a session is this very refusal: an open tab asks again and again."""
    query = select(JournalRow).where(JournalRow.session_id == session_id).order_by(JournalRow.seq.desc())
    with parts.store.read() as tx:
        latest = tx.scalar(query.limit(1))
    if latest is None or latest.type != events.SessionRefused.type:
        return False
    return json.loads(latest.record)["data"]["code"] == refusal.code


def _go_on(tx: Tx, parts: Parts, actor: Actor, row: SessionRow, now: datetime) -> None:
    move(row, SessionState.READY)
    spell_s = end_freeze(row, now)
    row.last_work_at = now
    journal.append(
        tx, parts.clock, actor, events.SessionThawed(session_id=row.id, frozen_s=round(spell_s, 1))
    )
    follow(tx, parts.clock, row)


def settle_freezer(parts: Parts, session_id: str) -> None:
    """Freeze or thaw on the node as the row says. Twice is safe. Raises `Refused` where it cannot freeze."""
    for _ in range(_LOOKS):
        wanted = _is_to_be_frozen(parts, session_id)
        if wanted:
            parts.backend.freeze(session_id)
        else:
            parts.backend.thaw(session_id)
        if _is_to_be_frozen(parts, session_id) == wanted:
            return


def suspend_idle(parts: Parts, session_id: str, *, only_frozen: bool = False) -> bool:
    """End a session for idleness, by way of saving. False: it ends already, or (`only_frozen`) goes on."""
    with parts.store.write() as tx:
        row = tx.get_one(SessionRow, session_id, with_for_update=True)
        if only_frozen and row.state != SessionState.FROZEN:
            return False
        if not wish_stop(tx, parts.clock, SYSTEM, row, StopReason.IDLE):
            return False
        server = server_of(tx, row)
    carry_out_stop(parts, session_id, *server)
    return True


def _is_to_be_frozen(parts: Parts, session_id: str) -> bool:
    with parts.store.read() as tx:
        return tx.get_one(SessionRow, session_id).state == SessionState.FROZEN
