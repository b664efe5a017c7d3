"""Reading grants: one, those that somebody may see, and the rules that live ones are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from nbkeep.connections.records import declared_of
from nbkeep.egress.parse import parse_rule
from nbkeep.egress.policy import policy_of
from nbkeep.model.cursors import make_cursor, read_cursor
from nbkeep.model.errors import invalid, not_found
from nbkeep.profiles.profiles import as_profile
from nbkeep.profiles.reach import reach_of
from nbkeep.store.data_tables import DatasetRow
from nbkeep.store.tables import DeclaredConnectionRow, FlavorRow, GrantRow, ProfileRow, UserRow
from nbkeep.vault.records import person_of

from . import rules
from .hosts import granted_rule
from .interface import Situation
from .kinds import DATASET, HOST
from .values import State

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select

    from nbkeep.egress.values import Rule
    from nbkeep.model.actor import Actor
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

LIMIT_MAX = 1000
Pair = tuple[GrantRow, UserRow]


@dataclass(frozen=True)
class Found:
    """One page of grants with their people, newest first, and the cursor of the next (None on the last)."""

    items: list[Pair]
    next: str | None


def find_grant(tx: Tx, actor: Actor, grant_id: str) -> Pair:
    """Return a grant and whose it is; "not yours" and "not there" are the same 404."""
    row = tx.get(GrantRow, grant_id)
    if row is None or not (rules.may_see(actor, row.user_id) or rules.decides(actor, owner_of(tx, row))):
        raise not_found("grant", grant_id[:60])
    return row, tx.get_one(UserRow, row.user_id)


def list_grants(
    tx: Tx,
    actor: Actor,
    now: datetime,
    *,
    state: str = "",
    mine: bool = False,
    limit: int = 100,
    cursor: str | None = None,
) -> Found:
    """Return a page of one's own grants and of what one owns; with `admin:grants` all; `mine`: one's own."""
    if not actor.may(rules.DECIDE):
        actor.require(rules.ASK)
    query = select(GrantRow, UserRow).join(UserRow, UserRow.id == GrantRow.user_id)
    if mine:
        query = query.where(GrantRow.user_id == actor.id)
    elif not actor.may(rules.DECIDE):
        query = query.where(or_(GrantRow.user_id == actor.id, _is_of_datasets(actor)))
    if state:
        if state not in set(State):
            raise invalid("state", f"{state[:40]!r} is no state.", f"One of: {', '.join(State)}.")
        query = query.where(_is(State(state), now))
    if cursor:
        at, last = read_cursor(cursor)
        query = query.where(
            or_(GrantRow.requested_at < at, and_(GrantRow.requested_at == at, GrantRow.id < last))
        )
    limit = max(1, min(limit, LIMIT_MAX))
    query = query.order_by(GrantRow.requested_at.desc(), GrantRow.id.desc()).limit(limit + 1)
    found = [(row, user) for row, user in tx.execute(query)]
    last_row = found[limit - 1][0] if len(found) > limit else None
    return Found(found[:limit], make_cursor(last_row.requested_at, last_row.id) if last_row else None)


def live_rules(tx: Tx, now: datetime) -> dict[tuple[str, str], tuple[Rule, ...]]:
    """Return what live grants of hosts allow, by the user's id and the profile's name."""
    found: dict[tuple[str, str], tuple[Rule, ...]] = {}
    for row, user in tx.execute(_live(now)):
        key = (row.user_id, row.profile_name)
        found[key] = (*found.get(key, ()), _rule(row, user))
    return found


def live_rules_of(tx: Tx, now: datetime, user_id: str, profile_name: str) -> tuple[Rule, ...]:
    """Return what one person's live grants of hosts allow in sessions of one profile."""
    query = _live(now).where(GrantRow.user_id == user_id, GrantRow.profile_name == profile_name)
    return tuple(_rule(row, user) for row, user in tx.execute(query))


