"""Declare, grant and remove connections. Each is one transaction with its audit records."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.grantee import parse_grantee
from nbkeep.model.ids import new_id
from nbkeep.store.tables import ConnectionGrantRow, DeclaredConnectionRow, SecretRow
from nbkeep.vault import change as secrets
from nbkeep.vault import leases
from nbkeep.vault.records import require_grantee
from nbkeep.vault.references import role_path

from . import parse
from .records import ADMIN, find_connection, grants_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.egress.connections import Declared
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.vault.interface import Source
    from nbkeep.vault.values import Binding

_MADE, _SECRET_NAME = "-role", 40
MOST = 200  # a relay listens on a port for each, in every sandbox


def add_connection(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    wanted: Declared,
    *,
    secret: str | None = None,
    made: tuple[Source, Binding] | None = None,
    grants: Sequence[str] = (),
) -> DeclaredConnectionRow:
    """Declare a connection and grant it; sessions that run already may use it within a second.

    `secret`: name or id of the role's password, sealed for exactly this place and role; PostgreSQL needs one.
    `made`: instead, by which role of a Vault each session gets a login of its own (`parse.made_binding`), and
    where that is sealed; it is a secret that goes with the connection. Whoever says so needs `admin:secrets`.
    What a connection is stays: another place is another connection. Raises `Refused`: 400, 403, 404, 409.
    """
    actor.require(ADMIN)
    if made and secret:
        raise invalid("secret", "A password is named, and a role that is made for each session.",
                      "Give one of --secret and --vault-database-role.")  # fmt: skip
    if wanted.kind == "postgres" and not secret and not made:
        raise invalid("secret", "The secret with the role's password is missing.", "Give --secret NAME.")
    if wanted.kind != "postgres" and secret:
        raise invalid("secret", "No password can be added to this kind.", "Leave --secret out.")
    _check_free(tx, wanted)
    now = clock.now()
    row = DeclaredConnectionRow(
        id=new_id("cnx", now),
        name=wanted.name,
        kind=wanted.kind,
        host=wanted.host,
        port=wanted.port,
        local_port=wanted.local_port,
        database_name=wanted.database,
        role=wanted.role,
        tls=wanted.tls,
        secret_id=None,
        created_at=now,
        created_by=actor.name,
    )
    tx.add(row)
    if made:
        row.secret_id = _keep_made(tx, clock, actor, wanted, *made).id
    elif secret:
        binding = parse.binding_for(wanted)
        row.secret_id = secrets.grant_through(tx, clock, actor, secret, binding, wanted.name).id
    tx.flush()
    journal.append(
        tx,
        clock,
        actor,
        events.ConnectionDeclared(
            connection_id=row.id,
            name=row.name,
            kind=row.kind,
            host=row.host,
            port=row.port,
            local_port=row.local_port,
            database=row.database_name,
            role=row.role,
            tls=row.tls if row.kind == "postgres" else "",
            secret_id=row.secret_id or "",
            made_by=made[1].source if made else "",
        ),
    )
    for one in dict.fromkeys(parse_grantee(one) for one in grants):
        _grant(tx, clock, actor, row, one)
    return row


def grant_connection(tx: Tx, clock: Clock, actor: Actor, which: str, to: str) -> DeclaredConnectionRow:
    """Let sessions of somebody use a connection, also those that run already. Twice is safe."""
    row = _to_change(tx, actor, which)
    _grant(tx, clock, actor, row, parse_grantee(to))
    return row


def ungrant_connection(tx: Tx, clock: Clock, actor: Actor, which: str, to: str) -> DeclaredConnectionRow:
    """Take a grant away; what is open by it is cut within a second. Twice is safe."""
    row = _to_change(tx, actor, which)
    found = tx.get(ConnectionGrantRow, (row.id, parse_grantee(to)))
    if found is not None:
        _ungrant(tx, clock, actor, row, found)
    return row


def ungrant_all(tx: Tx, clock: Clock, actor: Actor, to: str) -> None:
    """Take all connections from whom they are granted to, of a project that is removed; what is open is cut.

    Decides nothing: whoever removes it may. Twice is safe.
    """
    query = select(ConnectionGrantRow, DeclaredConnectionRow).join(
        DeclaredConnectionRow, DeclaredConnectionRow.id == ConnectionGrantRow.connection_id
    )
    for found, row in tx.execute(query.where(ConnectionGrantRow.grantee == to)).all():
        _ungrant(tx, clock, actor, row, found)


def remove_connection(tx: Tx, clock: Clock, actor: Actor, which: str, reason: str = "") -> None:
    """Remove a connection with its grants; what is open is cut within a second.

    Its secret stays, unless it was made with it: what a Vault made for sessions is revoked.
    """
    row = _to_change(tx, actor, which)
    tx.execute(delete(ConnectionGrantRow).where(ConnectionGrantRow.connection_id == row.id))
    tx.delete(row)
    tx.flush()
    if row.secret_id:
        secret = tx.get_one(SecretRow, row.secret_id)
        if role_path(secret.source):
            secrets.revoke_made(tx, clock, actor, secret, f"the connection {row.name} was removed")
        secrets.ungrant_through(tx, clock, actor, secret, row.name)
    event = events.ConnectionRemoved(connection_id=row.id, name=row.name, reason=reason.strip()[:500])
    journal.append(tx, clock, actor, event)


def _keep_made(
    tx: Tx, clock: Clock, actor: Actor, wanted: Declared, source: Source, binding: Binding
) -> SecretRow:
    """Keep, as a secret of the admin's own, by which role logins are made for this connection alone."""
    name = wanted.name + _MADE
    if len(name) > _SECRET_NAME:  # two long names that begin alike are still two secrets
        mark = "-" + hashlib.sha256(wanted.name.encode()).hexdigest()[:8] + _MADE
        name = wanted.name[: _SECRET_NAME - len(mark)].rstrip("-") + mark
    row = secrets.set_secret(tx, clock, source, actor, name, "", binding)
    return secrets.grant_through(tx, clock, actor, row.id, binding, wanted.name)


