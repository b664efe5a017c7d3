"""An admin's visit to a session: only with a reason, for an hour, seen by its user, kept by the audit."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.ids import new_id
from nbkeep.outbox.notices import add_notice
from nbkeep.store.tables import AccessRow, UserRow

from .records import is_live, live_session, visible_session

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

VISIT = timedelta(hours=1)
_SHORTEST_REASON = 5
_LONGEST_REASON = 500


def grant_access(tx: Tx, clock: Clock, actor: Actor, session_id: str, reason: str) -> datetime:
    """Let an admin into a live session and return until when. The user is told at once, with the reason."""
    row = visible_session(tx, actor, session_id)
    actor.require("admin:sessions")
    reason = " ".join(reason.split())
    if not _SHORTEST_REASON <= len(reason) <= _LONGEST_REASON:
        raise invalid(
            "reason",
            "A visit needs a reason of 5 to 500 characters; the user will read it.",
            "Say why, for example the ticket that asked for help.",
        )
    if not is_live(row):
        raise Refused("session-over", "The session is over: there is nothing to enter.", status=409)
    now = clock.now()
    until = now + VISIT
    tx.add(
        AccessRow(
            id=new_id("acc", now),
            session_id=row.id,
            admin_id=actor.id,
            admin_name=actor.name[:60],
            reason=reason,
            granted_at=now,
            expires_at=until,
        )
    )
    journal.append(
        tx,
        clock,
        actor,
        events.SessionAccessGranted(
            session_id=row.id,
            owner=tx.get_one(UserRow, row.user_id).name,
            reason=reason,
            until=until.isoformat(),
        ),
    )
    if row.user_id != actor.id:
        text = f"The admin {actor.name} may enter your session {row.name} until {until:%H:%M} UTC: {reason}"
        add_notice(tx, clock, row.user_id, "admin-access", text, session_id=row.id)
    return until


def may_enter(tx: Tx, clock: Clock, admin: str, owner: str, server_name: str) -> bool:
    """Tell whether an admin holds an unexpired leave for the live session of that owner under that name.

    Anything that is not exactly so is a no: unknown people, ended sessions, admins who lost the role.
    """
    people = {user.name: user for user in tx.scalars(select(UserRow).where(UserRow.name.in_((admin, owner))))}
    visitor, host = people.get(admin), people.get(owner)
    if visitor is None or host is None or visitor.status != "active" or visitor.role != "notebook.admin":
        return False
    row = live_session(tx, host.id, server_name)
    if row is None:
        return False
    query = select(AccessRow.id).where(
        AccessRow.session_id == row.id, AccessRow.admin_id == visitor.id, AccessRow.expires_at > clock.now()
    )
    return tx.scalar(query.limit(1)) is not None
