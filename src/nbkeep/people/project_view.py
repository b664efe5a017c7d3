"""What the doors tell of projects, to those who may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .project_hosts import NETWORK
from .project_records import granted_to, members_of
from .project_rules import ADMIN, Standing, may_lead

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from nbkeep.store.project_tables import ProjectRow

    from .project_records import Member


def project_views(tx: Tx, actor: Actor, rows: Sequence[ProjectRow]) -> list[dict[str, Any]]:
    """Return projects with who is in them and what is granted to them."""
    members = members_of(tx, [row.id for row in rows])
    granted = granted_to(tx, [row.name for row in rows])
    own = {row.id: _standing(members.get(row.id, ()), actor) for row in rows}
    return [
        {
            "id": row.id,
            "name": row.name,
            "description": row.description,
            "members": [
                {
                    "user": one.name,
                    "is_lead": one.is_lead,
                    "status": one.status,
                    "since": one.since.isoformat(),
                }
                for one in members.get(row.id, ())
            ],
            "secrets": [{"name": name, "owner": owner} for name, owner in granted[row.name].secrets],
            "connections": list(granted[row.name].connections),
            "egress_allowlist": list(row.egress_allowlist),
            "egress_denylist": list(row.egress_denylist),
            "is_member": own[row.id].is_member,
            "may_lead": may_lead(actor, own[row.id]),
            "may_change": actor.may(ADMIN),
            "may_change_hosts": actor.may(ADMIN) and actor.may(NETWORK),
            "created_at": row.created_at.isoformat(),
        }
        for row in rows
    ]


def project_view(tx: Tx, actor: Actor, row: ProjectRow) -> dict[str, Any]:
    """Return one project."""
    return project_views(tx, actor, [row])[0]


def _standing(members: Iterable[Member], actor: Actor) -> Standing:
    return next((Standing(True, one.is_lead) for one in members if one.user_id == actor.id), Standing())
