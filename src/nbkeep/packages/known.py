"""Which files the pages of indexes have named lately: what is downloaded is looked up here."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.model.clock import Clock

    from .values import IndexFile

_MOST_FILES = 200_000
_FRESH_S = 900.0
_NEW_S = 10.0


class Known:
    """What indexes said, for all sessions: it depends on nothing that a session sends. Bounded."""

    def __init__(self, clock: Clock, most: int = _MOST_FILES) -> None:
        self._clock, self._most = clock, most
        self._pages: OrderedDict[tuple[str, str], tuple[float, dict[str, IndexFile]]] = OrderedDict()
        self._count = 0  # of files and pages

    def learn(self, index: str, name: str, files: Sequence[IndexFile]) -> None:
        """Keep a page of an index, in the place of what it said before."""
        self._drop((index, name))
        self._pages[index, name] = self._clock.monotonic_s(), {one.place: one for one in files}
        self._count += len(files) + 1
        while self._count > self._most and len(self._pages) > 1:
            self._drop(next(iter(self._pages)))

    def find(self, index: str, name: str, place: str) -> IndexFile | None:
        """Return what the index said of a place (`place_of`) lately, None where it is not known."""
        found = self._pages.get((index, name))
        if found is None or self._clock.monotonic_s() - found[0] > _FRESH_S:
            return None
        self._pages.move_to_end((index, name))
        return found[1].get(place)

    def has(self, index: str, name: str) -> bool:
        """Tell whether a page is kept, however old."""
        return (index, name) in self._pages

    def is_new(self, index: str, name: str) -> bool:
        """Tell whether the page was seen just now: asking for it again would bring nothing else."""
        found = self._pages.get((index, name))
        return found is not None and self._clock.monotonic_s() - found[0] < _NEW_S

    def _drop(self, key: tuple[str, str]) -> None:
        found = self._pages.pop(key, None)
        if found is not None:
            self._count -= len(found[1]) + 1
