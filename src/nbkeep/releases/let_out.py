"""Let a judged or approved document out: exactly the bytes of one hash, in the transaction that says so."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.shares.make import make_share
from nbkeep.shares.values import Released, limits_of

from . import rules
from .tell import named, tell_author
from .values import PLAIN, State

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.store.release_tables import ReleaseRow
    from nbkeep.store.tables import UserRow


def let_out(
    tx: Tx, clock: Clock, settings: Settings, actor: Actor, row: ReleaseRow, user: UserRow, variant: str
) -> None:
    """Make a download or export ready for its author, a share or publication at once. Who may, was decided.

    Raises `Refused` where a share cannot be made any more (its project is gone): nothing is changed then.
    """
    now = clock.now()
    row.variant, row.approved_sha256 = variant, hash_of(row, variant)
    if row.gate not in rules.SHARING:
        row.state, row.lapses_at = State.READY.value, now + timedelta(seconds=settings.release_valid_s)
        return
    limits = limits_of(settings)
    most_s = limits.link_max_s if row.gate == "share" else limits.gallery_max_s  # lowered since, perhaps
    released = Released(
        release_id=row.id,
        owner_id=user.id,
        owner=user.name,
        title=row.title,
        sha256=row.approved_sha256,
        media_type=str(row.pages.get(variant, {}).get("media_type", "")),
        form=row.form,
        classification=row.classification,
        gate=row.gate,
        audience=tuple(row.audience),
        expires_at=now + timedelta(seconds=min(row.lasts_s, most_s)),
        description=row.description,
        tags=tuple(row.tags),
    )
    row.share_id = make_share(tx, clock, actor, released, limits).id
    row.state, row.ended_at = State.RELEASED.value, now
    event = events.ReleaseReleased(
        session_id=row.session_id,
        release_id=row.id,
        user=user.name,
        gate=row.gate,
        sha256=row.approved_sha256,
        variant=variant,
        share_id=row.share_id,
    )
    journal.append(tx, clock, actor, event)


def tell_let_out(tx: Tx, clock: Clock, row: ReleaseRow, by: str) -> None:
    """Tell its author that it may leave; `by`: who approved it, "" where the policies alone did."""
    how = "" if row.variant == PLAIN else " without what was found in it"
    approved = f", approved by {by}" if by else ""
    if row.gate in rules.SHARING:
        tell_author(tx, clock, row, f"{named(row)} is {_DONE[row.gate]}{how}{approved}.")
        return
    until = f"{row.lapses_at:%Y-%m-%d %H:%M} UTC" if row.lapses_at else ""
    tell_author(tx, clock, row, f"{named(row)} may leave{how}{approved}. Take it until {until}, once: "
                "on the portal's page Releases.")  # fmt: skip


_DONE = {"share": "shared", "publish": "published"}


def hash_of(row: ReleaseRow, variant: str) -> str:
    """Return the hash of one variant of what would leave; "" where there is none."""
    return row.plain_sha256 if variant == PLAIN else row.redacted_sha256
