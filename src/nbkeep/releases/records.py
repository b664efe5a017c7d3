"""Reading releases: one, those that somebody may see, and how somebody stands to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, func, or_, select, tuple_

from nbkeep.model.actor import ROLE_SCOPES
from nbkeep.model.cursors import make_cursor, read_cursor
from nbkeep.model.errors import Refused, invalid, not_found
from nbkeep.model.units import format_duration, format_size
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.release_tables import ReleaseRow
from nbkeep.store.tables import UserRow

from . import rules
from .values import State

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from nbkeep.model.actor import Actor
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

LIMIT_MAX = 1000
SHOWN = ("mine", "to-review", "all")
Pair = tuple[ReleaseRow, UserRow]


@dataclass(frozen=True)
class Listed:
    """A page of releases with their authors, newest first, and the cursor of the next (None on the last)."""

    items: list[Pair]
    next: str | None


def find_release(tx: Tx, actor: Actor, release_id: str) -> Pair:
    """Return a release and its author; "not yours" and "not there" are the same 404."""
    row = tx.get(ReleaseRow, release_id)
    if row is None or not rules.may_see(actor, reach_of(tx, actor, row)):
        raise not_found("release", release_id[:60])
    return row, tx.get_one(UserRow, row.user_id)


def reach_of(tx: Tx, actor: Actor, row: ReleaseRow) -> rules.Reach:
    """Return how somebody stands to a release now: who has left a project reviews nothing of it any more."""
    return rules.Reach(
        is_author=row.user_id == actor.id,
        needs_review=row.needs_review,
        has_project=row.project_id is not None,
        in_project=row.project_id is not None
        and tx.get(ProjectMemberRow, (row.project_id, actor.id)) is not None,
    )


def list_releases(
    tx: Tx,
    actor: Actor,
    *,
    show: str = "all",
    state: str = "",
    limit: int = 100,
    cursor: str | None = None,
    oldest_first: bool = False,
) -> Listed:
    """Return a page of releases that somebody may see; raise `Refused`: 400 for bad words, 403 without scope.

    `show`: `mine`; `to-review`: those that wait for a decision which is theirs to make; `all`: both, what
    they may have reviewed, and with `admin:releases` everybody's. The newest come first, or the oldest.
    """
    if show not in SHOWN:
        raise invalid("show", f"{show[:40]!r} is no part of the list.", f"One of: {', '.join(SHOWN)}.")
    if not (actor.may(rules.REVIEW) or actor.may(rules.ADMIN)):
        actor.require(rules.ASK)
    query = select(ReleaseRow, UserRow).join(UserRow, UserRow.id == ReleaseRow.user_id)
    is_own = ReleaseRow.user_id == actor.id
    if show == "mine":
        query = query.where(is_own)
    elif show == "to-review":
        query = query.where(_to_review(actor))
    elif not actor.may(rules.ADMIN):
        query = query.where(or_(is_own, and_(ReleaseRow.needs_review, _in_reach(actor))))
    if state:
        if state not in set(State):
            raise invalid("state", f"{state[:40]!r} is no state.", f"One of: {', '.join(State)}.")
        query = query.where(ReleaseRow.state == state)
    place = tuple_(ReleaseRow.requested_at, ReleaseRow.id)
    if cursor:
        before = tuple_(*read_cursor(cursor))
        query = query.where(place > before if oldest_first else place < before)
    limit = max(1, min(limit, LIMIT_MAX))
    order = (ReleaseRow.requested_at, ReleaseRow.id)
    query = query.order_by(*(one if oldest_first else one.desc() for one in order)).limit(limit + 1)
    found = [(row, user) for row, user in tx.execute(query)]
    last_row = found[limit - 1][0] if len(found) > limit else None
    return Listed(found[:limit], make_cursor(last_row.requested_at, last_row.id) if last_row else None)


def waiting_for(tx: Tx, actor: Actor) -> int:
    """Return how many releases wait for a decision that this actor may make; 0 for who reviews nothing."""
    return len(tx.scalars(select(ReleaseRow.id).where(_to_review(actor)).limit(LIMIT_MAX)).all())


def reviewers_of(tx: Tx, row: ReleaseRow) -> list[str]:
    """Return the ids of the active people who may decide about a release, without its author."""
    roles = [role.value for role, scopes in ROLE_SCOPES.items() if rules.REVIEW in scopes]
    query = select(UserRow.id).where(
        UserRow.role.in_(roles), UserRow.status == "active", UserRow.id != row.user_id
    )
    if row.project_id is not None:
        admins = [role.value for role, scopes in ROLE_SCOPES.items() if rules.ADMIN in scopes]
        is_in = exists().where(
            ProjectMemberRow.project_id == row.project_id, ProjectMemberRow.user_id == UserRow.id
        )
        query = query.where(or_(is_in, UserRow.role.in_(admins)))
    return list(tx.scalars(query.order_by(UserRow.id)))


def projects_of(tx: Tx, user_id: str) -> dict[str, str]:
    """Return the ids of the projects that somebody is in, by name."""
    query = (
        select(ProjectRow.name, ProjectRow.id)
        .join(ProjectMemberRow, ProjectMemberRow.project_id == ProjectRow.id)
        .where(ProjectMemberRow.user_id == user_id, ProjectRow.archived_at.is_(None))
        .order_by(ProjectRow.name)
    )
    return {row.name: row.id for row in tx.execute(query)}


def kept_bytes(tx: Tx, user_id: str) -> int:
    """Return how much the kept copies of somebody's documents hold; the same document counts once."""
    copies = select(ReleaseRow.source_sha256, ReleaseRow.source_bytes).where(
        ReleaseRow.user_id == user_id, ReleaseRow.forgotten_at.is_(None), ReleaseRow.source_sha256 != ""
    )
    distinct = copies.distinct().subquery()
    return tx.scalar(select(func.sum(distinct.c.source_bytes))) or 0


