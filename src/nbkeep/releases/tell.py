"""What people are told: reviewers that somebody waits, authors what became of what they asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.outbox.notices import add_notice, withdraw

from .records import reviewers_of

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.release_tables import ReleaseRow
    from nbkeep.store.tables import UserRow

_KIND = "release"


def tell_author(tx: Tx, clock: Clock, row: ReleaseRow, text: str) -> None:
    """Tell who asked, on the portal and in their sessions."""
    add_notice(tx, clock, row.user_id, _KIND, text)


def tell_waiting(tx: Tx, clock: Clock, row: ReleaseRow, user: UserRow, said: str) -> None:
    """Tell all who could decide that somebody waits, and its author that they do; see `forget_waiting`.

    `said`: why it waits, a sentence.
    """
    add_notice(tx, clock, row.user_id, row.id, f"{named(row)} waits for a reviewer. {said}")
    why = f": {row.reason.rstrip('.')}" if row.reason else ""
    what = f"{user.name} wants to {row.gate} {row.path} ({row.form}){why}"
    live = sum(one.get("alive") == "live" for one in row.findings)
    found = f" {live} of the keys in it still work: have them revoked." if live else ""
    text = f"{what}. Review it on the portal's page Reviews.{found}"
    for user_id in reviewers_of(tx, row):
        add_notice(tx, clock, user_id, row.id, text)


def forget_waiting(tx: Tx, clock: Clock, row: ReleaseRow) -> None:
    """Put what was told of it away: nobody waits any more. Twice is safe."""
    withdraw(tx, clock, row.id)


def named(row: ReleaseRow) -> str:
    """Return what it is, as people read it in a sentence."""
    return f"{row.path} ({row.gate}, {row.form})"
