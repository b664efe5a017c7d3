"""When a session stops by itself, when its user is told, and how far "keep working" reaches. No I/O.

Idle is counted from the last work (a running cell, terminal output, input), never from an open tab. A session
that has work running is not idle however long it takes; the end of the session (max session) holds all the
same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from nbkeep.model.session import fate_words
from nbkeep.model.verdict import Refuse
from nbkeep.profiles.words import duration_words

_WARN_EARLY_S = 600
_WARN_LATE_S = 120
_IDLE, _MAX, _QUOTA, _APPROVAL = "idle", "max-session", "quota", "approval"
_LAST_CALL = timedelta(minutes=2)


@dataclass(frozen=True)
class Clockwork:
    """All that the limits of one session depend on. `last_work_at` is the moment it got ready, at least."""

    idle_stop_s: int
    max_session_s: int
    max_extension_s: int
    ready_at: datetime | None
    last_work_at: datetime | None
    is_busy: bool
    idle_kept_until: datetime | None
    ends_at: datetime | None
    extended_s: int
    approved_until: datetime | None = None  # the end of its approval: no end is later
    keeps_state: bool = False
    is_frozen: bool = False
    quota_ends_at: datetime | None = None  # a quota is used up then
    quota_words: str = ""
    quarantine: bool = False


@dataclass(frozen=True)
class StopWarning:
    """What the user is told before a stop."""

    kind: str  # idle | max-session | quota
    at: datetime
    extendable: bool
    text: str


@dataclass(frozen=True)
class Extension:
    """What "keep working" gives: both moments are never earlier than before."""

    idle_kept_until: datetime
    ends_at: datetime
    extended_s: int


def first_end(now: datetime, max_session_s: int, approved_until: datetime | None) -> datetime:
    """Return when a session ends that is ready now, unless it is extended."""
    end = now + timedelta(seconds=max_session_s)
    return min(end, approved_until) if approved_until is not None else end


def moved_end(ends_at: datetime, by: timedelta, now: datetime, approved_until: datetime | None) -> datetime:
    """Return an end that is moved for a reason of the platform's own: not beyond what was approved.

    Where that is over meanwhile, two minutes are left: nobody is stopped without a word.
    """
    moved = ends_at + by
    return min(moved, max(approved_until, now + _LAST_CALL)) if approved_until is not None else moved


def idle_stop_at(session: Clockwork) -> datetime | None:
    """Return when the session stops if nothing more happens; None while it works, rests or is not ready."""
    if session.is_busy or session.is_frozen or session.ready_at is None:
        return None
    last = session.last_work_at or session.ready_at
    stop = last + timedelta(seconds=session.idle_stop_s)
    return max(stop, session.idle_kept_until) if session.idle_kept_until else stop


def can_extend_until(session: Clockwork) -> datetime | None:
    """Return the latest end that "keep working" can reach by policy; None before the session is ready."""
    if session.ends_at is None:
        return None
    left = timedelta(seconds=max(0, session.max_extension_s - session.extended_s))
    latest = max(session.ends_at, _own_end(session) or session.ends_at) + left
    return (
        latest
        if session.approved_until is None
        else max(session.ends_at, min(latest, session.approved_until))
    )


def warning(session: Clockwork, now: datetime) -> StopWarning | None:
    """Return the warning that is due now: from 10 minutes before a stop, or a third of a short limit.

    The nearest stop is told. Several kinds may be due; the one that comes first matters.
    """
    due: list[StopWarning] = []
    idle_at = idle_stop_at(session)
    if idle_at is not None and now >= idle_at - timedelta(seconds=warn_before_s(session.idle_stop_s)[0]):
        due.append(
            StopWarning(
                _IDLE, idle_at, extendable=True, text=_text(session, _IDLE, idle_at, now, extendable=True)
            )
        )
    if session.ends_at is not None and now >= session.ends_at - timedelta(
        seconds=warn_before_s(session.max_session_s)[0]
    ):
        latest = can_extend_until(session)
        extendable = latest is not None and latest > session.ends_at
        due.append(
            StopWarning(
                _MAX,
                session.ends_at,
                extendable,
                _text(session, _MAX, session.ends_at, now, extendable=extendable),
            )
        )
    if session.quota_ends_at is not None and not session.is_frozen:
        text = _quota_text(session, session.quota_ends_at, now)
        due.append(StopWarning(_QUOTA, session.quota_ends_at, extendable=False, text=text))
    return min(due, key=lambda one: one.at) if due else None


def warn_before_s(limit_s: int) -> tuple[int, int]:
    """Return how long before a stop the first and the last call come, proportionally for short limits.

    >>> warn_before_s(28800), warn_before_s(1800), warn_before_s(300)
    ((600, 120), (600, 120), (100, 20))
    """
    return min(_WARN_EARLY_S, limit_s // 3), min(_WARN_LATE_S, limit_s // 15)


def extend(session: Clockwork, now: datetime) -> Extension | Refuse:
    """Return what "keep working" gives now, or why it gives nothing.

    The idle countdown starts anew. The end moves only when it is near (its warning is due) and only as far as
    the policy's total allows, one idle period or an hour at a time, whichever is longer. Where an approval
    came before the session's own end, and there is a longer one, that end is first, and is no extension.
    """
    if session.ready_at is None or session.ends_at is None:
        return Refuse("not-ready", "The session is not running yet: there is nothing to extend.")
    ends_at, extended_s = session.ends_at, session.extended_s
    near = now >= ends_at - timedelta(seconds=warn_before_s(session.max_session_s)[0])
    if near:
        if _is_by_approval(session):
            return Refuse(
                "approval-ends",
                "The approval for this session ends then: it goes no further.",
                "Ask for a longer approval, on the portal's start page or with `nbkeep grant request`. "
                "Keep working once there is one.",
            )
        own = _own_end(session)
        if own is not None and own > ends_at:
            ends_at = own
        else:
            left_s = session.max_extension_s - session.extended_s
            if left_s <= 0:
                return Refuse(
                    "extension-used-up", _used_up(session), "Save your work. Start a new session afterwards."
                )
            step_s = min(left_s, max(3600, session.idle_stop_s))
            if session.approved_until is not None:
                step_s = min(step_s, math.ceil((session.approved_until - ends_at).total_seconds()))
            ends_at += timedelta(seconds=step_s)
            extended_s += step_s
        if session.approved_until is not None:
            ends_at = min(ends_at, session.approved_until)
    kept = now + timedelta(seconds=session.idle_stop_s)
    if session.idle_kept_until is not None:
        kept = max(kept, session.idle_kept_until)
    return Extension(kept, ends_at, extended_s)


def stop_due(session: Clockwork, now: datetime) -> str | None:
    """Return "max-session", "approval", "quota" or "idle" when the session must stop now, else None."""
    if session.ends_at is not None and now >= session.ends_at:
        return _APPROVAL if _is_by_approval(session) else _MAX
    if session.quota_ends_at is not None and now >= session.quota_ends_at and not session.is_frozen:
        return _QUOTA
    idle_at = idle_stop_at(session)
    return _IDLE if idle_at is not None and now >= idle_at else None


def _own_end(session: Clockwork) -> datetime | None:
    """Return when a session that runs on an approval would end by its profile alone."""
    if session.approved_until is None or session.ready_at is None:
        return None
    return session.ready_at + timedelta(seconds=session.max_session_s + session.extended_s)


def _is_by_approval(session: Clockwork) -> bool:
    """Tell whether it is the approval that ends a session, and not its profile."""
    if session.approved_until is None or session.ends_at is None or session.ends_at < session.approved_until:
        return False
    own = _own_end(session) or session.ends_at
    return session.ends_at < own or session.extended_s < session.max_extension_s


def _used_up(session: Clockwork) -> str:
    if not session.max_extension_s:
        return (
            f"This profile allows no extension: sessions end after {duration_words(session.max_session_s)}."
        )
    return f"All {duration_words(session.max_extension_s)} of extension that this profile allows are used."


def _text(session: Clockwork, kind: str, at: datetime, now: datetime, *, extendable: bool) -> str:
    when = _when(at, now)
    fate = fate_words(keeps_state=session.keeps_state, quarantine=session.quarantine)
    if kind == _IDLE:
        end = "is suspended" if session.keeps_state else "stops"
        return f"Nothing runs and nobody types: this session {end} {when}. {fate}"
    end = "is suspended" if session.keeps_state else "ends"
    by_approval = _is_by_approval(session)
    more = "" if extendable else " It cannot be extended further: save your work."
    if by_approval:
        more = " Ask for a longer approval to go on: on the portal's start page."
    if session.keeps_state and session.is_busy:
        more += " A running cell may finish shortly after, then it is interrupted."
    what = (
        "The approval for this session ends and it"
        if by_approval
        else "This session reaches its maximum length and"
    )
    return f"{what} {end} {when}. {fate}{more}"


def _quota_text(session: Clockwork, at: datetime, now: datetime) -> str:
    end = "is suspended" if session.keeps_state else "ends"
    fate = fate_words(keeps_state=session.keeps_state, quarantine=session.quarantine)
    return (
        f"A quota is used up and this session {end} {_when(at, now)}. {session.quota_words} {fate} "
        "Ask for more on the portal's page Quotas, or ask an admin."
    )


def _when(at: datetime, now: datetime) -> str:
    left_s = max(0, int((at - now).total_seconds()))
    if not left_s:
        return "now"
    return f"in {duration_words(left_s - left_s % 60 if left_s >= _WARN_LATE_S else left_s)}"
