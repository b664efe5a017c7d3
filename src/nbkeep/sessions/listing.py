"""Lists of sessions, newest first, page by page: own ones, or everybody's for admins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Select, and_, or_, select

from nbkeep.model.cursors import make_cursor, read_cursor
from nbkeep.model.errors import invalid
from nbkeep.model.session import SessionState
from nbkeep.store.tables import SessionRow, UserRow

from .records import LIVE_STATES

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

MAX_LIMIT = 500


@dataclass(frozen=True)
class Filter:
    """What to list. `user` and `profile` are names.

    `state`: one of the states, or "live", "ended", "open" (live or suspended).
    """

    user: str | None = None
    state: str | None = None
    profile: str | None = None


@dataclass(frozen=True)
class Page:
    """Rows with their users' names, and the cursor of the next page (None on the last)."""

    items: list[tuple[SessionRow, str]]
    next: str | None


def list_sessions(
    tx: Tx, actor: Actor, wanted: Filter | None = None, *, limit: int = 50, cursor: str | None = None
) -> Page:
    """Return one page of the sessions that the actor may see.

    A page continues behind the last one even when sessions start meanwhile: the cursor names a row, not an
    offset.
    """
    wanted = wanted or Filter()
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid("limit", f"limit {limit} is out of range.", f"Give 1 to {MAX_LIMIT}.")
    query = (
        select(SessionRow, UserRow.name)
        .join(UserRow, SessionRow.user_id == UserRow.id)
        .order_by(SessionRow.requested_at.desc(), SessionRow.id.desc())
        .limit(limit + 1)
    )
    query = _only_visible(tx, actor, query, wanted.user)
    if wanted.state:
        query = query.where(SessionRow.state.in_(_states(wanted.state)))
    if wanted.profile:
        query = query.where(SessionRow.profile_name == wanted.profile)
    if cursor:
        at, last_id = read_cursor(cursor)
        query = query.where(
            or_(SessionRow.requested_at < at, and_(SessionRow.requested_at == at, SessionRow.id < last_id))
        )
    rows = [(row, name) for row, name in tx.execute(query)]
    more = len(rows) > limit
    items = rows[:limit]
    return Page(items, make_cursor(items[-1][0].requested_at, items[-1][0].id) if more else None)


def _only_visible(
    tx: Tx, actor: Actor, query: Select[SessionRow, str], user: str | None
) -> Select[SessionRow, str]:
    if not actor.may("admin:sessions"):
        actor.require("sessions")
        query = query.where(SessionRow.user_id == actor.id)
        # Somebody else's name gives an empty list, exactly as a name that nobody has.
        return query.where(UserRow.name == user) if user else query
    if user is None:
        return query
    return query.where(
        SessionRow.user_id == (tx.scalar(select(UserRow.id).where(UserRow.name == user)) or "")
    )


def _states(state: str) -> tuple[str, ...]:
    if state == "live":
        return LIVE_STATES
    if state == "open":
        return (*LIVE_STATES, SessionState.SUSPENDED.value)
    if state == "ended":
        return (SessionState.STOPPED.value, SessionState.FAILED.value)
    try:
        return (SessionState(state).value,)
    except ValueError as error:
        known = ", ".join(["live", "open", "ended", *(one.value for one in SessionState)])
        raise invalid("state", f"{state!r} is not a state.", f"One of: {known}.") from error
