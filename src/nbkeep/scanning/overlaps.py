"""Whether a hit in a decoded text is known already, in time that grows with the hits and not their pairs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING

from .values import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .spans import Span

_SHELF = 4096  # characters: findings are compared with those near them only


class Known:
    """What was found in a text so far."""

    def __init__(self, plain: list[Span]) -> None:
        """`plain`: what was found in clear, no two of them on the same characters."""
        self._plain = sorted(plain, key=lambda one: one.begin)
        self._begins = [one.begin for one in self._plain]
        self._ends = [one.end for one in self._plain]
        self._in_clear: dict[tuple[int, int], tuple[int, frozenset[str]]] = {}
        self._shelves: defaultdict[tuple[str, int], list[_Stretch]] = defaultdict(list)
        self._stretches: dict[tuple[str, int, int], _Stretch] = {}
        self._over: dict[tuple[str, int, int], tuple[int, list[_Stretch]]] = {}

    def has(self, new: Span, text: int) -> bool:
        """Return whether a hit is known: the same value, or what was found of it in clear.

        `text`: the number of the decoded text that it is in.
        """
        severity, rules = self._found_in_clear(new.begin, new.end)
        if severity >= SEVERITIES.index(new.hit.severity) or new.hit.rule in rules:
            return True
        return any(one.has(new.value, text) for one in self._overlapping(new))

    def add(self, new: Span, text: int) -> None:
        """Take in a hit of a decoded text."""
        key = new.hit.rule, new.begin, new.end
        if key not in self._stretches:
            self._stretches[key] = _Stretch(new.begin, new.end)
            for shelf in _shelves(new):
                self._shelves[new.hit.rule, shelf].append(self._stretches[key])
        self._stretches[key].add(new.value, text)

    def _found_in_clear(self, begin: int, end: int) -> tuple[int, frozenset[str]]:
        if (begin, end) not in self._in_clear:
            near = self._plain[bisect_right(self._ends, begin) : bisect_left(self._begins, end)]
            worst = max((SEVERITIES.index(one.hit.severity) for one in near), default=-1)
            self._in_clear[begin, end] = worst, frozenset(one.hit.rule for one in near)
        return self._in_clear[begin, end]

    def _overlapping(self, new: Span) -> list[_Stretch]:
        # All values in one long base64 stand on the same stretch, so it is looked for once.
        key, count = (new.hit.rule, new.begin, new.end), len(self._stretches)
        known = self._over.get(key)
        if known is None or known[0] != count:
            known = self._over[key] = count, list(self._search(new))
        return known[1]

    def _search(self, new: Span) -> Iterator[_Stretch]:
        seen: set[int] = set()
        for shelf in _shelves(new):
            for one in self._shelves.get((new.hit.rule, shelf), ()):
                if one.begin < new.end and new.begin < one.end and id(one) not in seen:
                    seen.add(id(one))
                    yield one


class _Stretch:
    """The values of one rule that stand, encoded, on the same characters."""

    def __init__(self, begin: int, end: int) -> None:
        self.begin, self.end = begin, end
        self._values: set[str] = set()
        self._text = -1  # the decoded text that `_fresh` are of
        self._fresh: list[str] = []
        self._earlier: set[str] = set()
        self._lengths: set[int] = set()
        self._together = ""

    def add(self, value: str, text: int) -> None:
        """Take in a value of a decoded text."""
        self._turn_to(text)
        if value not in self._values:
            self._values.add(value)
            self._fresh.append(value)

    def has(self, value: str, text: int) -> bool:
        """Return whether a value is known, or a part of one of another text, or one is a part of it.

        Within one text hits lie side by side: there they are the same only where they are equal.
        """
        self._turn_to(text)
        if value in self._values or value in self._together:
            return True
        shorter = [length for length in self._lengths if length < len(value)]
        if sum(len(value) - length + 1 for length in shorter) > len(self._earlier):
            return any(one in value for one in self._earlier)
        parts = (value[at : at + size] for size in shorter for at in range(len(value) - size + 1))
        return any(part in self._earlier for part in parts)

    def _turn_to(self, text: int) -> None:
        if text == self._text:
            return
        self._text = text
        if self._fresh:
            self._earlier.update(self._fresh)
            self._lengths.update(map(len, self._fresh))
            self._together = "\0".join(self._earlier)
            self._fresh = []


def _shelves(span: Span) -> range:
    return range(span.begin // _SHELF, max(span.begin, span.end - 1) // _SHELF + 1)
