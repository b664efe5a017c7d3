"""What the doors tell of connections: everybody which there are, who may use one what it is, admins all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.store.tables import SecretRow

from .records import ADMIN, granted_to, grants_of

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import DeclaredConnectionRow


def connection_view(tx: Tx, actor: Actor, row: DeclaredConnectionRow) -> dict[str, Any]:
    """Return a connection; where it leads is null for those who may not use it."""
    may_change = actor.may(ADMIN)
    is_granted = row.name in granted_to(tx, actor.id)
    sees = may_change or is_granted
    secret = tx.get(SecretRow, row.secret_id) if row.secret_id else None
    is_postgres = row.kind == "postgres"
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "local_port": row.local_port,
        "is_granted": is_granted,
        "host": row.host if sees else None,
        "port": row.port if sees else None,
        "database": row.database_name if sees and is_postgres else None,
        "role": row.role if sees and is_postgres else None,
        "tls": row.tls if sees and is_postgres else None,
        "secret": secret.name if secret and may_change else None,
        "has_password": bool(secret and secret.revoked_at is None) if is_postgres else None,
        "grants": grants_of(tx, row.id) if may_change else None,
        "may_change": may_change,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by if may_change else None,
    }
