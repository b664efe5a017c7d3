"""What projects say of hosts to the sessions of their members: changed by admins, read for policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.egress.lists import edited, rules_of
from nbkeep.egress.policy import Added, check_added, check_rules
from nbkeep.model.errors import invalid
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.tables import UserRow

from .project_records import find_project
from .project_rules import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

NETWORK = "admin:profiles"  # whoever writes rules of the network
SOURCE = "project "
FIELDS = ("egress_allowlist", "egress_denylist")


def set_project_hosts(tx: Tx, clock: Clock, actor: Actor, name: str, wanted: Mapping[str, Any]) -> ProjectRow:
    """Change the lists of a project; its members' sessions have them within a second. Twice is safe.

    `wanted`: of `FIELDS`, as in profiles. Needs `admin:projects` and `admin:profiles`; leads do not. Raises
    `Refused`: 400 for what is no rule or no project may add, 403, and 404 for a project that is not there.
    """
    row = find_project(tx, actor, name)
    actor.require(ADMIN)
    actor.require(NETWORK)
    for field in wanted:
        if field not in FIELDS:
            raise invalid("field", f"There is no field {field!r}.", f"Fields: {', '.join(FIELDS)}.")
    changes: dict[str, Any] = {}
    for field, raw in wanted.items():
        before: list[str] = list(getattr(row, field))
        after = rules_of(edited(raw, field, before), field)
        (check_added if field == "egress_allowlist" else check_rules)(field, after)
        if list(after) != before:
            setattr(row, field, list(after))
            changes[field] = [before, list(after)]
    if changes:
        tx.flush()
        event = events.ProjectHostsChanged(project_id=row.id, name=row.name, changes=changes)
        journal.append(tx, clock, actor, event)
    return row


def added_by(row: ProjectRow) -> Added:
    """Return what a project says of hosts."""
    return Added(SOURCE + row.name, tuple(row.egress_allowlist), tuple(row.egress_denylist))


def hosts_of_people(tx: Tx, users: Iterable[str]) -> dict[str, tuple[Added, ...]]:
    """Return what the projects of people say of hosts, by the people's ids; in order of the projects' names.

    To a disabled account nothing is added: what is refused to it stays refused.
    """
    query = (
        select(
            ProjectMemberRow.user_id,
            UserRow.status,
            ProjectRow.name,
            ProjectRow.egress_allowlist,
            ProjectRow.egress_denylist,
        )
        .join(UserRow, UserRow.id == ProjectMemberRow.user_id)
        .join(ProjectRow, ProjectRow.id == ProjectMemberRow.project_id)
        .where(ProjectMemberRow.user_id.in_(set(users)), ProjectRow.archived_at.is_(None))
        .order_by(ProjectRow.name)
    )
    found: dict[str, list[Added]] = {}
    for user_id, status, name, allowed, denied in tx.execute(query):
        added = tuple(allowed) if status == "active" else ()
        if added or denied:
            found.setdefault(user_id, []).append(Added(SOURCE + name, added, tuple(denied)))
    return {user_id: tuple(one) for user_id, one in found.items()}
