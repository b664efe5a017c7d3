"""Make a share: in the transaction that releases its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import ROLE_SCOPES, Role
from nbkeep.model.errors import not_found
from nbkeep.model.grantee import PROJECT, USER
from nbkeep.model.ids import new_id
from nbkeep.outbox.notices import add_notice
from nbkeep.people.project_rules import ADMIN as ADMIN_OF_PROJECTS
from nbkeep.people.records import find_user
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.share_tables import ShareAudienceRow, ShareRow
from nbkeep.store.tables import UserRow

from . import rules
from .values import KINDS, LINK, Limits

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .values import Released

MADE = "share-made"


def make_share(
    tx: Tx, clock: Clock, actor: Actor, released: Released, limits: Limits | None = None
) -> ShareRow:
    """Share a released document and tell the people who are named. Twice is safe: the first one is returned.

    `limits`: `values.limits_of(settings)`; without them the strictest hold. Raises `Refused`: see
    `rules.check`; 404 for people and projects that are not there, or that the owner does not see.
    """
    there = tx.scalar(select(ShareRow).where(ShareRow.release_id == released.release_id))
    if there is not None:
        return there
    now = clock.now()
    rules.check(released, limits or Limits(), now)
    title, description = rules.check_title(released.title), rules.check_description(released.description)
    tags = rules.check_tags(released.tags)
    subjects = find_audience(tx, released.owner_id, released.audience)
    row = ShareRow(
        id=new_id("shr", now),
        release_id=released.release_id,
        owner_id=released.owner_id,
        owner=released.owner,
        kind=KINDS[released.gate],
        title=title,
        description=description,
        tag_words=f" {' '.join(tags)} ",
        words=" ".join((title, description, *tags, released.owner)).casefold(),
        form=released.form,
        media_type=released.media_type[:100],
        sha256=released.sha256,
        classification=released.classification,
        created_at=now,
        expires_at=released.expires_at,
        revoked_at=None,
        revoked_by="",
        revoke_reason="",
        views=0,
        last_viewed_at=None,
    )
    tx.add(row)
    tx.flush()
    tx.add_all(
        ShareAudienceRow(share_id=row.id, grantee=grantee, subject_id=subject_id)
        for grantee, subject_id in subjects.items()
    )
    event = events.ShareMade(
        share_id=row.id,
        release_id=row.release_id,
        owner=row.owner,
        kind=row.kind,
        form=row.form,
        sha256=row.sha256,
        classification=row.classification,
        audience=list(subjects),
        expires_at=row.expires_at.isoformat(),
    )
    journal.append(tx, clock, actor, event)
    _tell(tx, clock, row, subjects)
    return row


def find_audience(tx: Tx, owner_id: str, audience: tuple[str, ...]) -> dict[str, str]:
    """Return the ids of the people and projects that a share is to be for, by their words; "" where all are.

    Raises `Refused`: 400 for words that name nobody, 404 alike for a project that is not there and for one
    that the owner does not see.
    """
    owner = tx.get_one(UserRow, owner_id)
    return {one: _subject(tx, owner, one) for one in rules.check_audience(audience)}


def _subject(tx: Tx, owner: UserRow, grantee: str) -> str:
    name = grantee.partition(":")[2]
    if grantee.startswith(USER):
        user = find_user(tx, name)
        if user is None:
            raise not_found("user", name)
        return user.id
    if not grantee.startswith(PROJECT):
        return ""
    project = tx.scalar(select(ProjectRow).where(ProjectRow.name == name, ProjectRow.archived_at.is_(None)))
    sees_all = ADMIN_OF_PROJECTS in ROLE_SCOPES[Role(owner.role)]
    if project is None or not (sees_all or tx.get(ProjectMemberRow, (project.id, owner.id))):
        raise not_found("project", name)
    return project.id


def _tell(tx: Tx, clock: Clock, row: ShareRow, subjects: dict[str, str]) -> None:
    where = "under Shared with me" if row.kind == LINK else "in the gallery"
    until = f"{row.expires_at:%Y-%m-%d %H:%M} UTC"
    text = f"{row.owner} shared “{row.title}” with you, until {until}. It stands {where}."
    for grantee, user_id in subjects.items():
        if grantee.startswith(USER) and user_id != row.owner_id:
            add_notice(tx, clock, user_id, MADE, text)
