"""Grants of the kind "dataset": all of a dataset, where its sample alone is open. Its owner decides. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.data.parse import dataset_name
from nbkeep.data.rules import fits
from nbkeep.data.values import KIND
from nbkeep.model.verdict import Refuse, Verdict

if TYPE_CHECKING:
    from .interface import Situation


class Datasets:
    """Datasets by their names in the catalogue."""

    name = KIND

    def read(self, text: str) -> str:
        """Return the name; raise `Refused` (400)."""
        return dataset_name(text.strip().lower())

    def may_be_asked(self, now: Situation, subject: str) -> Verdict:
        """Refuse what is not in the catalogue, and what the profile is not cleared for."""
        if subject not in now.datasets:
            return Refuse(
                "no-dataset", f"There is no dataset {subject}.", "See which there are: `nbkeep dataset list`."
            )
        verdict = fits(now.datasets[subject], now.classification, subject)
        if isinstance(verdict, Refuse):
            return Refuse(verdict.code, f"{verdict.message[0].upper()}{verdict.message[1:]}.", verdict.remedy)
        return verdict
