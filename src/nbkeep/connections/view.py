"""What the doors tell of connections: everybody which there are, who may use one what it is, admins all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.store.tables import SecretRow, UserRow
from nbkeep.vault.records import People
from nbkeep.vault.references import role_path

from .records import ADMIN, grants_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import DeclaredConnectionRow


def connection_views(
    tx: Tx, now: datetime, actor: Actor, rows: Iterable[DeclaredConnectionRow]
) -> list[dict[str, Any]]:
    """Return connections; where one leads is null for those who may not use it.

    `is_granted`: in all sessions of whoever asks. `for_a_while`: in those of a profile, until then.
    """
    user = tx.get(UserRow, actor.id)
    if user is None or user.status != "active":
        return [_view(tx, actor, row, is_granted=False, until={}) for row in rows]
    people = People(tx, user.id)
    granted, until = people.person(user).connections, people.profiles_until(user.id, now)
    return [
        _view(tx, actor, row, is_granted=row.name in granted, until=until.get(row.name, {})) for row in rows
    ]


def connection_view(tx: Tx, now: datetime, actor: Actor, row: DeclaredConnectionRow) -> dict[str, Any]:
    """Return one of them."""
    return connection_views(tx, now, actor, [row])[0]


def _view(
    tx: Tx, actor: Actor, row: DeclaredConnectionRow, *, is_granted: bool, until: Mapping[str, datetime]
) -> dict[str, Any]:
    may_change = actor.may(ADMIN)
    sees = may_change or is_granted or bool(until)
    secret = tx.get(SecretRow, row.secret_id) if row.secret_id else None
    is_postgres = row.kind == "postgres"
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "local_port": row.local_port,
        "is_granted": is_granted,
        "for_a_while": [
            {"profile": profile, "until": ends_at.isoformat()} for profile, ends_at in until.items()
        ],
        "host": row.host if sees else None,
        "port": row.port if sees else None,
        "database": row.database_name if sees and is_postgres else None,
        "role": row.role or None if sees and is_postgres else None,
        "has_own_role": bool(secret and role_path(secret.source)) if sees and is_postgres else None,
        "vault_role": role_path(secret.source) if secret and may_change else None,
        "tls": row.tls if sees and is_postgres else None,
        "secret": secret.name if secret and may_change else None,
        "has_password": bool(secret and secret.revoked_at is None) if is_postgres else None,
        "grants": grants_of(tx, row.id) if may_change else None,
        "may_change": may_change,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by if may_change else None,
    }
