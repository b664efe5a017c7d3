"""Shares as JSON values for the doors: what everybody sees who may look, and what its owner sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import rules
from .link import anyone_address
from .records import audiences_of, withheld
from .values import ANYONE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.store.share_tables import ShareRow, ShareViewRow

LIVE, EXPIRED, REVOKED, WITHHELD = "live", "expired", "revoked", "withheld"


def share_view(settings: Settings, row: ShareRow) -> dict[str, Any]:
    """Return what is told to whoever may look at a share: not whom else it is for."""
    return {
        "id": row.id,
        "kind": row.kind,
        "title": row.title,
        "description": row.description,
        "tags": row.tag_words.split(),
        "owner": row.owner,
        "form": row.form,
        "media_type": row.media_type,
        "is_shown": rules.is_shown(row.media_type),
        "file_name": rules.file_name(row.title, row.form, row.media_type),
        "sha256": row.sha256,
        "classification": row.classification,
        "released_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
        "url": f"{settings.public_url}/portal/shared/{row.id}",
    }


def share_views(settings: Settings, rows: Sequence[ShareRow]) -> list[dict[str, Any]]:
    """Return `share_view` of each."""
    return [share_view(settings, row) for row in rows]


def managed_views(
    tx: Tx, settings: Settings, now: datetime, actor: Actor, rows: Sequence[ShareRow]
) -> list[dict[str, Any]]:
    """Return shares with what their owner and admins see, too.

    `anyone_url` is for the owner alone: it opens the document. `state`: live, expired, revoked, or withheld
    while the owner is disabled.
    """
    audiences, shut_out = audiences_of(tx, [row.id for row in rows]), withheld(tx, rows)
    found: list[dict[str, Any]] = []
    for row in rows:
        audience = audiences.get(row.id, [])
        state = _state(row, now, is_withheld=row.owner_id in shut_out)
        may_open = ANYONE in audience and settings.share_with_anyone and row.owner_id == actor.id
        more = {
            "release_id": row.release_id,
            "audience": audience,
            "state": state,
            "anyone_url": anyone_address(settings, row.id) if may_open and state == LIVE else None,
            "views": row.views,
            "last_viewed_at": row.last_viewed_at.isoformat() if row.last_viewed_at else None,
            "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
            "revoked_by": row.revoked_by,
            "revoke_reason": row.revoke_reason,
        }
        found.append(share_view(settings, row) | more)
    return found


def managed_view(tx: Tx, settings: Settings, now: datetime, actor: Actor, row: ShareRow) -> dict[str, Any]:
    """Return `managed_views` of one."""
    return managed_views(tx, settings, now, actor, [row])[0]


def look_view(row: ShareViewRow) -> dict[str, Any]:
    """Return one look at a share."""
    return {
        "viewer": row.viewer,
        "is_known": row.viewer_id.startswith("usr_"),
        "address": row.address,
        "way": row.way,
        "at": row.at.isoformat(),
        "last_at": row.last_at.isoformat(),
        "times": row.times,
    }


def _state(row: ShareRow, now: datetime, *, is_withheld: bool) -> str:
    if row.revoked_at is not None:
        return REVOKED
    if row.expires_at <= now:
        return EXPIRED
    return WITHHELD if is_withheld else LIVE
