"""Starts and resumes that an office had admitted when it was killed, and may not have asked the hub for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import NbkeepError, Unavailable
from nbkeep.model.session import SessionState, StopReason
from nbkeep.sessions.end import end_session
from nbkeep.sessions.stop import server_of
from nbkeep.store.tables import SessionRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.sessions.interface import Parts


def admitted(parts: Parts) -> list[str]:
    """Return the sessions that are admitted and of which the hub has not begun to start a server."""
    with parts.store.read() as tx:
        return list(tx.scalars(select(SessionRow.id).where(SessionRow.state == SessionState.REQUESTED.value)))


def ask_again(parts: Parts, session_ids: Sequence[str]) -> list[str]:
    """Ask the hub for these sessions' servers; return those to ask for once more, since it is away.

    Twice is safe: the hub starts one server. What it refuses has failed, as when its user was there.
    """
    left: list[str] = []
    for session_id in session_ids:
        with parts.store.read() as tx:
            row = tx.get_one(SessionRow, session_id)
            user, name = server_of(tx, row)
        if row.state != SessionState.REQUESTED:
            continue
        try:
            parts.hub.start_server(user, name, session_id)
        except Unavailable:
            left.append(session_id)
        except NbkeepError as error:
            end_session(parts, SYSTEM, session_id, StopReason.START_FAILED, str(error), run=row.run)
    return left
