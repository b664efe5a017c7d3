"""What people are told on the portal and in JupyterLab: what was decided, and that somebody waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.units import format_duration
from nbkeep.outbox.notices import add_notice, tell_scope, withdraw

from . import rules
from .kinds import FLAVOR

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import GrantRow, UserRow

_KIND = "grant"


def tell(tx: Tx, clock: Clock, row: GrantRow, text: str) -> None:
    """Tell who asked; in all their sessions, as it holds for all of one profile."""
    add_notice(tx, clock, row.user_id, _KIND, text)


def named(row: GrantRow) -> str:
    """Return what was asked for, as people read it."""
    if row.kind == FLAVOR.name:
        return f"sessions of {row.profile_name} ({row.subject})"
    return row.subject


def opened(row: GrantRow) -> str:
    """Return what a grant lets somebody do, as the beginning of a sentence."""
    return f"You may {'start' if row.kind == FLAVOR.name else 'reach'} {named(row)}"


def tell_deciders(tx: Tx, clock: Clock, row: GrantRow, user: UserRow, owner_id: str = "") -> None:
    """Tell all who could approve it that somebody waits, until it is decided (`forget_deciders`)."""
    text = (
        f"{user.name} asks for {named(row)} for {format_duration(row.wanted_s)}: {row.reason.rstrip('.')}. "
        "Decide on the portal's page Access."
    )
    tell_scope(tx, clock, rules.DECIDE, row.id, text, but=user.id, also=owner_id)


def forget_deciders(tx: Tx, clock: Clock, row: GrantRow) -> None:
    """Put what was told of an open request away: nobody waits any more. Twice is safe."""
    withdraw(tx, clock, row.id)
