"""Record what sessions reported but could not deliver, because they ended while the office was away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nbkeep.sessions.reports import take_left_reports
from nbkeep.store.tables import SessionRow

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts

_BATCHES = 20  # a round has other things to do; the next one goes on
_log = logging.getLogger("nbkeep.worker")


def take_leftovers(parts: Parts) -> None:
    """Take the reports that wait on the node. A crash between recording and forgetting records none twice."""
    for _ in range(_BATCHES):
        left = parts.backend.left_reports()
        if left is None:
            return
        with parts.store.write() as tx:
            row = tx.get(SessionRow, left.session_id)
            refused = ["No such session."] if row is None else []
            if row is not None:
                refused = take_left_reports(tx, parts.clock, row, left.reports)
        for why in refused:
            _log.error("A report that %s left is not recorded: %s", left.session_id, why)
        parts.backend.forget_reports(left.session_id, left.mark)
