"""What people are told on the portal and in JupyterLab: what was decided, and that somebody waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from nbkeep.model.actor import ROLE_SCOPES
from nbkeep.model.ids import new_id
from nbkeep.model.units import format_duration
from nbkeep.store.tables import NoticeRow, UserRow

from . import rules

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import GrantRow

_KIND = "grant"
_DECIDERS = tuple(role.value for role, scopes in ROLE_SCOPES.items() if rules.DECIDE in scopes)


def tell(tx: Tx, clock: Clock, row: GrantRow, text: str) -> None:
    """Tell who asked; in all their sessions, as it holds for all of one profile."""
    _add(tx, clock, row.user_id, _KIND, text)


def tell_deciders(tx: Tx, clock: Clock, row: GrantRow, user: UserRow, owner_id: str = "") -> None:
    """Tell all who could approve it that somebody waits, until it is decided (`forget_deciders`)."""
    text = (
        f"{user.name} asks for {row.subject} for {format_duration(row.wanted_s)}: {row.reason.rstrip('.')}. "
        "Decide on the portal's page Access."
    )
    is_decider = or_(UserRow.role.in_(_DECIDERS), UserRow.id == owner_id)
    deciders = select(UserRow.id).where(is_decider, UserRow.status == "active")
    for decider in tx.scalars(deciders.where(UserRow.id != user.id)).all():
        _add(tx, clock, decider, row.id, text)


def forget_deciders(tx: Tx, clock: Clock, row: GrantRow) -> None:
    """Put what was told of an open request away: nobody waits any more. Twice is safe."""
    told = select(NoticeRow).where(NoticeRow.kind == row.id, NoticeRow.dismissed_at.is_(None))
    for notice in tx.scalars(told):
        notice.dismissed_at = clock.now()


def _add(tx: Tx, clock: Clock, user_id: str, kind: str, text: str) -> None:
    now = clock.now()
    tx.add(NoticeRow(id=new_id("not", now), user_id=user_id, session_id=None, kind=kind, text=text, at=now))
    tx.flush()
