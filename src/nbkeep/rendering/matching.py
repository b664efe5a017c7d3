"""How one sequence of texts becomes another, with a bound on all that is compared for one page.

Python's `SequenceMatcher` takes time that grows with the cube of what it is given: two lines of brackets, or
two cells of equal lines, can keep it busy for hours.
"""

from __future__ import annotations

from collections import Counter
from difflib import Match, SequenceMatcher
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_STEPS = 5_000_000
"""Comparisons for one page: a second or two. A changed line of code takes a thousand of them."""

Step = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]
"""As of `SequenceMatcher.get_opcodes`."""


class Work:
    """What may still be compared for a page."""

    def __init__(self, most: int = MOST_STEPS) -> None:
        self.left = most

    def steps(self, old: Sequence[str], new: Sequence[str], *, most: int = MOST_STEPS) -> list[Step]:
        """Return how `old` becomes `new`; as one whole that is replaced, where that would be too much work.

        `most`: of the work of the page that may go into this alone.
        """
        as_a_whole: list[Step] = [("replace", 0, len(old), 0, len(new))]
        if not old or not new:
            return list(SequenceMatcher(None, old, new).get_opcodes())
        most = min(most, self.left)
        if len(old) + len(new) > most:
            return as_a_whole
        counted = _Counted(old, new, most)
        try:
            return list(counted.get_opcodes())
        except _TooMuch:
            return as_a_whole
        finally:
            self.left -= most - counted.left


class _TooMuch(Exception):
    """More was to be compared than there may be."""


class _Counted(SequenceMatcher[str]):
    """Counts the pairs that it looks at, and gives up before they are too many."""

    def __init__(self, old: Sequence[str], new: Sequence[str], most: int) -> None:
        skips = len(new) > 500
        super().__init__(None, old, new, autojunk=skips)
        times = Counter(new)
        # As SequenceMatcher does, which skips what is everywhere in a long sequence.
        often = len(new) // 100 + 1 if skips else len(new)
        pairs = (1 + (times[one] if times[one] <= often else 0) for one in old)
        self._before = [0, *accumulate(pairs)]
        self.left = most - len(old) - len(new)

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        """Return what `SequenceMatcher` does. Raises `_TooMuch`."""
        self.left -= self._before[-1 if ahi is None else ahi] - self._before[alo]
        if self.left < 0:
            raise _TooMuch
        return super().find_longest_match(alo, ahi, blo, bhi)
