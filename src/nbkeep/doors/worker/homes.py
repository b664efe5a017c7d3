"""Measures people's homes, for the meter and the dashboard, beside the other loops: it may take minutes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.meter.homes import set_size
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.sessions.storage import note_storage
from nbkeep.store.storage_tables import MeterHomeRow
from nbkeep.store.tables import UserRow

if TYPE_CHECKING:
    from nbkeep.backends.interface import Backend
    from nbkeep.sessions.interface import Parts

EVERY_S = 3600.0
_LOOK_S = 60.0
_AGAIN_S = 600.0
_MOST_FAILURES = 3  # in one round: then it is the node that is away, not a home


@dataclass
class HomeMeasurer:
    """Remembers when it measured whose home; a restarted one measures all again, and nothing counts twice."""

    parts: Parts
    _due_at_s: dict[str, float] = field(default_factory=dict[str, float])
    _looked_at_s: float | None = None
    _is_ending: bool = False

    def end(self) -> None:
        """Let a round that goes on end after the home that it measures, and write nothing more."""
        self._is_ending = True

    def round(self) -> None:
        """Measure the homes that are due. Raises `Unavailable` while the node is away: they stay due.

        What cannot be measured now keeps the size before; it is tried again soon.
        """
        now_s = self.parts.clock.monotonic_s()
        if self._looked_at_s is not None and now_s - self._looked_at_s < _LOOK_S:
            return
        self._looked_at_s = now_s
        with self.parts.store.read() as tx:
            people = {row.id: row.name for row in tx.execute(select(UserRow.id, UserRow.name))}
            counted = set(tx.scalars(select(MeterHomeRow.user_id)))
        failures = 0
        for user_id, name in people.items():
            if self._is_ending:
                return
            if self._due_at_s.get(user_id, now_s) > now_s:
                continue
            try:
                used_bytes = used_by(self.parts.backend, name)
            except (Unavailable, Refused):
                failures += 1
                self._due_at_s[user_id] = now_s + _AGAIN_S
                if failures == _MOST_FAILURES:
                    raise
                continue
            if self._is_ending:
                return
            with self.parts.store.write() as tx:
                is_counted = used_bytes or user_id in counted
                if is_counted and not set_size(tx, self.parts.clock, user_id, used_bytes):
                    return  # the meter is another office's, or has not begun
                note_storage(tx, self.parts.clock, user_id, used_bytes)
            self._due_at_s[user_id] = now_s + EVERY_S


def used_by(backend: Backend, user: str) -> int:
    """Return how many bytes somebody's home holds, 0 where there is none. Raises `Unavailable`, `Refused`."""
    try:
        volume = backend.volume(user)
    except Unavailable:
        # A plain folder is read for it; this question waits for minutes where that one gives up.
        folders = backend.volume_usage(user).folders
        whole = next((one.bytes for one in folders if not one.path), None)
        if whole is None:
            raise
        return whole
    return volume.used_bytes if volume is not None else 0
