"""Reading secrets: one by name or id, those somebody may see, those a person's sessions may use."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from sqlalchemy import select

from nbkeep.model.errors import Refused, not_found
from nbkeep.model.grantee import PROJECT, USER
from nbkeep.model.session import LIVE
from nbkeep.store.data_tables import DatasetRow
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.tables import (
    ConnectionGrantRow,
    DeclaredConnectionRow,
    GrantRow,
    SecretGrantRow,
    SecretLeaseRow,
    SecretRow,
    SessionRow,
    UserRow,
)

from . import rules
from .values import CONNECTION, GATEWAYS_OWN, Binding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

    from .values import Kind

_LIVE = frozenset(state.value for state in LIVE)
_GRANTED = "granted"  # see grants/values.py, some floors above


def binding_of(row: SecretRow) -> Binding:
    """Return what a secret is bound to."""
    return Binding(tuple(row.hosts), cast("Kind", row.kind), row.place, row.template, row.source)


def grants_of(tx: Tx, secret_id: str) -> list[str]:
    """Return whom a secret is granted to."""
    query = select(SecretGrantRow.grantee).where(SecretGrantRow.secret_id == secret_id)
    return list(tx.scalars(query.order_by(SecretGrantRow.grantee)))


def person_of(tx: Tx, user: UserRow) -> rules.Person:
    """Return a user as the rules know them, in every session of theirs."""
    return People(tx, user.id).person(user)


def person_now(tx: Tx, user: UserRow, now: datetime, profile: str = "") -> rules.Person:
    """Return a user with what they have for a while in sessions of a profile ("": of any)."""
    return People(tx, user.id).in_session(user, profile, now)


class People:
    """Users as the rules know them: what decides of all of them is read once, when the first is asked for.

    Of everybody who has a session that has not ended, or of one user alone. Others would have no projects.
    """

    def __init__(self, tx: Tx, user_id: str | None = None) -> None:
        self._tx = tx
        self._user_id = user_id
        self._known: dict[str, rules.Person] = {}

    def person(self, user: UserRow) -> rules.Person:
        """Return one of them."""
        if user.id not in self._known:
            projects = tuple(sorted(self._projects.get(user.id, ())))
            person = rules.Person(user.id, user.name, user.role, user.status == "active", projects)
            names = {name for one in person.grantees for name in self._granted.get(one, ())}
            connections = tuple(sorted(names))
            self._known[user.id] = replace(person, connections=connections, datasets=self._datasets)
        return self._known[user.id]

    def in_session(self, user: UserRow, profile: str, now: datetime) -> rules.Person:
        """Return one of them with what they have for a while in sessions of a profile ("": of any)."""
        person = self.person(user)
        profiles = [profile]
        if not profile:
            profiles = [name for user_id, name in self._for_a_while if user_id == user.id]
        lent = {name for one in profiles for name in self.until(user.id, one, now)}
        return replace(person, connections=tuple(sorted(lent.union(person.connections)))) if lent else person

    def until(self, user_id: str, profile: str, now: datetime) -> Mapping[str, datetime]:
        """Return the connections that a person has for a while in sessions of a profile, until when."""
        found = self._for_a_while.get((user_id, profile), {})
        return {name: ends_at for name, ends_at in found.items() if ends_at > now}

    def profiles_until(self, user_id: str, now: datetime) -> dict[str, dict[str, datetime]]:
        """Return, by connection, the profiles in whose sessions a person has it for a while, until when."""
        found: dict[str, dict[str, datetime]] = {}
        for one, profile in sorted(self._for_a_while):
            if one == user_id:
                for name, ends_at in self.until(user_id, profile, now).items():
                    found.setdefault(name, {})[profile] = ends_at
        return found

    @cached_property
    def _for_a_while(self) -> dict[tuple[str, str], dict[str, datetime]]:
        """When the last live grant of each connection ends, by the user's id and the profile's name.

        What was asked for before the connection was declared was another one of that name.
        """
        query = select(GrantRow.user_id, GrantRow.profile_name, GrantRow.subject, GrantRow.expires_at).join(
            DeclaredConnectionRow, DeclaredConnectionRow.name == GrantRow.subject
        )
        query = query.where(
            GrantRow.kind == CONNECTION,
            GrantRow.state == _GRANTED,
            GrantRow.requested_at >= DeclaredConnectionRow.created_at,
        )
        if self._user_id is not None:
            query = query.where(GrantRow.user_id == self._user_id)
        found: dict[tuple[str, str], dict[str, datetime]] = {}
        for user_id, profile, name, ends_at in self._tx.execute(query.order_by(GrantRow.expires_at)):
            if ends_at is not None:
                found.setdefault((user_id, profile), {})[name] = ends_at
        return found

    @cached_property
    def _granted(self) -> dict[str, set[str]]:
        """The names of declared connections, by whom they are granted to."""
        query = select(ConnectionGrantRow.grantee, DeclaredConnectionRow.name).join(
            DeclaredConnectionRow, DeclaredConnectionRow.id == ConnectionGrantRow.connection_id
        )
        found: dict[str, set[str]] = {}
        for grantee, name in self._tx.execute(query):
            found.setdefault(grantee, set()).add(name)
        return found

    @cached_property
    def _datasets(self) -> tuple[str, ...]:
        return tuple(self._tx.scalars(select(DatasetRow.name).order_by(DatasetRow.name)))

    @cached_property
    def _projects(self) -> dict[str, set[str]]:
        """The names of projects, by the ids of who is in them."""
        query = (
            select(ProjectMemberRow.user_id, ProjectRow.name)
            .join(ProjectRow, ProjectRow.id == ProjectMemberRow.project_id)
            .where(ProjectRow.archived_at.is_(None))
        )
        if self._user_id is not None:
            query = query.where(ProjectMemberRow.user_id == self._user_id)
        else:  # thousands may be in projects, and gateways ask four times a second
            running = select(SessionRow.user_id).where(SessionRow.state.in_(_LIVE))
            query = query.where(ProjectMemberRow.user_id.in_(running))
        found: dict[str, set[str]] = {}
        for user_id, name in self._tx.execute(query):
            found.setdefault(user_id, set()).add(name)
        return found


def leased_grants(tx: Tx) -> dict[str, set[str]]:
    """Return whom each secret with live leases is granted to, by its id."""
    leased = select(SecretLeaseRow.secret_id).where(SecretLeaseRow.ended_at.is_(None))
    query = select(SecretGrantRow.secret_id, SecretGrantRow.grantee)
    found: dict[str, set[str]] = {}
    for secret_id, grantee in tx.execute(query.where(SecretGrantRow.secret_id.in_(leased))):
        found.setdefault(secret_id, set()).add(grantee)
    return found


def person_named(tx: Tx, name: str) -> UserRow:
    """Return a user by name; raise `Refused` (404) where there is none."""
    user = tx.scalar(select(UserRow).where(UserRow.name == name))
    if user is None:
        raise not_found("user", name)
    return user


def require_grantee(tx: Tx, to: str) -> None:
    """Raise `Refused` (404) where there is no such user or project; ask only for who may grant."""
    kind, _, name = to.partition(":")
    if to.startswith(USER):
        person_named(tx, name)
    if to.startswith(PROJECT):
        there = select(ProjectRow.id).where(ProjectRow.name == name, ProjectRow.archived_at.is_(None))
        if tx.scalar(there) is None:
            raise not_found(kind, name)


def usable_by(tx: Tx, person: rules.Person) -> list[SecretRow]:
    """Return the secrets that sessions of a person are leased, by name and id."""
    if not person.is_active:
        return []
    granted = select(SecretGrantRow.secret_id).where(SecretGrantRow.grantee.in_(person.grantees))
    query = select(SecretRow).where(SecretRow.revoked_at.is_(None), SecretRow.id.in_(granted))
    return list(tx.scalars(query.order_by(SecretRow.name, SecretRow.id)))


def list_secrets(tx: Tx, actor: Actor) -> list[SecretRow]:
    """Return the secrets that somebody may see and that have not ended, by name."""
    if actor.may(rules.ADMIN):
        query = select(SecretRow).where(SecretRow.revoked_at.is_(None))
        return list(tx.scalars(query.order_by(SecretRow.name, SecretRow.id)))
    actor.require(rules.KEEP)
    own = select(SecretRow).where(SecretRow.revoked_at.is_(None), SecretRow.owner_id == actor.id)
    user = tx.get(UserRow, actor.id)
    granted = usable_by(tx, person_of(tx, user)) if user else []
    # What reads datasets is leased to everybody's sessions for the gateway's sake, and nobody's to know of.
    found = {row.id: row for row in [*tx.scalars(own), *(row for row in granted if row.kind != GATEWAYS_OWN)]}
    return sorted(found.values(), key=lambda row: (row.name, row.id))


def find_secret(tx: Tx, actor: Actor, which: str) -> SecretRow:
    """Return the secret of an id or a name: one's own first, then the only other one that may be seen.

    Raises `Refused`: 404 alike for "not there" and "not yours", 409 where several others have that name.
    """
    seen = [row for row in list_secrets(tx, actor) if which in {row.id, row.name}]
    own = [row for row in seen if row.owner_id == actor.id]
    if len(own) == 1:
        return own[0]
    if len(seen) > 1:
        raise Refused(
            "several-secrets",
            f"There are {len(seen)} secrets named {which!r}, of {', '.join(row.owner_name for row in seen)}.",
            "Give the id of the one you mean: `nbkeep secret list`.",
            status=409,
        )
    if not seen:
        raise not_found("secret", which[:60])
    return seen[0]
