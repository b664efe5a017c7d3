"""Asks the quotas whether a session may begin; its row, in the same transaction, is what reserves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.model.verdict import Allow, Verdict
from nbkeep.quotas.book import are_any, holds, read
from nbkeep.quotas.rules import may_begin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.store.database import Tx

    from .interface import Parts


def fits_quotas(parts: Parts, tx: Tx, user_id: str, profile: Mapping[str, Any]) -> Verdict:
    """Decide whether a person's quotas, and their projects', have room for a session of this snapshot."""
    if not are_any(tx):
        return Allow()
    book = read(tx, parts.clock.now(), [user_id])
    things = holds(profile)
    return may_begin(book.standings(user_id), things, book.cost_of(things), parts.settings.currency)
