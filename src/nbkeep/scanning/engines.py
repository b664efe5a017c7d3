"""The first pass: which rules may have something in a text, and where; for all rules at once.

Hyperscan (Vectorscan on ARM) where there is a wheel of it; else Python's own `re`, rule by rule, which is
slower and finds the same. Both see a text as ASCII with a mark in place of every other character, so that a
byte is a character and an offset needs no translation.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Protocol

try:
    import hyperscan
except ImportError:  # no wheel for this machine
    hyperscan = None

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class FirstPass(Protocol):
    """Finds triggers. Made once for a list of patterns; may be used by several threads."""

    name: str

    def find(self, text: str) -> dict[int, list[int]]:
        """Return, for each pattern (by its place in the list) that is in `text`, where its matches end."""
        ...


def best(patterns: Sequence[str]) -> FirstPass:
    """Return the fastest engine that there is on this machine."""
    return Plain(patterns) if hyperscan is None else Hyperscan(patterns)


_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[a-z:]+|\{(\d+)(?:,\d*)?\}|.", re.DOTALL)
_ENOUGH = 8


def shortened(trigger: str) -> str:
    """Return a trigger that ends with its first long repeat, so that it compiles fast.

    The second pass looks at the rest. A long repeat that a trigger begins with is made short only.

    >>> shortened("ghp_[A-Za-z0-9]{36}"), shortened("x(?:a{20}b|cd)e"), shortened("[0-9]{20}-us")
    ('ghp_[A-Za-z0-9]{8}', 'x(?:a{8}|cd)', '[0-9]{8}-us')
    """
    out: list[str] = []
    depth = 0
    cut: int | None = None  # nothing is kept up to the end of this alternative
    was_cut: set[int] = set()
    for token in _TOKEN.finditer(trigger):
        text = token[0]
        if text.startswith("("):
            depth += 1
        elif text == ")":
            depth -= 1
            was_cut.discard(depth + 2)
            if depth + 1 in was_cut or (cut is not None and cut > depth):
                # A part of the group ended early, so what follows the group can tell nothing any more.
                was_cut.discard(depth + 1)
                was_cut.add(depth)
                out.append(text)
                cut = depth
                continue
        elif text == "|" and cut is not None and depth <= cut:
            cut = None
        if cut is not None:
            continue
        if token[1] and int(token[1]) > _ENOUGH:
            out.append(f"{{{_ENOUGH}}}")
            if len(out) > 2:
                cut = depth
                was_cut.add(depth)
            continue
        out.append(text)
    return "".join(out)


def _ascii(text: str) -> bytes:
    # A line break comes first, because patterns ask what stands before; so an offset in the text is one less.
    return b"\n" + text.encode("ascii", "replace")


class Hyperscan:
    """All patterns in one automaton."""

    name = "hyperscan"

    def __init__(self, patterns: Sequence[str]) -> None:
        if hyperscan is None:
            raise RuntimeError("there is no hyperscan on this machine")
        given = [(number, pattern) for number, pattern in enumerate(patterns) if pattern]
        self._database: Any = hyperscan.Database()
        self._database.compile(
            expressions=[pattern.encode() for _number, pattern in given],
            ids=[number for number, _pattern in given],
            elements=len(given),
            flags=[0] * len(given),
        )
        # Its scratch space is one: a second thread has to wait.
        self._lock = threading.Lock()

    def find(self, text: str) -> dict[int, list[int]]:
        """Return where the patterns' matches end."""
        found: dict[int, list[int]] = {}

        def seen(number: int, _begin: int, end: int, _flags: int, _context: object) -> None:
            ends = found.get(number)
            if ends is None:
                found[number] = [end - 1]
            else:
                ends.append(end - 1)

        with self._lock:
            self._database.scan(_ascii(text), match_event_handler=seen)
        return found


class Present:
    """Which of some patterns are in a text at all. May be used by several threads.

    Where there is no Hyperscan, all of them: looking for each would take longer than what it could spare.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._all = frozenset(range(len(patterns)))
        self._lock = threading.Lock()
        self._database: Any = None
        if hyperscan is not None:
            self._database = hyperscan.Database()
            self._database.compile(
                expressions=[pattern.encode() for pattern in patterns],
                ids=list(self._all),
                elements=len(patterns),
                flags=[hyperscan.HS_FLAG_SINGLEMATCH] * len(patterns),
            )

    def find(self, text: str) -> Collection[int]:
        """Return the places in the list of the patterns that are in `text`, of which it sees the ASCII."""
        if self._database is None:
            return self._all
        found: list[int] = []

        def seen(number: int, _begin: int, _end: int, _flags: int, _context: object) -> None:
            found.append(number)

        with self._lock:
            self._database.scan(_ascii(text), match_event_handler=seen)
        return found


class Plain:
    """Each pattern by itself. Patterns are bounded, so that this too takes time in proportion to the text."""

    name = "python"

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [
            (number, re.compile(pattern.encode())) for number, pattern in enumerate(patterns) if pattern
        ]

    def find(self, text: str) -> dict[int, list[int]]:
        """Return where the patterns' matches end."""
        data = _ascii(text)
        found: dict[int, list[int]] = {}
        for number, pattern in self._patterns:
            ends = [match.end() - 1 for match in pattern.finditer(data)]
            if ends:
                found[number] = ends
        return found
