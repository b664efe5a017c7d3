"""What the doors tell of secrets and leases; there is no field that a value could be in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.model.placeholder import placeholder

from . import rules
from .logins.records import logins_of
from .records import binding_of, grants_of
from .references import role_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from nbkeep.store.login_tables import DatabaseLoginRow
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
        "is_made": role_path(binding.source) is not None,
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


def lease_views(
    tx: Tx, actor: Actor, found: Sequence[tuple[SecretLeaseRow, SecretRow, SessionRow, UserRow]]
) -> list[dict[str, Any]]:
    """Return live leases, with the role of a database that was made for one, and until when it lasts.

    `until` moves on with each renewal. The id by which a Vault ends it is told to nobody; by which role of
    the Vault it was made, and what is wrong there, to who may change the secret.
    """
    made = logins_of(tx, [lease.id for lease, secret, _, _ in found if role_path(secret.source)])
    return [
        _lease_view(*one) | {"database_role": _made_view(actor, one[1], made.get(one[0].id))} for one in found
    ]


def _made_view(actor: Actor, secret: SecretRow, made: DatabaseLoginRow | None) -> dict[str, Any] | None:
    if made is None:
        return None
    may_change = rules.may_change(actor, secret.owner_id)
    return {
        "name": made.user_name,
        "until": made.ends_at.isoformat(),
        "made_by": made.path if may_change else None,
        "problem": (made.problem or None) if may_change else None,
    }


def _lease_view(
    lease: SecretLeaseRow, secret: SecretRow, session: SessionRow, user: UserRow
) -> dict[str, Any]:
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
