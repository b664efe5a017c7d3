"""What the doors tell of datasets: everybody what they are and whom to ask; where they lie, who runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.store.tables import SecretRow, UserRow

from .rules import ADMIN, may_change
from .values import SUFFIX

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.store.data_tables import DatasetRow
    from nbkeep.store.database import Tx


def dataset_view(tx: Tx, actor: Actor, row: DatasetRow) -> dict[str, Any]:
    """Return a dataset; where it lies is null for all but its owner and admins."""
    changes = may_change(actor, row.owner_id)
    secret = tx.get(SecretRow, row.secret_id) if row.secret_id else None
    return {
        "id": row.id,
        "name": row.name,
        "classification": row.classification,
        "purpose": row.purpose,
        "owner": tx.get_one(UserRow, row.owner_id).name,
        "address": f"http://{row.name}{SUFFIX}/",
        "samples": row.samples,
        "place": f"s3://{row.bucket}/{row.prefix}" if changes else None,
        "endpoint": f"https://{row.host}:{row.port}" if changes else None,
        "region": row.region if changes else None,
        "secret": secret.name if secret and actor.may(ADMIN) else None,
        "has_keys": secret is None or secret.revoked_at is None,
        "may_change": changes,
        "created_at": row.created_at.isoformat(),
    }
