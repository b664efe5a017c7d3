"""What a user must be told in portal and JupyterLab, until they say that they have seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, or_, select

from nbkeep.model.actor import ROLE_SCOPES
from nbkeep.model.errors import not_found
from nbkeep.model.ids import new_id
from nbkeep.store.tables import NoticeRow, UserRow

from .put import gather

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

_SHOWN = 50
ENDED = "session-ended"


def add_notice(
    tx: Tx,
    clock: Clock,
    user_id: str,
    kind: str,
    text: str,
    *,
    session_id: str | None = None,
    routine: bool = False,
) -> None:
    """Tell a user something, also by mail where that is set up and they want it.

    `session_id` names the session that it is about. `routine`: it happens every day, and comes by mail only
    to who wants all.
    """
    now = clock.now()
    row = NoticeRow(
        id=new_id("not", now), user_id=user_id, session_id=session_id, kind=kind, text=text, at=now
    )
    tx.add(row)
    tx.flush()
    gather(tx, clock, row, routine=routine)


def tell_scope(
    tx: Tx, clock: Clock, scope: str, kind: str, text: str, *, but: str = "", also: str = ""
) -> None:
    """Tell all active people with a role that has a scope, and whoever has the id `also`; never `but`."""
    wanted: ColumnElement[bool] = UserRow.role.in_(_roles_with(scope))
    query = select(UserRow.id).where(or_(wanted, UserRow.id == also), UserRow.status == "active")
    for user_id in tx.scalars(query.where(UserRow.id != but)).all():
        add_notice(tx, clock, user_id, kind, text)


def withdraw(tx: Tx, clock: Clock, kind: str) -> None:
    """Put all notices of one kind away, whoever has them: what they ask for has been done. Twice is safe."""
    told = select(NoticeRow).where(NoticeRow.kind == kind, NoticeRow.dismissed_at.is_(None))
    for notice in tx.scalars(told):
        notice.dismissed_at = clock.now()


def list_notices(tx: Tx, actor: Actor) -> list[NoticeRow]:
    """Return the actor's own notices that are not dismissed, newest first (at most 50)."""
    actor.require("self")
    query = select(NoticeRow).where(NoticeRow.user_id == actor.id, NoticeRow.dismissed_at.is_(None))
    return list(tx.scalars(query.order_by(NoticeRow.at.desc(), NoticeRow.id.desc()).limit(_SHOWN)))


def notices_in_session(tx: Tx, row: SessionRow) -> list[NoticeRow]:
    """Return what JupyterLab shows: notices about this session, and those about none.

    Script in a session's outputs reads them, too: one in quarantine has those about itself alone.
    """
    query = select(NoticeRow).where(_is_shown_in(row), NoticeRow.dismissed_at.is_(None))
    return list(tx.scalars(query.order_by(NoticeRow.at.desc(), NoticeRow.id.desc()).limit(_SHOWN)))


def dismiss_notice(tx: Tx, clock: Clock, user_id: str, notice_id: str) -> None:
    """Put a notice of this user away; twice is safe; somebody else's looks like none (404)."""
    row = tx.get(NoticeRow, notice_id)
    if row is None or row.user_id != user_id:
        raise not_found("notice", notice_id, remedy="Those that you have stand on the portal's first page.")
    row.dismissed_at = row.dismissed_at or clock.now()


def dismiss_in_session(tx: Tx, clock: Clock, row: SessionRow, notice_id: str) -> None:
    """Put away what a session shows; twice is safe; what it does not show looks like none (404).

    Script in its outputs asks for this, too: what it was not shown, its person has not seen.
    """
    query = select(NoticeRow).where(NoticeRow.id == notice_id, _is_shown_in(row))
    notice = tx.scalar(query)
    if notice is None:
        raise not_found("notice", notice_id, remedy="Those that you have stand on the portal's first page.")
    notice.dismissed_at = notice.dismissed_at or clock.now()


def dismiss_about(tx: Tx, clock: Clock, session_id: str, kind: str) -> None:
    """Put a session's notices of one kind away: what they ask for has been done. Twice is safe."""
    query = select(NoticeRow).where(
        NoticeRow.session_id == session_id, NoticeRow.kind == kind, NoticeRow.dismissed_at.is_(None)
    )
    for row in tx.scalars(query):
        row.dismissed_at = clock.now()


def _is_shown_in(row: SessionRow) -> ColumnElement[bool]:
    about = NoticeRow.session_id == row.id
    shown = about if row.quarantine else or_(about, NoticeRow.session_id.is_(None))
    return and_(NoticeRow.user_id == row.user_id, shown)


def _roles_with(scope: str) -> tuple[str, ...]:
    return tuple(role.value for role, scopes in ROLE_SCOPES.items() if scope in scopes)


def as_json(row: NoticeRow) -> dict[str, Any]:
    """Return a notice for the doors."""
    return {"id": row.id, "kind": row.kind, "text": row.text, "at": row.at.isoformat()}
