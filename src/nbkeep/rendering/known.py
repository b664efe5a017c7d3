"""The values to take out of a document, and where they stand in a text: in clear, encoded, escaped or split.

Invariant: a value is in no error, no log and no `repr`.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbkeep.scanning import decode
from nbkeep.scanning.interface import Hint
from nbkeep.scanning.spans import windows
from nbkeep.scanning.values import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nbkeep.scanning.spans import Span
    from nbkeep.scanning.values import Limits, Place

Group = tuple[int, str]
"""A cell's number (0: of no cell), and which part of it: source, output, attachment or metadata."""

_STRONG = 16  # characters: so long a value stands nowhere by chance
_TELLING = 8
_WORD = re.compile(r"[^\W_]+")
_PREFIX = 10
_FEW = 24  # values that are searched one after the other
_MANY = 8  # values that are told apart by one word
_MOST_WITHIN = 200
_RUN = re.compile(r"[A-Za-z0-9+/_=-]*")
_RUN_BEFORE = re.compile(r"[A-Za-z0-9+/_=-]")
_CONFIG = Hint("config")  # decodes the most


def group_of(place: Place) -> Group:
    """Return the group that a place is in."""
    return place.cell, place.part.split(" ", 1)[0].rstrip("s")


@dataclass(slots=True)
class Known:
    """A value to take out. `groups`: where its copies go, None: everywhere. `of_table`: a cell of a table."""

    value: str = field(repr=False)
    title: str
    severity: str
    groups: set[Group] | None
    of_table: bool


Cut = tuple[int, int, Known]


