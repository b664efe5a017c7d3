"""Reading and writing session rows: find, count, snapshot, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from nbkeep.model.errors import not_found
from nbkeep.model.session import LIVE, SessionState
from nbkeep.profiles.parse import plain
from nbkeep.store.tables import SessionRow, UserRow

from .kept import keeps_state
from .limits import Clockwork
from .rules import Load

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.profiles.values import Flavor, Profile
    from nbkeep.store.database import Tx

LIVE_STATES = tuple(state.value for state in LIVE)


def snapshot(profile: Profile, flavor: Flavor, currency: str) -> dict[str, Any]:
    """Return what a session keeps of its profile: later edits never reach it."""
    return {
        **plain(profile),
        "cpu_millis": flavor.cpu_millis,
        "memory_bytes": flavor.memory_bytes,
        "gpu_type": flavor.gpu_type,
        "gpu_count": flavor.gpu_count,
        "price_per_hour_micros": flavor.price_per_hour_micros,
        "currency": currency,
    }


def clockwork(row: SessionRow) -> Clockwork:
    """Return what the limits of a session depend on."""
    return Clockwork(
        idle_stop_s=row.profile["idle_stop_s"],
        max_session_s=row.profile["max_session_s"],
        max_extension_s=row.profile["max_extension_s"],
        ready_at=row.ready_at,
        last_work_at=row.last_work_at,
        is_busy=row.is_busy,
        idle_kept_until=row.idle_kept_until,
        ends_at=row.ends_at,
        extended_s=row.extended_s,
        approved_until=row.approved_until,
        keeps_state=keeps_state(row.profile),
        is_frozen=row.state == SessionState.FROZEN,
        quota_ends_at=row.quota_ends_at,
        quota_words=row.quota_words or "",
        quarantine=row.quarantine,
    )


def load_of(tx: Tx, user_id: str) -> Load:
    """Return how many live sessions a user has, and what all live sessions were promised."""
    profile = SessionRow.profile
    # Bytes as a float: PostgreSQL's integer cast ends at 2 GiB, and a double is exact to 8 PiB. The subquery
    # gives the GPU type a name: grouping by the expression itself fails there, since its key is a parameter.
    live = (
        select(
            profile["gpu_type"].as_string().label("gpu_type"),
            profile["gpu_count"].as_integer().label("gpu_count"),
            profile["cpu_millis"].as_integer().label("cpu_millis"),
            profile["memory_bytes"].as_float().label("memory_bytes"),
        )
        .where(SessionRow.state.in_(LIVE_STATES))
        .subquery()
    )
    sums = (func.sum(live.c.gpu_count), func.sum(live.c.cpu_millis), func.sum(live.c.memory_bytes))
    rows = tx.execute(select(live.c.gpu_type, *sums).group_by(live.c.gpu_type)).all()
    counts = (
        select(SessionRow.quarantine, func.count())
        .where(SessionRow.user_id == user_id, SessionRow.state.in_(LIVE_STATES))
        .group_by(SessionRow.quarantine)
    )
    mine = {bool(quarantine): int(count) for quarantine, count in tx.execute(counts)}
    return Load(
        mine=mine.get(False, 0),
        mine_in_quarantine=mine.get(True, 0),
        cpu_millis=sum(int(row[2]) for row in rows),
        memory_bytes=sum(int(row[3]) for row in rows),
        gpus={str(row[0]): int(row[1]) for row in rows if row[0]},
    )


def visible_session(tx: Tx, actor: Actor, session_id: str) -> SessionRow:
    """Return a session that the actor may see; "not yours" and "not there" are the same 404."""
    row = tx.get(SessionRow, session_id)
    if row is None or not (row.user_id == actor.id or actor.may("admin:sessions")):
        raise not_found("session", session_id)
    if row.user_id == actor.id and not actor.may("admin:sessions"):
        actor.require("sessions")
    return row


def latest_named(tx: Tx, actor: Actor, name: str) -> str | None:
    """Return the id of the actor's own latest session of a name, or None."""
    query = select(SessionRow.id).where(SessionRow.user_id == actor.id, SessionRow.name == name)
    return tx.scalar(query.order_by(SessionRow.requested_at.desc(), SessionRow.id.desc()).limit(1))


def live_session(tx: Tx, user_id: str, name: str) -> SessionRow | None:
    """Return the one live session of a user under a name."""
    return tx.scalar(
        select(SessionRow).where(
            SessionRow.user_id == user_id, SessionRow.name == name, SessionRow.state.in_(LIVE_STATES)
        )
    )


def user_named(tx: Tx, name: str) -> UserRow:
    """Return a user by name, or raise `Refused` (404)."""
    user = tx.scalar(select(UserRow).where(UserRow.name == name))
    if user is None:
        raise not_found("user", name)
    return user


def note_progress(row: SessionRow, now: datetime, step: str, message: str) -> None:
    """Add a step for the progress page; the same step twice in a row is kept once. At most 50 are kept."""
    if row.progress and row.progress[-1]["step"] == step and row.progress[-1]["message"] == message:
        return
    entry = {"at": now.isoformat(), "step": step, "message": message}
    row.progress = [*row.progress, entry][-50:]  # a new list: changes inside a JSON value are not noticed


def is_live(row: SessionRow) -> bool:
    """Tell whether the session holds, or is about to hold, compute."""
    return SessionState(row.state).is_live
