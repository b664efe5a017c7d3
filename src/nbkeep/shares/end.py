"""End a share, or bring its end forward. Nothing here makes one longer: that is another release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, invalid
from nbkeep.outbox.notices import add_notice
from nbkeep.store.share_tables import ShareRow

from . import rules
from .records import find_managed

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

REVOKED = "share-revoked"


def revoke_share(tx: Tx, clock: Clock, actor: Actor, share_id: str, reason: str) -> ShareRow:
    """End a share at once and return it. For its owner and `admin:releases`, who give a reason.

    Twice is safe, the first reason stays. Raises `Refused` (404) alike for what is not there and not theirs.
    """
    row = find_managed(tx, actor, share_id)
    said = rules.check_reason(reason, is_own=actor.id == row.owner_id)
    if row.revoked_at is None:
        _revoke(tx, clock, actor, row, said)
    return row


def revoke_all_of(tx: Tx, clock: Clock, actor: Actor, owner_id: str, reason: str) -> int:
    """End all live shares of a person, in a transaction that takes more from them; return how many."""
    query = select(ShareRow).where(
        ShareRow.owner_id == owner_id, ShareRow.revoked_at.is_(None), ShareRow.expires_at > clock.now()
    )
    rows = tx.scalars(query.order_by(ShareRow.id)).all()
    for row in rows:
        _revoke(tx, clock, actor, row, reason)
    return len(rows)


def shorten_share(tx: Tx, clock: Clock, actor: Actor, share_id: str, expires_at: datetime) -> ShareRow:
    """Bring the end of a share forward and return it. For its owner and `admin:releases`. Twice is safe.

    Raises `Refused`: 400 for an end that has passed or is later, 404, 409 for a share that is over.
    """
    row, now = find_managed(tx, actor, share_id), clock.now()
    if row.revoked_at is not None or row.expires_at <= now:
        raise Refused("share-over", "This share is over already.", "See `nbkeep share list`.", status=409)
    if expires_at > row.expires_at:
        raise invalid("expires-at", f"It ends on {row.expires_at:%Y-%m-%d %H:%M} UTC, and not later.",
                      "Ask for the document to be released again.")  # fmt: skip
    if expires_at <= now:
        raise invalid("expires-at", "This moment has passed.", "To end it at once: `nbkeep share revoke ID`.")
    before = row.expires_at
    if expires_at < before:
        row.expires_at = expires_at
        event = events.ShareShortened(
            share_id=row.id, owner=row.owner, before=before.isoformat(), after=expires_at.isoformat()
        )
        journal.append(tx, clock, actor, event)
    return row


def _revoke(tx: Tx, clock: Clock, actor: Actor, row: ShareRow, reason: str) -> None:
    row.revoked_at, row.revoked_by, row.revoke_reason = clock.now(), actor.name[:60], reason
    event = events.ShareRevoked(share_id=row.id, owner=row.owner, sha256=row.sha256, reason=reason)
    journal.append(tx, clock, actor, event)
    if actor.id != row.owner_id:
        text = f"{actor.name} ended your share “{row.title}”: {reason}"
        add_notice(tx, clock, row.owner_id, REVOKED, text)
