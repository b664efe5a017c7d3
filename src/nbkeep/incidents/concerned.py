"""Find what an incident is about, and what opening it acts upon. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, func, or_, select

from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused, not_found
from nbkeep.model.session import SessionState
from nbkeep.sessions.records import LIVE_STATES
from nbkeep.store.tables import SecretLeaseRow, SecretRow, SessionRow, UserRow

from .values import Concerned, Target

if TYPE_CHECKING:
    from nbkeep.store.database import Tx

    from .values import Kind

_NAME_LENGTH = 100


def find_target(tx: Tx, kind: Kind, name: str) -> Target:
    """Return what a name means; raise `Refused`: 404 for none, 409 where several secrets have it."""
    match kind:
        case "user":
            user = tx.scalar(select(UserRow).where(UserRow.name == name))
            if user is None:
                raise not_found("user", name[:_NAME_LENGTH])
            return Target("user", user.id, user.name)
        case "session":
            session = tx.get(SessionRow, name)
            if session is None:
                raise not_found("session", name[:_NAME_LENGTH])
            owner = tx.get_one(UserRow, session.user_id)
            return Target("session", session.id, f"{session.name} of {owner.name}")
        case "secret":
            return _secret(tx, name)


def _secret(tx: Tx, name: str) -> Target:
    query = select(SecretRow).where(
        or_(SecretRow.id == name, SecretRow.name == name), SecretRow.revoked_at.is_(None)
    )
    found = tx.scalars(query.limit(10)).all()
    if not found:
        raise not_found("secret", name[:_NAME_LENGTH])
    if len(found) > 1:
        owners = ", ".join(row.owner_name for row in found)
        raise Refused(
            "several-secrets",
            f"There are {len(found)} secrets named {name!r}, of {owners}.",
            "Give the id of the one you mean: `nbkeep secret list`.",
            status=409,
        )
    return Target("secret", found[0].id, found[0].name)


def concerned_by(tx: Tx, target: Target) -> Concerned:
    """Return what opening acts upon.

    A person, and likewise the person of a session: all their sessions, and themselves. A secret: the sessions
    that have used it and still have it; others never had its value, and lose their leave to use it.
    """
    if target.kind == "secret":
        used = select(SecretLeaseRow.session_id).where(
            SecretLeaseRow.secret_id == target.id,
            SecretLeaseRow.ended_at.is_(None),
            SecretLeaseRow.last_used_at.is_not(None),
        )
        sessions = _sessions(tx, SessionRow.id.in_(used))
        owners = select(UserRow).where(UserRow.id.in_({row.user_id for row in sessions}))
        found = list(tx.scalars(owners.order_by(UserRow.name)))
        return Concerned(
            target,
            [row for row in sessions if _is_live(row)],
            owners=found,
            secret=tx.get(SecretRow, target.id),
        )
    user_id = target.id if target.kind == "user" else tx.get_one(SessionRow, target.id).user_id
    user = tx.get_one(UserRow, user_id)
    sessions = _sessions(tx, SessionRow.user_id == user_id)
    return Concerned(
        target,
        [row for row in sessions if _is_live(row)],
        [row for row in sessions if row.state == SessionState.SUSPENDED],
        [user],
        [user],
    )


def is_last_admin(tx: Tx, user: UserRow) -> bool:
    """Tell whether nobody else could administer."""
    others = select(func.count()).where(
        UserRow.role == Role.ADMIN.value, UserRow.status == "active", UserRow.id != user.id
    )
    return user.role == Role.ADMIN.value and user.status == "active" and not tx.scalar(others)


def _sessions(tx: Tx, whose: ColumnElement[bool]) -> list[SessionRow]:
    states = (*LIVE_STATES, SessionState.SUSPENDED.value)
    query = select(SessionRow).where(whose, SessionRow.state.in_(states))
    return list(tx.scalars(query.order_by(SessionRow.requested_at, SessionRow.id)))


def _is_live(row: SessionRow) -> bool:
    return row.state in LIVE_STATES