def check_room(tx: Tx, settings: Settings, user_id: str, more_bytes: int = 1) -> None:
    """Raise `Refused` (409) where so much more of somebody's documents cannot be kept.

    To be asked early, while the size is not known, and again with it before anything is kept.
    """
    held, most = kept_bytes(tx, user_id), settings.releases_max_bytes
    if held + more_bytes > most:
        more = f", and this has {format_size(more_bytes)}" if more_bytes > 1 else ""
        raise Refused("too-much-kept",
                      f"Copies of your documents hold {format_size(held)}{more}; {format_size(most)} are kept"
                      " of one person (the setting releases_max_bytes).",
                      "Withdraw what need not leave: it is deleted within the hour. What has left is kept"
                      f" for {format_duration(settings.releases_retention_s)}: ask an operator.",
                      status=409)  # fmt: skip


def previous_of(tx: Tx, actor: Actor, row: ReleaseRow) -> ReleaseRow | None:
    """Return the release of the same file before this one, where there is one that somebody may see."""
    before = tx.get(ReleaseRow, row.previous_id) if row.previous_id else None
    return before if before is not None and rules.may_see(actor, reach_of(tx, actor, before)) else None


def _in_reach(actor: Actor) -> ColumnElement[bool]:
    """Return what a reviewer may decide about: what is for no project, or for one that they are in."""
    if not actor.may(rules.REVIEW):
        return ReleaseRow.id.is_(None)
    own = select(ProjectMemberRow.project_id).where(ProjectMemberRow.user_id == actor.id)
    return or_(ReleaseRow.project_id.is_(None), ReleaseRow.project_id.in_(own))


def _to_review(actor: Actor) -> ColumnElement[bool]:
    waits = and_(ReleaseRow.state == State.WAITING, ReleaseRow.user_id != actor.id)
    if actor.may(rules.ADMIN) and actor.may(rules.REVIEW):
        return waits
    return and_(waits, _in_reach(actor))
