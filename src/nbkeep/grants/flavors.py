"""Grants of the kind "flavor": to start sessions of a profile whose flavor needs an approval. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.model.errors import invalid
from nbkeep.model.verdict import Allow, Refuse, Verdict

if TYPE_CHECKING:
    from .interface import Situation

LAST_CALL = timedelta(minutes=2)  # what sessions have left whose approval was taken away
_LONGEST_NAME = 40


class Flavors:
    """Flavors by their names; a grant is for one person's sessions of one profile on it."""

    name = "flavor"

    def read(self, text: str) -> str:
        """Return the name; raise `Refused` (400)."""
        name = text.strip().lower()
        if not name or len(name) > _LONGEST_NAME:
            raise invalid("flavor", f"{name[:40]!r} is no flavor.", "See them: `nbkeep flavor list`.")
        return name

    def may_be_asked(self, now: Situation, subject: str) -> Verdict:
        """Refuse a flavor that the profile does not stand on, and one that needs no approval."""
        if subject != now.flavor:
            return Refuse(
                "not-its-flavor",
                f"Sessions of that profile have the flavor {now.flavor}, not {subject}.",
                "See which profile has which: `nbkeep profile list`.",
            )
        if not now.needs_approval:
            return Refuse(
                "no-grant-needed", f"{subject} needs no approval (any more).", "Just start a session."
            )
        return Allow()
