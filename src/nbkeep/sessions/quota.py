"""Asks the quotas whether a session may begin; its row, in the same transaction, is what reserves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.quotas.book import holds, read
from nbkeep.quotas.rules import may_begin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.model.verdict import Verdict
    from nbkeep.store.database import Tx

    from .interface import Parts


class Quotas:
    """A person's quotas, and their projects', as of now: read once, asked about any number of profiles."""

    def __init__(self, parts: Parts, tx: Tx, user_id: str) -> None:
        self._currency = parts.settings.currency
        self._user_id = user_id
        self._book = read(tx, parts.clock.now(), [user_id], has_rates=False)

    def fit(self, profile: Mapping[str, Any]) -> Verdict:
        """Decide whether there is room for a session of this snapshot."""
        things = holds(profile)
        cost = self._book.cost_of(things)
        return may_begin(self._book.standings(self._user_id), things, cost, self._currency)
