"""What who asked is told, on the portal and in JupyterLab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.ids import new_id
from nbkeep.store.tables import NoticeRow

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import GrantRow

_KIND = "grant"


def tell(tx: Tx, clock: Clock, row: GrantRow, text: str) -> None:
    """Tell who asked; in all their sessions, as it holds for all of one profile."""
    now = clock.now()
    tx.add(
        NoticeRow(id=new_id("not", now), user_id=row.user_id, session_id=None, kind=_KIND, text=text, at=now)
    )
    tx.flush()
