"""A session as the doors show it: everything that portal, command line and JupyterLab need, in one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import select

from nbkeep.data.reads import class_of
from nbkeep.detection.records import own_rules_sha256
from nbkeep.model.origins import session_host
from nbkeep.model.session import SessionState, StopReason
from nbkeep.outbox.notices import as_json, notices_in_session
from nbkeep.store.tables import FlavorRow, MarkRow, ProfileRow, UserRow

from .approval import Approvals
from .askable import askable
from .frozen import frozen_s, frozen_until
from .kept import keeps_state, totals
from .leaving import leaving_rules
from .limits import can_extend_until, idle_stop_at, warning
from .policies import reach_words_of
from .records import clockwork, is_live
from .restorable import hindrance
from .stories import remedy, sentence

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

_PROFILE_KEYS = (
    "name",
    "display_name",
    "description",
    "cpu_millis",
    "memory_bytes",
    "gpu_type",
    "gpu_count",
    "price_per_hour_micros",
    "currency",
    "classification",
)
CAPACITY_MARK = "capacity"
_HOUR_S = 3600


def session_view(tx: Tx, clock: Clock, settings: Settings, row: SessionRow) -> dict[str, Any]:
    """Return the whole view, as JupyterLab gets it with each heartbeat."""
    user = tx.get_one(UserRow, row.user_id)
    line = session_line(clock, settings, row, user.name)
    return {
        **line,
        "profile": {**line["profile"], "network_words": reach_words_of(tx, settings, row)},
        "url": opening_url(settings, user.name, row),
        "notices": [as_json(notice) for notice in notices_in_session(tx, row)],
        "tour_done": user.tour_done,
        "larger_profiles": _larger_profiles(tx, clock.now(), row, user.role),
        "portal_url": f"{settings.public_url.rstrip('/')}/portal/",
        "data_class": class_of(tx, row.id),
        "progress": row.progress,
        "hindrance": hindrance(settings, row),
    }


def own_view(tx: Tx, clock: Clock, settings: Settings, row: SessionRow) -> dict[str, Any]:
    """Return the view for the session's own server, with what is asked of it."""
    return {
        **session_view(tx, clock, settings, row),
        "askable": askable(tx, settings, row, clock.now()),
        "leaving": leaving_rules(tx, row),
        "own_rules": own_rules_sha256(tx),
        "freeze_asked": row.state == SessionState.READY and row.freeze_asked_at is not None,
    }


def session_line(clock: Clock, settings: Settings, row: SessionRow, user: str) -> dict[str, Any]:
    """Return what lists show of a session; needs nothing but the row."""
    now = clock.now()
    work = clockwork(row)
    live = is_live(row)
    warn = warning(work, now) if live and row.held_by is None else None
    reason = StopReason(row.stop_reason) if row.stop_reason else None
    return {
        "session_id": row.id,
        "name": row.name,
        "user": user,
        "state": row.state,
        "profile": {key: row.profile.get(key) for key in _PROFILE_KEYS},
        "now": _iso(now),
        "requested_at": _iso(row.requested_at),
        "started_at": _iso(row.ready_at or row.started_at),
        "ready_at": _iso(row.ready_at),
        "ended_at": _iso(row.ended_at),
        "idle_stop_s": row.profile["idle_stop_s"],
        "idle_stop_at": _iso(idle_stop_at(work)) if live else None,
        "held_by": row.held_by,
        "frozen_at": _iso(row.frozen_at),
        "frozen_until": _iso(frozen_until(settings, row)),
        "ends_at": _iso(row.ends_at),
        "approved_until": _iso(row.approved_until),
        "can_extend_until": _iso(can_extend_until(work)) if live else None,
        "warning": {"kind": warn.kind, "at": _iso(warn.at), "extendable": warn.extendable, "text": warn.text}
        if warn
        else None,
        "is_busy": row.is_busy,
        "last_work_at": _iso(row.last_work_at),
        "last_heartbeat_at": _iso(row.last_heartbeat_at),
        "memory_used_bytes": row.memory_used_bytes,
        "quarantine": row.quarantine,
        "keeps_state": keeps_state(row.profile),
        "kept": _kept(row),
        "is_resumable": row.state == SessionState.SUSPENDED and not row.discard_state and not row.held_by,
        "record_code": row.profile["record_code"],
        "step": row.progress[-1] if row.progress else None,
        "stop": {
            "reason": reason.value,
            "message": sentence(reason, row, row.stop_detail or ""),
            "remedy": remedy(reason, row),
            "by": row.stopped_by,
        }
        if reason
        else None,
    }


def spent_micros(row: SessionRow, now: datetime) -> int:
    """Return what a session has cost: its flavor's price by the second, from ready to end, in all runs.

    Time in which it was frozen costs nothing.
    """
    end = row.ended_at or now
    lasted_s = (end - row.ready_at).total_seconds() - frozen_s(row, end) if row.ready_at else 0.0
    seconds = max(0.0, lasted_s)
    return row.spent_micros + round(row.profile["price_per_hour_micros"] * seconds / _HOUR_S)


def _kept(row: SessionRow) -> dict[str, Any] | None:
    """Return the saved state in numbers, or None; while the session runs it is that of its last end."""
    if row.kept is None:
        return None
    return {
        "saved_at": row.kept["saved_at"],
        "until": _iso(row.kept_until),
        "is_over_limit": row.over_limit_since is not None,
        **totals(row),
    }


def session_url(settings: Settings, user: str, row: SessionRow) -> str:
    """Return a session's stable address: on its user's own origin, such as `http://jane.localhost:8000/…`.

    Each one in quarantine has an origin that no other session has or had.
    """
    scheme, _, host = settings.public_url.rstrip("/").partition("://")
    origin = session_host(user, host, row.id, quarantine=row.quarantine)
    return f"{scheme}://{host if settings.unsafe_shared_origin else origin}/user/{user}/{row.name}/lab"


def opening_url(settings: Settings, user: str, row: SessionRow) -> str:
    """Return where a session is opened: at its address, with the file that it shows first."""
    shown = f"/tree/{quote(row.opens)}" if row.opens else ""
    return f"{session_url(settings, user, row)}{shown}"


def _larger_profiles(tx: Tx, now: datetime, row: SessionRow, role: str) -> list[dict[str, Any]]:
    """Return profiles with more memory that this user may start and that the host, as last seen, can hold.

    What needs an approval is there once it is given.
    """
    mark = tx.get(MarkRow, CAPACITY_MARK)
    most = int(mark.value["memory_bytes"]) if mark else None
    gpus: dict[str, int] = mark.value["gpus"] if mark else {}
    query = (
        select(ProfileRow, FlavorRow)
        .join(FlavorRow, ProfileRow.flavor == FlavorRow.name)
        .where(
            ProfileRow.deleted_at.is_(None), ProfileRow.enabled.is_(True), ProfileRow.quarantine.is_(False)
        )
        .where(FlavorRow.memory_bytes > row.profile["memory_bytes"])
        .order_by(FlavorRow.memory_bytes, FlavorRow.price_per_hour_micros)
    )
    approvals = Approvals(tx, now, row.user_id)
    return [
        {"name": profile.name, "display_name": profile.display_name, "memory_bytes": flavor.memory_bytes}
        for profile, flavor in tx.execute(query)
        if role in profile.roles
        and approvals.of(profile.name, flavor.name).refusal is None
        and (most is None or flavor.memory_bytes <= most)
        and (not flavor.gpu_count or gpus.get(flavor.gpu_type, 0) >= flavor.gpu_count)
    ]


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
