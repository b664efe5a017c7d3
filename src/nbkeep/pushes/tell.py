"""What people are told: reviewers that somebody waits, authors what became of their push."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.outbox.notices import add_notice, withdraw

from .records import reviewers_of

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.push_tables import PushRow
    from nbkeep.store.tables import UserRow

_KIND = "push"


def tell_author(tx: Tx, clock: Clock, row: PushRow, text: str) -> None:
    """Tell who pushed, on the portal and in their sessions."""
    add_notice(tx, clock, row.user_id, _KIND, text)


def tell_waiting(tx: Tx, clock: Clock, row: PushRow, user: UserRow, said: str) -> None:
    """Tell all who could decide that somebody waits, and its author that they do; see `forget_waiting`."""
    add_notice(tx, clock, row.user_id, row.id, f"{named(row)} waits for a reviewer. {said}")
    what = f"{user.name} wants to push {counted(row)} to {row.repository}"
    for user_id in reviewers_of(tx, row.user_id):
        add_notice(tx, clock, user_id, row.id, f"{what}. Review it on the portal's page Pushes.")


def forget_waiting(tx: Tx, clock: Clock, row: PushRow) -> None:
    """Put what was told of it away: nobody waits any more. Twice is safe."""
    withdraw(tx, clock, row.id)


def named(row: PushRow) -> str:
    """Return what it is, as people read it in a sentence."""
    return f"Your push to {row.repository} ({counted(row)})"


def counted(row: PushRow) -> str:
    """Return how much it is."""
    return f"{row.commit_count:,} commit{'' if row.commit_count == 1 else 's'}"