def _grant(tx: Tx, clock: Clock, actor: Actor, row: DeclaredConnectionRow, to: str) -> None:
    require_grantee(tx, to)
    if to in grants_of(tx, row.id):
        return
    tx.add(
        ConnectionGrantRow(connection_id=row.id, grantee=to, granted_at=clock.now(), granted_by=actor.name)
    )
    tx.flush()
    journal.append(tx, clock, actor, events.ConnectionGranted(connection_id=row.id, name=row.name, to=to))
    if row.secret_id:
        leases.begin_for_running(tx, clock, actor, tx.get_one(SecretRow, row.secret_id))


def _ungrant(
    tx: Tx, clock: Clock, actor: Actor, row: DeclaredConnectionRow, found: ConnectionGrantRow
) -> None:
    tx.delete(found)
    tx.flush()
    event = events.ConnectionUngranted(connection_id=row.id, name=row.name, to=found.grantee)
    journal.append(tx, clock, actor, event)
    if row.secret_id:
        leases.end_ungranted(tx, clock, actor, tx.get_one(SecretRow, row.secret_id))


def _check_free(tx: Tx, wanted: Declared) -> None:
    """Refuse a name or a local port that another connection has, and more than a sandbox can listen for."""
    taken = tx.scalar(select(DeclaredConnectionRow.id).where(DeclaredConnectionRow.name == wanted.name))
    if taken is not None:
        raise Refused(
            "connection-exists",
            f"There is a connection named {wanted.name!r}.",
            f"Choose another name, or remove that one: `nbkeep connection remove {wanted.name}`.",
            status=409,
        )
    ports = {
        port: name
        for name, port in tx.execute(select(DeclaredConnectionRow.name, DeclaredConnectionRow.local_port))
    }
    if wanted.local_port in ports:
        free = next(one for one in range(wanted.local_port + 1, 65536) if one not in ports)
        raise Refused(
            "local-port-taken",
            f"The local port {wanted.local_port} is of the connection {ports[wanted.local_port]!r}.",
            f"Give another one: --local-port {free}.",
            status=409,
        )
    if (tx.scalar(select(func.count()).select_from(DeclaredConnectionRow)) or 0) >= MOST:
        raise Refused("too-many-connections", f"There are {MOST} connections, the most there can be.",
                      "Remove one that is not needed.", status=409)  # fmt: skip


def _to_change(tx: Tx, actor: Actor, which: str) -> DeclaredConnectionRow:
    actor.require(ADMIN)
    return find_connection(tx, actor, which)
