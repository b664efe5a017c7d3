"""What ended sessions have left to be resumed with: asked of the node, kept with the row, deleted in time."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from nbkeep.audit import events, journal
from nbkeep.meter.follow import follow
from nbkeep.model.errors import NbkeepError
from nbkeep.model.session import SessionState, StopReason
from nbkeep.store.tables import SessionRow, UserRow

from .state_keys import key_id, secret_of, user_key
from .states import move

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.backends.interface import KeptState
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

    from .interface import Parts

# How long saving may take once no cell runs any more.
_SAVE_S = 60
_GRACE_S = 10.0
# Writing the last bytes and ending the server come after the saving.
_GRACE_AFTER_SAVE_S = 15.0

# Ends that somebody or a limit asked for; every other reason is a failure.
ORDERLY = frozenset(
    {
        StopReason.USER,
        StopReason.ADMIN,
        StopReason.IDLE,
        StopReason.MAX_SESSION,
        StopReason.QUOTA,
        StopReason.APPROVAL,
        StopReason.USER_DISABLED,
    }
)


class Unasked(Enum):
    """The node could not be asked, or nobody has asked it."""

    UNASKED = "unasked"


UNASKED = Unasked.UNASKED


def keeps_state(profile: Mapping[str, Any]) -> bool:
    """Tell whether sessions with this snapshot keep their kernels' variables; older releases kept none."""
    return bool(profile.get("keep_state", False))


def grace_s(settings: Settings, profile: Mapping[str, Any]) -> float:
    """Return how long the trusted half has to end: long enough for cells and saving where it keeps state."""
    if not keeps_state(profile):
        return _GRACE_S
    return settings.cell_grace_s + _SAVE_S + _GRACE_AFTER_SAVE_S


def state_env(settings: Settings, row: SessionRow) -> dict[str, str]:
    """Return what the trusted half is told about state: the user's own key, the policy, whether to resume.

    Notes with the row which key that is. Raises `Refused` where it is not there and the session needs one.
    """
    policy = {
        "keep": keeps_state(row.profile),
        "max_bytes": row.profile.get("state_max_bytes", 0),
        "cell_grace_s": settings.cell_grace_s,
        "save_s": settings.cell_grace_s + _SAVE_S,
    }
    env = {"NBKEEP_STATE_POLICY": json.dumps(policy)}
    if keeps_state(row.profile) or row.kept is not None:
        secret = secret_of(settings, row)
        row.state_key_id = key_id(secret)
        env["NBKEEP_STATE_KEY"] = user_key(secret, row.user_id)
    if row.kept is None:
        return env
    # The trusted half refuses a state older than this: one that somebody has put back.
    return env | {"NBKEEP_RESUME": "1", "NBKEEP_STATE_SEQUENCE": str(row.kept.get("sequence", 0))}


def ask_kept(parts: Parts, session_id: str) -> KeptState | Unasked | None:
    """Ask the node what a session whose processes have ended has saved; delete it where that is wished.

    Call it outside transactions: it may take seconds.
    """
    with parts.store.read() as tx:
        row = tx.get_one(SessionRow, session_id)
        user = tx.get_one(UserRow, row.user_id).name
    if not keeps_state(row.profile) and row.kept is None:
        return None
    try:
        if row.discard_state:
            parts.backend.delete_state(user, session_id)
            return None
        found = [one for one in parts.backend.states(user) if one.session_id == session_id]
    except NbkeepError:
        return UNASKED
    return found[0] if found else None


def settle(tx: Tx, clock: Clock, actor: Actor, row: SessionRow, kept: KeptState | None) -> None:
    """Record what an ended session has left: with it the session is suspended, without it over.

    Twice is safe. Live sessions are left as they are: they will end themselves.
    """
    if SessionState(row.state).is_live:
        return
    row.state_pending = kept is not None and row.discard_state
    if row.state_pending:
        return  # it was asked before the wish came: the loops delete it
    was = row.kept
    row.kept = as_row(kept) if kept is not None else None
    if kept is None:
        row.kept_until = None
        if row.state == SessionState.SUSPENDED:
            move(row, over(row))
        return
    if row.state == SessionState.SUSPENDED and was == row.kept:
        return
    until = (row.ended_at or clock.now()) + timedelta(seconds=retention_s(row.profile))
    row.kept_until = until
    if row.state != SessionState.SUSPENDED:
        move(row, SessionState.SUSPENDED)
    told = totals(row)
    journal.append(
        tx,
        clock,
        actor,
        events.SessionSuspended(
            session_id=row.id,
            saved_at=kept.saved_at,
            bytes=kept.bytes,
            kernels=len(kept.kernels),
            kept=told["kept"],
            lost=told["lost"],
            kept_until=until.isoformat(),
        ),
    )


def over(row: SessionRow) -> SessionState:
    """Return what a session is that has ended and has nothing to be resumed with."""
    orderly = row.stop_reason is not None and StopReason(row.stop_reason) in ORDERLY
    return SessionState.STOPPED if orderly else SessionState.FAILED


def wish_discard(tx: Tx, clock: Clock, actor: Actor, row: SessionRow, reason: str) -> None:
    """Record that a session's saved state is to go, and why; it cannot be resumed any more. Twice is safe.

    `reason`: user, admin, retention or limit.
    """
    if row.discard_state:
        return
    row.discard_state = True
    row.state_pending = not SessionState(row.state).is_live  # else its end takes care of it
    journal.append(tx, clock, actor, events.SessionStateDeleted(session_id=row.id, reason=reason))
    follow(tx, clock, row)


def finish_state(parts: Parts, actor: Actor, session_id: str) -> bool:
    """Do what is pending about an ended session's state: ask, delete, record. False: the node is away."""
    kept = ask_kept(parts, session_id)
    if isinstance(kept, Unasked):
        return False
    with parts.store.write() as tx:
        row = tx.get_one(SessionRow, session_id)
        if row.state_pending:
            settle(tx, parts.clock, actor, row, kept)
            follow(tx, parts.clock, row)
    return True


def retention_s(profile: Mapping[str, Any]) -> int:
    """Return how long a snapshot's state is kept."""
    return int(profile.get("state_retention_s", 0))


def totals(row: SessionRow) -> dict[str, Any]:
    """Return a saved state in numbers: bytes, kernels, variables kept and lost."""
    kept: dict[str, Any] = row.kept or {"bytes": 0, "kernels": []}
    kernels: list[dict[str, Any]] = kept["kernels"]
    return {
        "bytes": kept["bytes"],
        "kernels": len(kernels),
        "kept": sum(one["kept"] for one in kernels),
        "lost": sum(len(one["lost"]) for one in kernels),
    }


def as_row(kept: KeptState) -> dict[str, Any]:
    """Return a saved state as rows and doors have it."""
    return {key: value for key, value in asdict(kept).items() if key != "session_id"}
