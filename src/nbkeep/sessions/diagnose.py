"""What is the matter with a session: the reason in one line, what to do, the facts behind it. Never empty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import NbkeepError
from nbkeep.model.session import SessionState, StopReason
from nbkeep.model.units import format_size
from nbkeep.profiles.words import duration_words
from nbkeep.store.tables import UserRow

from .held import HELD, held_words
from .kept import grace_s, totals
from .limits import warning
from .records import clockwork, visible_session
from .stories import NOTHING_KEPT, reason_of, remedy, sentence

if TYPE_CHECKING:
    from nbkeep.backends.interface import Status, Volume
    from nbkeep.model.actor import Actor
    from nbkeep.store.tables import SessionRow

    from .interface import Parts

_SILENT_S = 90
_SLOW_START_S = 20
_SLOW_STOP_S = 30
_NEARLY_FULL = 0.9


@dataclass(frozen=True)
class Finding:
    """One thing that is so: a stable code, the line, and what to do ("" when nothing needs doing)."""

    code: str
    line: str
    remedy: str = ""


@dataclass(frozen=True)
class Surroundings:
    """What was asked beside the row; None where nobody answered. `grace_s`: what its end may take."""

    status: Status | None = None
    volume: Volume | None = None
    is_user_active: bool = True
    is_node_away: bool = False
    grace_s: float = 0.0


def diagnose_session(parts: Parts, actor: Actor, session_id: str) -> dict[str, Any]:
    """Return {session_id, state, code, message, remedy, facts, …} of a session that the actor may see."""
    with parts.store.read() as tx:
        row = visible_session(tx, actor, session_id)
        owner = tx.get_one(UserRow, row.user_id)
    findings = diagnose(row, parts.clock.now(), _look_around(parts, row, owner))
    return {
        "session_id": row.id,
        "name": row.name,
        "user": owner.name,
        "state": row.state,
        "code": findings[0].code,
        "reason": findings[0].line,
        "message": findings[0].line,
        "remedy": findings[0].remedy,
        "facts": [one.line for one in findings[1:]],
        "findings": [{"code": one.code, "line": one.line, "remedy": one.remedy} for one in findings],
        "progress": row.progress,
    }


def diagnose(row: SessionRow, now: datetime, around: Surroundings) -> list[Finding]:
    """Return what is so, the thing that matters most first; at least one finding always."""
    state = SessionState(row.state)
    found: list[Finding] = []
    if row.stop_reason and not state.is_live:
        reason = StopReason(row.stop_reason)
        found.append(Finding(reason.value, sentence(reason, row, row.stop_detail or ""), remedy(reason, row)))
    if state == SessionState.SUSPENDED:
        found += _about_state(row)
    if row.held_by is not None:
        return [*found, _about_hold(row.held_by)]
    return found + _about_going_on(row, now, around)


def _about_going_on(row: SessionRow, now: datetime, around: Surroundings) -> list[Finding]:
    state = SessionState(row.state)
    found: list[Finding] = []
    if not around.is_user_active and state.is_live:
        found.append(
            Finding(
                "user-disabled",
                "The account is disabled: the session is about to be stopped.",
                "Ask an admin.",
            )
        )
    if state.is_live:
        found += _about_processes(row, now, around)
    found += _about_home(around)
    if state in {SessionState.REQUESTED, SessionState.STARTING}:
        found += _about_start(row, now)
    elif state == SessionState.READY:
        found += _about_running(row, now)
    elif state == SessionState.FROZEN:
        found.append(
            Finding(
                "frozen",
                f"It was idle, and is paused in memory for {_since(now - (row.frozen_at or now))}: "
                "that costs nothing.",
                "Run a cell, open it, or `nbkeep session resume` it: it goes on at once.",
            )
        )
    elif state == SessionState.STOPPING:
        found += _about_stop(row, now, around.grace_s)
    if not found:
        found.append(
            Finding(
                "ended",
                f"The session is {state.value}; no reason was recorded.",
                NOTHING_KEPT if row.quarantine else "Start it again; files are kept.",
            )
        )
    return found


def _about_hold(incident_id: str) -> Finding:
    text = f"Nothing of it runs: {held_words(incident_id)}."
    return Finding(HELD, text, "Its files and memory are kept. Ask an admin: it goes on when that is closed.")


def _about_state(row: SessionRow) -> list[Finding]:
    told = totals(row)
    if row.discard_state:
        return [Finding("state-going", "Its saved variables are being deleted.", "Start it again.")]
    text = f"{told['kept']} variables of {told['kernels']} kernels are kept ({format_size(told['bytes'])})."
    if told["lost"]:
        text += f" {told['lost']} could not be."
    return [Finding("state-kept", text, f"See `nbkeep session checkpoints {row.id}`.")]


def _about_processes(row: SessionRow, now: datetime, around: Surroundings) -> list[Finding]:
    found: list[Finding] = []
    if around.is_node_away:
        found.append(
            Finding(
                "node-away",
                "The node does not answer, so its processes cannot be looked at; running work goes on.",
                "An admin looks at `nbkeep status` and `nbkeep logs warden`.",
            )
        )
    status = around.status
    if status is None:
        return found
    if status.exit is not None:
        reason = reason_of(status.exit)
        found.append(Finding(reason.value, sentence(reason, row, status.exit.detail), remedy(reason, row)))
    if status.oom_kills:
        found.append(
            Finding(
                "kernel-out-of-memory",
                f"A process was ended {_times(status.oom_kills)} because memory "
                f"reached the limit of {format_size(row.profile['memory_bytes'])}.",
                "Load less at a time, or start a profile with more memory.",
            )
        )
    used = status.memory_used_bytes or 0
    if used > _NEARLY_FULL * row.profile["memory_bytes"]:
        found.append(
            Finding(
                "memory-nearly-full",
                f"{format_size(used)} of {format_size(row.profile['memory_bytes'])} of memory are used.",
                "Delete variables or restart kernels that are done.",
            )
        )
    if row.state == SessionState.READY and row.last_heartbeat_at is not None:
        silent = now - row.last_heartbeat_at
        if silent > timedelta(seconds=_SILENT_S):
            found.append(
                Finding(
                    "silent",
                    f"Its server has not reported for {_since(silent)}; it is not stopped for "
                    "idleness meanwhile.",
                    "Reload the page. If it stays so, stop and start it.",
                )
            )
    return found


def _about_home(around: Surroundings) -> list[Finding]:
    volume = around.volume
    if volume is None or not volume.size_bytes or volume.used_bytes < _NEARLY_FULL * volume.size_bytes:
        return []
    text = (
        f"{format_size(volume.used_bytes)} of {format_size(volume.size_bytes)} of the home folder are used."
    )
    return [
        Finding(
            "home-nearly-full",
            text,
            "Delete what is not needed (JupyterLab lists what to clean), or ask an "
            "admin for `nbkeep volume resize`.",
        )
    ]


def _about_start(row: SessionRow, now: datetime) -> list[Finding]:
    since = now - row.requested_at
    step = str(row.progress[-1]["message"]) if row.progress else "Waiting for the hub."
    if since > timedelta(seconds=_SLOW_START_S):
        return [
            Finding(
                "slow-start",
                f"Starting for {_since(since)}; last step: {step}",
                "Wait, or stop it and start again. An admin looks at `nbkeep status`.",
            )
        ]
    return [Finding("starting", f"Starting; last step: {step}", "Wait a few seconds.")]


def _about_running(row: SessionRow, now: datetime) -> list[Finding]:
    warn = warning(clockwork(row), now)
    if warn is not None:
        return [
            Finding(
                f"{warn.kind}-soon",
                warn.text,
                "Press “keep working”." if warn.extendable else "Save your work.",
            )
        ]
    if row.last_heartbeat_at is None and row.ready_at and now - row.ready_at > timedelta(seconds=_SILENT_S):
        return [
            Finding(
                "silent",
                "It is running, but its server has never reported.",
                "Stop it and start again; tell an admin if it happens again.",
            )
        ]
    return [
        Finding(
            "running",
            f"Running for {_since(now - (row.ready_at or row.requested_at))}: nothing is wrong. "
            "If the page asks to sign in again and again, the browser's cookies or this computer's clock are "
            "at fault.",
            "Sign out and in again; check the clock.",
        )
    ]


def _about_stop(row: SessionRow, now: datetime, grace_s: float) -> list[Finding]:
    since = now - (row.stop_requested_at or now)
    text = f"Stopping for {_since(since)}."
    if row.stop_reason:
        text += f" {sentence(StopReason(row.stop_reason), row, row.stop_detail or '')}"
    if since > timedelta(seconds=_SLOW_STOP_S + grace_s):
        return [
            Finding(
                "slow-stop", text, "It is tried again every few seconds; `nbkeep status` shows who is away."
            )
        ]
    return [Finding("stopping", text, "Wait a few seconds.")]


def _look_around(parts: Parts, row: SessionRow, owner: UserRow) -> Surroundings:
    status: Status | None = None
    volume: Volume | None = None
    away = False
    try:
        volume = parts.backend.volume(owner.name)
        status = parts.backend.status(row.id)
    except NbkeepError as error:
        away = error.status == 503  # Unavailable; a 404 only means that nothing is left there
    may_take_s = grace_s(parts.settings, row.profile)
    return Surroundings(status, volume, owner.status == "active", away, may_take_s)


def _since(delta: timedelta) -> str:
    return duration_words(max(0, int(delta.total_seconds())))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
