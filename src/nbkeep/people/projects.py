"""Create and remove projects, add and take members. Each is one transaction with its audit records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from nbkeep.audit import events, journal
from nbkeep.connections import change as connections
from nbkeep.guard import change as guard
from nbkeep.model.errors import Refused, not_found
from nbkeep.model.grantee import PROJECT
from nbkeep.model.ids import new_id
from nbkeep.model.verdict import Refuse
from nbkeep.quotas import change as quotas
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.vault import change as secrets
from nbkeep.vault import leases

from .project_records import Granted, find_project, granted_to, members_of, standing_of
from .project_rules import ADMIN, may_add, may_take, project_description, project_name
from .records import find_user

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import UserRow


def add_project(
    tx: Tx, clock: Clock, actor: Actor, name: str, *, description: str = "", lead: str | None = None
) -> ProjectRow:
    """Create a project, with a first lead or with nobody in it. Needs `admin:projects`.

    Nothing is granted to it, whatever was granted to an earlier one of that name. Raises `Refused`: 400 for
    malformed values, 404 for an unknown lead, 409 where there is one of that name.
    """
    actor.require(ADMIN)
    name, description = project_name(name), project_description(description)
    there = select(ProjectRow.id).where(ProjectRow.name == name, ProjectRow.archived_at.is_(None))
    if tx.scalar(there) is not None:
        raise Refused("project-exists", f"There is a project named {name!r}.",
                      f"Choose another name, or look at that one: `nbkeep project show {name}`.",
                      status=409)  # fmt: skip
    now = clock.now()
    row = ProjectRow(id=new_id("prj", now), name=name, description=description, created_at=now)
    tx.add(row)
    tx.flush()
    event = events.ProjectCreated(project_id=row.id, name=name, description=description)
    journal.append(tx, clock, actor, event)
    if lead is not None:
        join_project(tx, clock, actor, name, lead, is_lead=True)
    return row


def describe_project(tx: Tx, clock: Clock, actor: Actor, name: str, description: str) -> ProjectRow:
    """Say what a project is about. Needs `admin:projects`. Twice is safe. Raises `Refused`: 400, 404."""
    actor.require(ADMIN)
    row, said = find_project(tx, actor, name), project_description(description)
    if said != row.description:
        event = events.ProjectDescribed(project_id=row.id, name=row.name, before=row.description, after=said)
        row.description = said
        journal.append(tx, clock, actor, event)
    return row


def join_project(
    tx: Tx, clock: Clock, actor: Actor, name: str, user: str, *, is_lead: bool | None = None
) -> ProjectRow:
    """Add somebody; their sessions that run may use at once what is granted to it. Twice is safe.

    `is_lead`: None leaves it as it is; admins alone say it. For leads of this project and `admin:projects`.
    Raises `Refused`: 403, and 404 for an unknown user or a project that is not there or not one's own.
    """
    row = find_project(tx, actor, name)
    _require(may_add(actor, standing_of(tx, row.id, actor), wants_lead=is_lead))
    person = _person(tx, user)
    member = tx.get(ProjectMemberRow, (row.id, person.id))
    if member is not None and is_lead in {None, member.is_lead}:
        return row
    if member is None:
        member = ProjectMemberRow(project_id=row.id, user_id=person.id, since=clock.now())
        tx.add(member)
    member.is_lead = bool(is_lead)
    tx.flush()
    journal.append(
        tx,
        clock,
        actor,
        events.ProjectMemberAdded(project_id=row.id, name=row.name, user=person.name, is_lead=member.is_lead),
    )
    leases.renew_of_user(tx, clock, actor, person.id)
    return row


def leave_project(tx: Tx, clock: Clock, actor: Actor, name: str, user: str) -> ProjectRow:
    """Take somebody out; what they had by it ends at once, and what is open is cut. Twice is safe.

    For leads of this project, `admin:projects`, and everybody for themselves. Raises `Refused`: 403, 404.
    """
    row = find_project(tx, actor, name)
    is_own = user == actor.name and actor.kind == "user"
    standing = standing_of(tx, row.id, actor)
    # Who may not take anybody is not told either who there is.
    _require(may_take(actor, standing, is_own=is_own, leads=False))
    person = _person(tx, user)
    member = tx.get(ProjectMemberRow, (row.id, person.id))
    if member is None:
        return row
    _require(may_take(actor, standing, is_own=is_own, leads=member.is_lead))
    tx.delete(member)
    tx.flush()
    event = events.ProjectMemberRemoved(project_id=row.id, name=row.name, user=person.name)
    journal.append(tx, clock, actor, event)
    leases.renew_of_user(tx, clock, actor, person.id)
    return row


def remove_project(
    tx: Tx, clock: Clock, actor: Actor, name: str, *, take_grants: bool = False, reason: str = ""
) -> Granted:
    """Remove a project and return what was granted to it, which ends with it. Needs `admin:projects`.

    Grants are deleted, not left behind: a later project of that name has none of them. Raises `Refused` (409)
    where something is granted to it, unless that is to be taken away.
    """
    row = find_project(tx, actor, name)
    actor.require(ADMIN)
    granted = granted_to(tx, [row.name])[row.name]
    if granted.words and not take_grants:
        raise Refused(
            "project-has-grants",
            f"Granted to {row.name}: {granted.words}. Its members would lose that.",
            "Ungrant it first, or have it taken away with the project: `nbkeep project remove "
            f"{row.name} --yes`.",
            status=409,
        )
    members = [one.name for one in members_of(tx, [row.id]).get(row.id, ())]
    secrets.ungrant_all(tx, clock, actor, PROJECT + row.name)
    connections.ungrant_all(tx, clock, actor, PROJECT + row.name)
    quotas.forget_project(tx, clock, actor, row.id, row.name)
    guard.forget_project(tx, clock, actor, row.id, row.name)
    tx.execute(delete(ProjectMemberRow).where(ProjectMemberRow.project_id == row.id))
    row.archived_at = clock.now()
    tx.flush()
    journal.append(
        tx,
        clock,
        actor,
        events.ProjectRemoved(
            project_id=row.id,
            name=row.name,
            members=members,
            secrets=[secret for secret, _ in granted.secrets],
            connections=list(granted.connections),
            reason=reason.strip()[:500],
        ),
    )
    return granted


def _require(verdict: object) -> None:
    if isinstance(verdict, Refuse):
        raise verdict.as_error()


def _person(tx: Tx, name: str) -> UserRow:
    found = find_user(tx, name)
    if found is None:
        raise not_found("user", name[:60])
    return found
