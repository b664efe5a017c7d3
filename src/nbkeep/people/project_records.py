"""Reading projects: those that somebody may see, one by name, who is in it, what is granted to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.model.errors import not_found
from nbkeep.model.grantee import PROJECT
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.tables import (
    ConnectionGrantRow,
    DeclaredConnectionRow,
    SecretGrantRow,
    SecretRow,
    UserRow,
)

from .project_rules import ADMIN, SEE, Standing, may_see

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx


@dataclass(frozen=True)
class Member:
    """Somebody who is in a project. `status`: of their account; a disabled one has nothing of the project."""

    user_id: str
    name: str
    status: str
    is_lead: bool
    since: datetime


@dataclass(frozen=True)
class Granted:
    """What is granted to a project: secrets with their owners' names, and connections, all by name."""

    secrets: tuple[tuple[str, str], ...] = ()
    connections: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """It in one line, for people; "" for nothing."""
        found = [f"secret {name} (of {owner})" for name, owner in self.secrets]
        return ", ".join(found + [f"connection {name}" for name in self.connections])


def list_projects(tx: Tx, actor: Actor) -> list[ProjectRow]:
    """Return the projects that somebody may see, by name: all for admins, else those they are in."""
    query = select(ProjectRow).where(ProjectRow.archived_at.is_(None)).order_by(ProjectRow.name)
    if not actor.may(ADMIN):
        actor.require(SEE)
        own = select(ProjectMemberRow.project_id).where(ProjectMemberRow.user_id == actor.id)
        query = query.where(ProjectRow.id.in_(own))
    return list(tx.scalars(query))


def find_project(tx: Tx, actor: Actor, name: str) -> ProjectRow:
    """Return a project by name; raise `Refused` (404) alike where there is none and for who is not in it."""
    row = tx.scalar(select(ProjectRow).where(ProjectRow.name == name, ProjectRow.archived_at.is_(None)))
    if row is None or not may_see(actor, standing_of(tx, row.id, actor)):
        raise not_found("project", name[:60])
    return row


def standing_of(tx: Tx, project_id: str, actor: Actor) -> Standing:
    """Return how somebody stands to a project."""
    member = tx.get(ProjectMemberRow, (project_id, actor.id))
    return Standing(is_member=True, is_lead=member.is_lead) if member is not None else Standing()


def members_of(tx: Tx, projects: Iterable[str]) -> dict[str, list[Member]]:
    """Return who is in projects, by the projects' ids: the leads first, then by name."""
    query = (
        select(ProjectMemberRow, UserRow.name, UserRow.status)
        .join(UserRow, UserRow.id == ProjectMemberRow.user_id)
        .where(ProjectMemberRow.project_id.in_(list(projects)))
        .order_by(ProjectMemberRow.is_lead.desc(), UserRow.name)
    )
    found: dict[str, list[Member]] = {}
    for row, name, status in tx.execute(query):
        found.setdefault(row.project_id, []).append(Member(row.user_id, name, status, row.is_lead, row.since))
    return found


def granted_to(tx: Tx, names: Iterable[str]) -> dict[str, Granted]:
    """Return what is granted to projects, by the projects' names."""
    to = {PROJECT + name: name for name in names}
    secrets: dict[str, list[tuple[str, str]]] = {}
    kept = (
        select(SecretGrantRow.grantee, SecretRow.name, SecretRow.owner_name)
        .join(SecretRow, SecretRow.id == SecretGrantRow.secret_id)
        .where(SecretGrantRow.grantee.in_(to), SecretRow.revoked_at.is_(None))
        .order_by(SecretRow.name, SecretRow.owner_name)
    )
    for grantee, name, owner in tx.execute(kept):
        secrets.setdefault(to[grantee], []).append((name, owner))
    connections: dict[str, list[str]] = {}
    declared = (
        select(ConnectionGrantRow.grantee, DeclaredConnectionRow.name)
        .join(DeclaredConnectionRow, DeclaredConnectionRow.id == ConnectionGrantRow.connection_id)
        .where(ConnectionGrantRow.grantee.in_(to))
        .order_by(DeclaredConnectionRow.name)
    )
    for grantee, name in tx.execute(declared):
        connections.setdefault(to[grantee], []).append(name)
    return {
        name: Granted(tuple(secrets.get(name, ())), tuple(connections.get(name, ()))) for name in to.values()
    }
