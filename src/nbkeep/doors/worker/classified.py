"""Has the node walk the homes of sessions that carry a class of data, beside the other loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbkeep.data.classified import due_walks, note_failure, take_part
from nbkeep.model.errors import Refused, Unavailable

if TYPE_CHECKING:
    from nbkeep.data.classified import Due
    from nbkeep.sessions.interface import Parts

_NOT_THERE = 404  # a home that was never made, or is gone: nothing is in it


@dataclass
class ClassWalker:
    """Goes on where it was, also after a restart: how far a walk is stands in the database."""

    parts: Parts
    _is_ending: bool = False

    def end(self) -> None:
        """Let a round that goes on end after the part that it asks for."""
        self._is_ending = True

    def round(self) -> None:
        """Do the walks that are due, a part of each by turns, so that no home keeps the others waiting.

        Raises `Unavailable` while the node is away: the walks stay due.
        """
        goes_on = True
        while goes_on and not self._is_ending:
            with self.parts.store.read() as tx:
                due = due_walks(tx, self.parts.clock.now())
            parts = [self._part(one) for one in due if not self._is_ending]
            goes_on = any(parts)

    def _part(self, due: Due) -> bool:
        """Do one part, and tell whether the walk goes on."""
        try:
            found = self.parts.backend.changed_files(due.user, due.since, due.place)
        except (Refused, Unavailable) as error:
            if isinstance(error, Refused) and error.status == _NOT_THERE:
                with self.parts.store.write() as tx:
                    take_part(tx, self.parts.clock, due, (), "")
                return False
            # Raises where the node is away. Else it is this home's fault: the others are walked all the same.
            self.parts.backend.sessions()
            with self.parts.store.write() as tx:
                note_failure(tx, self.parts.clock, due)
            return False
        with self.parts.store.write() as tx:
            take_part(tx, self.parts.clock, due, found.files, found.next)
        return bool(found.next)
