"""Give somebody the document of a share: on record before the first byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.guard.records import judge_home
from nbkeep.guard.words import sentence
from nbkeep.model.errors import Refused
from nbkeep.model.gates import Decision, Found, Gate
from nbkeep.model.ids import new_id
from nbkeep.rendering.kept import Documents
from nbkeep.store.release_tables import ReleaseRow
from nbkeep.store.share_tables import ShareViewRow

from .records import find_for, find_for_anyone
from .values import FILE, SAME_VIEW

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from nbkeep.store.interface import Parts
    from nbkeep.store.share_tables import ShareRow


@dataclass(frozen=True)
class Document:
    """A document on its way to somebody."""

    row: ShareRow
    data: bytes


def find(parts: Parts, tx: Tx, actor: Actor, share_id: str, key: str | None = None) -> ShareRow:
    """Return a share for who may look at it: by name, or by the key of a link for anyone. 404 otherwise."""
    now = parts.clock.now()
    if key is not None:
        return find_for_anyone(tx, parts.settings, now, share_id, key)
    return find_for(tx, now, actor, share_id)


def look(parts: Parts, actor: Actor, share_id: str, way: str, key: str | None = None) -> Document:
    """Return the document of a share, and record who is given it. `way`: `values.PAGE` or `FILE`.

    Raises `Refused`: 404 for what is not for them, 403 for its owner's own file where they may not download
    it; `Unavailable` where the document is gone, or is not the one that was released.
    """
    with parts.store.read() as tx:
        row = find(parts, tx, actor, share_id, key)
        if way == FILE and actor.id == row.owner_id:
            _check_download(tx, row)
    data = Documents(parts.settings.documents_dir).read(row.sha256)
    with parts.store.write() as tx:
        row = find(parts, tx, actor, share_id, key)  # it may have been revoked while the disk was read
        _record(tx, parts, actor, row, way)
    return Document(row, data)


def _check_download(tx: Tx, row: ShareRow) -> None:
    """Refuse to its owner what the gate download would not let out at once: a share is no way around it.

    What was redacted has neither secrets nor personal data any more.
    """
    release = tx.get(ReleaseRow, row.release_id)
    found = set(Found)  # of what no release is on record everything may be in
    if release is not None:
        found = {one for one in Found if one.value in release.found}
        if release.variant == "redacted":
            found = found - {Found.SECRET, Found.PERSONAL} or {Found.NOTHING}
    judgement = judge_home(
        tx, row.owner_id, Gate.DOWNLOAD, found,
        profile=release.profile_name if release is not None else "",
        projects=release.projects if release is not None else (),
        classification=row.classification,
    )  # fmt: skip
    if judgement.decision is Decision.ALLOW:
        return
    path = release.path if release is not None else "PATH"
    raise Refused("own-share-not-taken", f"You may look at what you share, and not take it as a file. "
                  f"{sentence(judgement, Gate.DOWNLOAD)}",
                  f"Ask for it: `nbkeep release request {path} --gate download`.")  # fmt: skip


def _record(tx: Tx, parts: Parts, actor: Actor, row: ShareRow, way: str) -> None:
    now = parts.clock.now()
    row.views += 1
    row.last_viewed_at = now
    viewer_id, address = actor.id[:24], actor.address[:45]
    last = _same_view(tx, row.id, viewer_id, address, way, now)
    if last is not None:
        last.times += 1
        last.last_at = now
        return
    tx.add(
        ShareViewRow(
            id=new_id("viw", now),
            share_id=row.id,
            viewer_id=viewer_id,
            viewer=actor.name[:60],
            address=address,
            way=way,
            at=now,
            last_at=now,
            times=1,
        )
    )
    event = events.ShareViewed(share_id=row.id, owner=row.owner, sha256=row.sha256, way=way)
    journal.append(tx, parts.clock, actor, event)


def _same_view(
    tx: Tx, share_id: str, viewer_id: str, address: str, way: str, now: datetime
) -> ShareViewRow | None:
    return tx.scalar(
        select(ShareViewRow)
        .where(
            ShareViewRow.share_id == share_id,
            ShareViewRow.at > now - SAME_VIEW,
            ShareViewRow.at <= now,
            ShareViewRow.viewer_id == viewer_id,
            ShareViewRow.address == address,
            ShareViewRow.way == way,
        )
        .order_by(ShareViewRow.at.desc())
        .limit(1)
    )
