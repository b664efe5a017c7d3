"""Reading shares: one by id, those of somebody, those for somebody, the gallery, and who has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, exists, false, or_, select
from sqlalchemy.orm import aliased

from nbkeep.model.cursors import make_cursor, read_cursor
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.grantee import EVERYONE, PROJECT
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.share_tables import ShareAudienceRow, ShareRow, ShareViewRow
from nbkeep.store.tables import UserRow

from . import rules
from .link import fits
from .values import ADMIN, ANYONE, GALLERY, LINK, SEE, Found, Sought, Views

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Select

    from nbkeep.model.actor import Actor
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

MINE, WITH_ME, ALL = "mine", "with-me", "all"
WHICH = (MINE, WITH_ME, ALL)
_LONGEST_SEARCH = 200


def gone() -> Refused:
    """Return the one answer for a share that is over, that is for others, and that never was."""
    return Refused("share-not-found", "There is no document here for you.",
                   "It may have ended, or be for somebody else: ask who gave you the link.",
                   status=404)  # fmt: skip


def find_for(tx: Tx, now: datetime, actor: Actor, share_id: str) -> ShareRow:
    """Return a live share that is for somebody, or theirs; raise `Refused` (404) alike for all others."""
    row = tx.scalar(_live(now).where(ShareRow.id == share_id, _is_for(actor)))
    if row is None:
        raise gone()
    return row


def find_for_anyone(tx: Tx, settings: Settings, now: datetime, share_id: str, key: str) -> ShareRow:
    """Return a live share that anyone with the key may see; raise `Refused` (404) alike for all others.

    The setting is asked each time: switched off, no link of before opens anything.
    """
    is_right = fits(settings, share_id, key)
    for_anyone = select(ShareAudienceRow.share_id).where(ShareAudienceRow.grantee == ANYONE)
    row = tx.scalar(_live(now).where(ShareRow.id == share_id, ShareRow.id.in_(for_anyone)))
    if row is None or not is_right or not settings.share_with_anyone:
        raise gone()
    return row


def find_managed(tx: Tx, actor: Actor, share_id: str) -> ShareRow:
    """Return a share for its owner and for `admin:releases`, also one that is over; 404 for all others."""
    row = tx.get(ShareRow, share_id)
    if row is None or not rules.may_manage(actor, row.owner_id):
        raise gone()
    return row


def list_shares(
    tx: Tx, now: datetime, actor: Actor, which: str, *, limit: int = 100, cursor: str | None = None
) -> Found:
    """Return a page of shares, newest first: `mine` and `all` (`admin:releases`) also those that are over.

    `with-me`: live ones by a link of others; what was published stands in the gallery.
    """
    if which == WITH_ME:
        query = _live(now).where(_is_for(actor), ShareRow.kind == LINK, ShareRow.owner_id != actor.id)
    elif which == ALL:
        actor.require(ADMIN)
        query = select(ShareRow)
    elif which == MINE:
        actor.require(SEE)
        query = select(ShareRow).where(ShareRow.owner_id == actor.id)
    else:
        said = f"There are no shares of the kind {which[:40]!r}."
        raise invalid("which", said, f"One of: {', '.join(WHICH)}.")
    return _page(tx, query, limit, cursor)


def gallery(
    tx: Tx, now: datetime, actor: Actor, sought: Sought, *, limit: int = 24, cursor: str | None = None
) -> Found:
    """Return a page of what is published for somebody, newest first.

    Each word that is sought stands in title, description, tags or the owner's name.
    """
    query = _live(now).where(ShareRow.kind == GALLERY, _is_for(actor))
    for word in sought.text[:_LONGEST_SEARCH].casefold().split():
        query = query.where(ShareRow.words.contains(word, autoescape=True))
    if sought.tag:
        query = query.where(ShareRow.tag_words.contains(f" {sought.tag.strip().lower()} ", autoescape=True))
    if sought.owner:
        query = query.where(ShareRow.owner == sought.owner)
    if sought.project:
        of_project = select(ShareAudienceRow.share_id).where(
            ShareAudienceRow.grantee == PROJECT + sought.project,
            ShareAudienceRow.subject_id.in_(_projects(actor)),
        )
        query = query.where(ShareRow.id.in_(of_project))
    return _page(tx, query, limit, cursor)


def audiences_of(tx: Tx, share_ids: Iterable[str] | None = None) -> dict[str, list[str]]:
    """Return whom shares are for, by their ids; of all, where none are named."""
    query = select(ShareAudienceRow.share_id, ShareAudienceRow.grantee).order_by(ShareAudienceRow.grantee)
    if share_ids is not None:
        query = query.where(ShareAudienceRow.share_id.in_(list(share_ids)))
    found: dict[str, list[str]] = {}
    for share_id, grantee in tx.execute(query):
        found.setdefault(share_id, []).append(grantee)
    return found


def list_views(tx: Tx, actor: Actor, share_id: str, *, limit: int = 100, cursor: str | None = None) -> Views:
    """Return a page of who looked at a share, newest first; for its owner and `admin:releases`."""
    find_managed(tx, actor, share_id)
    query = select(ShareViewRow).where(ShareViewRow.share_id == share_id)
    if cursor:
        at, row_id = read_cursor(cursor)
        behind = or_(ShareViewRow.at < at, and_(ShareViewRow.at == at, ShareViewRow.id < row_id))
        query = query.where(behind)
    query = query.order_by(ShareViewRow.at.desc(), ShareViewRow.id.desc()).limit(limit + 1)
    rows = list(tx.scalars(query))
    last = rows[limit - 1] if len(rows) > limit else None
    return Views(rows[:limit], make_cursor(last.at, last.id) if last is not None else None)


def withheld(tx: Tx, rows: Iterable[ShareRow]) -> set[str]:
    """Return the ids of those owners whose shares show nothing: disabled, or held by an incident."""
    owners = {row.owner_id for row in rows}
    return set(tx.scalars(select(UserRow.id).where(UserRow.id.in_(owners), ~_may_give())))


def _live(now: datetime) -> Select[ShareRow]:
    """Shares that show something. An owner who is shut out shows nothing, nor does what they shared."""
    return (
        select(ShareRow)
        .join(UserRow, UserRow.id == ShareRow.owner_id)
        .where(ShareRow.revoked_at.is_(None), ShareRow.expires_at > now, _may_give())
    )


def _may_give() -> ColumnElement[bool]:
    return and_(UserRow.status == "active", UserRow.held_by.is_(None))


def _is_for(actor: Actor) -> ColumnElement[bool]:
    """Whether a share is for somebody. By ids: a later project of the same name is another one."""
    if not rules.may_look(actor):
        return false()
    theirs = select(ShareAudienceRow.share_id).where(
        or_(
            ShareAudienceRow.grantee == EVERYONE,
            ShareAudienceRow.subject_id == actor.id,
            ShareAudienceRow.subject_id.in_(_projects(actor)),
        )
    )
    viewer = aliased(UserRow)
    is_there = exists().where(viewer.id == actor.id, viewer.status == "active")
    return and_(is_there, or_(ShareRow.owner_id == actor.id, ShareRow.id.in_(theirs)))


def _projects(actor: Actor) -> Select[str]:
    return (
        select(ProjectMemberRow.project_id)
        .join(ProjectRow, ProjectRow.id == ProjectMemberRow.project_id)
        .where(ProjectMemberRow.user_id == actor.id, ProjectRow.archived_at.is_(None))
    )


def _page(tx: Tx, query: Select[ShareRow], limit: int, cursor: str | None) -> Found:
    if cursor:
        at, row_id = read_cursor(cursor)
        behind = and_(ShareRow.created_at == at, ShareRow.id < row_id)
        query = query.where(or_(ShareRow.created_at < at, behind))
    query = query.order_by(ShareRow.created_at.desc(), ShareRow.id.desc()).limit(limit + 1)
    rows = list(tx.scalars(query))
    last = rows[limit - 1] if len(rows) > limit else None
    return Found(rows[:limit], make_cursor(last.created_at, last.id) if last is not None else None)