def open_rules_of(tx: Tx, user_id: str, profile_name: str) -> list[Rule]:
    """Return what one person has asked for in sessions of one profile and nobody has decided, as rules."""
    query = select(GrantRow.subject).where(
        GrantRow.kind == HOST.name,
        GrantRow.state == State.REQUESTED,
        GrantRow.user_id == user_id,
        GrantRow.profile_name == profile_name,
    )
    return [parse_rule(subject, effect="allow", source="a request") for subject in tx.scalars(query)]


def live_datasets(
    tx: Tx, now: datetime, user_id: str = ""
) -> dict[tuple[str, str], dict[str, tuple[datetime, datetime]]]:
    """Return which datasets are granted, by the user's id and the profile's name.

    Of each: when it was asked for, and when its last grant ends. `user_id`: only that person's, "" for all.
    """
    found: dict[tuple[str, str], dict[str, tuple[datetime, datetime]]] = {}
    query = _live(now, DATASET.name).order_by(None).order_by(GrantRow.expires_at)
    if user_id:
        query = query.where(GrantRow.user_id == user_id)
    for row, _ in tx.execute(query):
        if row.expires_at is not None:
            of_user = found.setdefault((row.user_id, row.profile_name), {})
            of_user[row.subject] = (row.requested_at, row.expires_at)
    return found


def owner_of(tx: Tx, row: GrantRow) -> str:
    """Return the id of who owns what was asked for, "" where nobody does: admins alone decide then."""
    if row.kind != DATASET.name:
        return ""
    query = select(DatasetRow.owner_id).where(DatasetRow.name == row.subject)
    return tx.scalar(query.where(DatasetRow.created_at <= row.requested_at)) or ""


def situation_now(tx: Tx, settings: Settings, profile_name: str, user: UserRow) -> Situation | None:
    """Return what decides about what somebody may ask for in sessions of a profile; None if there is none."""
    profile = tx.get(ProfileRow, profile_name)
    if profile is None:
        return None
    policy = policy_of("", reach_of(as_profile(profile)), settings.egress_denylist)
    found = tx.execute(select(DatasetRow.name, DatasetRow.classification))
    datasets = {one.name: one.classification for one in found}
    connections = {one.name: declared_of(one).rule for one in tx.scalars(select(DeclaredConnectionRow))}
    if profile.quarantine:
        datasets, connections = {}, {}  # nothing is granted in quarantine
    flavor = tx.get_one(FlavorRow, profile.flavor)
    return Situation(
        policy,
        profile.classification,
        datasets,
        connections,
        person_of(tx, user).connections,
        flavor=flavor.name,
        needs_approval=flavor.needs_approval,
    )


def _is_of_datasets(actor: Actor) -> ColumnElement[bool]:
    owned = select(DatasetRow.name).where(
        DatasetRow.owner_id == actor.id, DatasetRow.created_at <= GrantRow.requested_at
    )
    return and_(GrantRow.kind == DATASET.name, GrantRow.subject.in_(owned))


def _is(state: State, now: datetime) -> ColumnElement[bool]:
    """Return what rows of a state are; a grant is over at its moment, even if that is not on record yet."""
    is_over = and_(GrantRow.state == State.GRANTED, GrantRow.expires_at <= now)
    if state is State.EXPIRED:
        return or_(GrantRow.state == State.EXPIRED, is_over)
    return and_(GrantRow.state == state, ~is_over) if state is State.GRANTED else GrantRow.state == state


def _live(now: datetime, kind: str = HOST.name) -> Select[GrantRow, UserRow]:
    query = select(GrantRow, UserRow).join(UserRow, UserRow.id == GrantRow.user_id)
    return query.where(
        GrantRow.kind == kind,
        GrantRow.state == State.GRANTED,
        GrantRow.expires_at > now,
        UserRow.status == "active",
    ).order_by(GrantRow.id)


def _rule(row: GrantRow, user: UserRow) -> Rule:
    if row.expires_at is None:
        raise RuntimeError(f"{row.id} is granted without an end")
    return granted_rule(row.subject, row.id, user.name, row.expires_at)
