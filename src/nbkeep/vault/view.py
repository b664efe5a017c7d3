"""What the doors tell of secrets and leases; there is no field that a value could be in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.model.placeholder import placeholder

from . import rules
from .records import binding_of, grants_of

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SecretLeaseRow, SecretRow, SessionRow, UserRow


def secret_view(tx: Tx, actor: Actor, row: SecretRow) -> dict[str, Any]:
    """Return a secret for somebody who may see it; to whom it is granted is for who may change it."""
    binding = binding_of(row)
    may_change = rules.may_change(actor, row.owner_id)
    return {
        "id": row.id,
        "name": row.name,
        "owner": row.owner_name,
        "hosts": list(binding.hosts),
        "kind": binding.kind,
        "sent_as": binding.words,
        "source": binding.source if may_change else None,
        "env": row.env,
        "placeholder": placeholder(row.name),
        "version": row.version,
        "grants": grants_of(tx, row.id) if may_change else None,
        "may_change": may_change,
        "created_at": _iso(row.created_at),
        "changed_at": _iso(row.changed_at),
        "last_used_at": _iso(row.last_used_at),
        "revoked_at": _iso(row.revoked_at),
    }


def lease_view(
    lease: SecretLeaseRow, secret: SecretRow, session: SessionRow, user: UserRow
) -> dict[str, Any]:
    """Return a live lease."""
    return {
        "id": lease.id,
        "secret": secret.name,
        "secret_id": secret.id,
        "owner": secret.owner_name,
        "user": user.name,
        "session_id": session.id,
        "session": session.name,
        "since": _iso(lease.started_at),
        "last_used_at": _iso(lease.last_used_at),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