class KnownValues:
    """All values that were found, and a search for all of them at once. Time: that of the text."""

    def __init__(self) -> None:
        self._all: dict[str, Known] = {}
        self._by_word: dict[str, list[tuple[int, Known]]] = {}
        self._by_prefix: dict[str, list[tuple[str, Known, bool]]] = {}
        self._needles: set[str] = set()

    def __len__(self) -> int:
        return len(self._all)

    def add(self, span: Span, group: Group, *, of_table: bool) -> None:
        """Take in a finding of a group."""
        self._add(span, span.value, group, of_table=of_table)
        lines = span.value.split("\n")
        if len(lines) > 1 and span.hit.kind == "secret":  # a key in several lines may be quoted or indented
            for line in lines:
                if len(line.strip()) >= _STRONG and not line.startswith("-----"):
                    self._add(span, line.strip(), group, of_table=of_table)

    def _add(self, span: Span, value: str, group: Group, *, of_table: bool) -> None:
        value = value.strip()
        if not value:
            return
        known = self._all.get(value)
        if known is not None:
            if known.groups is not None:
                known.groups.add(group)
            known.of_table = known.of_table and of_table
            if SEVERITIES.index(span.hit.severity) > SEVERITIES.index(known.severity):
                known.title, known.severity = span.hit.title, span.hit.severity
            return
        everywhere = is_telling(value, span.hit.kind, span.hit.rule)
        known = Known(value, span.hit.title, span.hit.severity, None if everywhere else {group}, of_table)
        self._all[value] = known
        if everywhere and len(value) >= _STRONG and any(map(str.isdigit, value)):
            self._put(value, known, coded=False)
        elif words := list(_WORD.finditer(value)):
            # The longest, but none that many have: a column of telephones begins with the same few numbers.
            word = min(words, key=lambda one: (len(self._by_word.get(one[0], ())) // _MANY, -len(one[0])))
            self._by_word.setdefault(word[0], []).append((word.start(), known))
        if everywhere and len(value) >= _TELLING:
            for needle in _encoded(value):
                self._put(needle, known, coded=True)

    def _put(self, needle: str, known: Known, *, coded: bool) -> None:
        if len(needle) >= _PREFIX and needle not in self._needles:
            self._needles.add(needle)
            self._by_prefix.setdefault(needle[:_PREFIX], []).append((needle, known, coded))

    def find(
        self, text: str, group: Group, limits: Limits, *, is_markup: bool = False, anywhere: bool = False
    ) -> Iterator[Cut]:
        """Yield where the values stand in a text of this group, in no order, some twice.

        `is_markup`: what was found in a table is a copy only where it fills a cell. `anywhere`: also within
        words and other cells.
        """
        if not self._all:
            return
        within = [one for one in self._all.values() if one.groups and group in one.groups] if anywhere else []
        for start, piece in windows(text, limits):
            for begin, end, known in self.in_clear(piece, group, within, is_markup=is_markup):
                yield start + begin, start + end, known
            for derived in decode.derive(piece, _CONFIG):
                for begin, end, known in self.in_clear(derived.text, group, within, is_markup=is_markup):
                    first, last = derived.origin(begin, end)
                    yield start + first, start + last, known

    def in_clear(
        self, text: str, group: Group, within: Sequence[Known] = (), *, is_markup: bool = False
    ) -> Iterator[Cut]:
        """Yield where the values stand in a text as it is. `within`: those looked for within words."""
        for known in within[:_MOST_WITHIN]:
            at = text.find(known.value)
            while at >= 0:
                yield at, at + len(known.value), known
                at = text.find(known.value, at + 1)
        if self._by_word:
            for word in _WORD.finditer(text):
                for offset, known in self._by_word.get(word[0], ()):
                    begin = word.start() - offset
                    if begin < 0 or not text.startswith(known.value, begin):
                        continue
                    end = begin + len(known.value)
                    if not _stands_alone(text, begin, end) or (known.groups and group not in known.groups):
                        continue
                    if not (known.groups and known.of_table and is_markup) or _is_cell(text, begin, end):
                        yield begin, end, known
        for begin, needle, known, coded in self._long(text):
            end = begin + len(needle)
            yield (*(_whole_run(text, begin, end) if coded else (begin, end)), known)

    def _long(self, text: str) -> Iterator[tuple[int, str, Known, bool]]:
        if len(self._needles) <= _FEW:
            for needles in self._by_prefix.values():
                for needle, known, coded in needles:
                    at = text.find(needle)
                    while at >= 0:
                        yield at, needle, known, coded
                        at = text.find(needle, at + 1)
            return
        prefixes = self._by_prefix
        for at in [at for at in range(len(text) - _PREFIX + 1) if text[at : at + _PREFIX] in prefixes]:
            for needle, known, coded in prefixes[text[at : at + _PREFIX]]:
                if text.startswith(needle, at):
                    yield at, needle, known, coded


def is_telling(value: str, kind: str, rule: str) -> bool:
    """Return whether a value is taken out wherever it stands, and not only in the part where it was found.

    So that a year, a name that is a word, or a password that is one, does not take half of the text with it.

    >>> [is_telling(one, "secret", "") for one in ("hunter2", "hunter", "kJ8dhW2p", "correcthorsebattery")]
    [True, False, True, True]
    >>> [is_telling(one, "personal", "") for one in ("Will", "May Summer", "1980", "600 123 456")]
    [False, True, False, True]
    """
    letters = sum(map(str.isalpha, value))
    others = sum(not char.isalpha() and not char.isspace() for char in value)
    if kind == "secret":
        if letters == len(value):
            return len(value) >= 12 or (len(value) >= _TELLING and not (value.islower() or value.istitle()))
        return len(value) >= 6 and (letters > 0 or len(value) >= _TELLING)
    if rule == "birth-date":  # a date is a date of many things
        return False
    if others == 0:
        return len(value.split()) > 1 and letters >= _TELLING
    return len(value) >= _TELLING


def _encoded(value: str) -> Iterator[str]:
    """Yield what is the same in every base64 or hexadecimal of texts that hold the value."""
    data = value.encode("utf-8", "replace")
    yield data.hex()
    yield data.hex().upper()
    for offset, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(b"\0" * offset + data).decode()
        part = whole[skipped : (offset + len(data)) * 4 // 3]
        yield part
        if "+" in part or "/" in part:
            yield part.replace("+", "-").replace("/", "_")


def _stands_alone(text: str, begin: int, end: int) -> bool:
    return not (text[begin].isalnum() and text[begin - 1 : begin].isalnum()) and not (
        text[end - 1].isalnum() and text[end : end + 1].isalnum()
    )


def _is_cell(text: str, begin: int, end: int) -> bool:
    before, after = text[max(0, begin - 200) : begin].rstrip(), text[end : end + 200].lstrip()
    return before[-1:] == ">" and after[:1] == "<"


def _whole_run(text: str, begin: int, end: int) -> tuple[int, int]:
    while begin and _RUN_BEFORE.match(text, begin - 1):
        begin -= 1
    run = _RUN.match(text, end)
    return begin, run.end() if run else end
