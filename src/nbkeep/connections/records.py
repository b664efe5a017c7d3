"""Reading connections: one by name, all, and what the gateways of live sessions are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlalchemy import select

from nbkeep.egress.connections import Declared, Told
from nbkeep.model.errors import not_found
from nbkeep.model.session import LIVE, SessionState
from nbkeep.store.tables import (
    ConnectionGrantRow,
    DeclaredConnectionRow,
    SecretLeaseRow,
    SessionRow,
    UserRow,
)
from nbkeep.vault.records import person_now

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.egress.connections import Kind, Tls
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from nbkeep.vault.records import People

SEE, ADMIN = "sessions", "admin:connections"
_USABLE = frozenset(state.value for state in LIVE - {SessionState.STOPPING})


def declared_of(row: DeclaredConnectionRow) -> Declared:
    """Return a connection as gateways know it."""
    kind, tls = cast("Kind", row.kind), cast("Tls", row.tls)
    return Declared(row.name, kind, row.host, row.port, row.local_port, row.database_name, row.role, tls)


def list_connections(tx: Tx, actor: Actor) -> list[DeclaredConnectionRow]:
    """Return all connections, by name. That one is there, everybody with sessions may know, to ask for it."""
    if not actor.may(ADMIN):
        actor.require(SEE)
    return list(tx.scalars(select(DeclaredConnectionRow).order_by(DeclaredConnectionRow.name)))


def find_connection(tx: Tx, actor: Actor, name: str) -> DeclaredConnectionRow:
    """Return a connection; raises `Refused` (404)."""
    found = next((row for row in list_connections(tx, actor) if name in {row.name, row.id}), None)
    if found is None:
        raise not_found("connection", name[:60])
    return found


def grants_of(tx: Tx, connection_id: str) -> list[str]:
    """Return to whom a connection is granted."""
    query = select(ConnectionGrantRow.grantee).where(ConnectionGrantRow.connection_id == connection_id)
    return list(tx.scalars(query.order_by(ConnectionGrantRow.grantee)))


def granted_to(tx: Tx, user_id: str, profile: str, now: datetime) -> set[str]:
    """Return the names of the connections that a person may use in sessions of a profile."""
    user = tx.get(UserRow, user_id)
    if user is None or user.status != "active":
        return set()
    return set(person_now(tx, user, now, profile).connections)


def local_ports(tx: Tx) -> dict[str, int]:
    """Return the port inside sandboxes of every connection, by name: granted or not, all are listened for."""
    rows = tx.scalars(select(DeclaredConnectionRow).order_by(DeclaredConnectionRow.name))
    return {row.name: row.local_port for row in rows}


def live_connections(tx: Tx, people: People, now: datetime) -> Told:
    """Return all connections, and for each live session those granted, with its leases and their ends."""
    rows = list(tx.scalars(select(DeclaredConnectionRow).order_by(DeclaredConnectionRow.name)))
    if not rows:
        return Told()
    leases = select(SecretLeaseRow.session_id, SecretLeaseRow.secret_id, SecretLeaseRow.id).where(
        SecretLeaseRow.ended_at.is_(None),
        SecretLeaseRow.secret_id.in_([row.secret_id for row in rows if row.secret_id]),
    )
    leased = {(session_id, secret_id): lease_id for session_id, secret_id, lease_id in tx.execute(leases)}
    sessions = select(SessionRow.id, SessionRow.profile_name, UserRow)
    sessions = sessions.join(UserRow, UserRow.id == SessionRow.user_id).where(
        SessionRow.state.in_(_USABLE),
        SessionRow.held_by.is_(None),
        SessionRow.quarantine.is_(False),
        UserRow.status == "active",
    )
    granted: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    until: dict[str, dict[str, str]] = {}
    for session_id, profile, user in tx.execute(sessions.order_by(SessionRow.id)):
        names = people.in_session(user, profile, now).connections
        mine = [row for row in rows if row.name in names]
        found = tuple((row.name, leased.get((session_id, row.secret_id or ""), "")) for row in mine)
        if found:
            granted.append((session_id, found))
        ends = {
            name: ends_at.isoformat()
            for name, ends_at in sorted(people.until(user.id, profile, now).items())
            if name not in people.person(user).connections
        }
        if ends:
            until[session_id] = ends
    return Told(tuple(declared_of(row) for row in rows), tuple(granted), until)
