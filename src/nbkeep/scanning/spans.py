"""Where in a text each finding stands, with its value: for this room, and for who takes values out.

The values are never written anywhere, not even by `repr`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from . import allow, decode, overlaps
from .documents.read import read
from .documents.strings import without_surrogates
from .marks import blanked, valid_marks
from .values import Limits, Part, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .clean import Clean
    from .interface import Detector, Hint, Hit

_LONGEST_LINE = 4000  # of which a mark beside a finding is looked for


@dataclass(frozen=True, slots=True)
class Look:
    """How to look. `kinds`: of findings, "secret" and "personal". `salt`: of the baseline.

    `heed_marks`: whether `nbkeep:allow` in a document counts. `rules`: only these; all when empty.
    `clean`: texts that are not looked through again, for a process that sees the same document many times.
    """

    detector: Detector
    limits: Limits = field(default_factory=Limits)
    kinds: frozenset[str] = frozenset({"secret", "personal"})
    salt: bytes = b""
    heed_marks: bool = True
    rules: frozenset[str] = frozenset()
    clean: Clean | None = None


@dataclass(slots=True)
class Span:
    """A hit, and where it stands in a text, encoded or not.

    `value`: in clear. `decoded`: it stands there encoded or split.
    """

    hit: Hit
    begin: int
    end: int
    value: str = field(repr=False)
    decoded: bool


@dataclass(slots=True)
class Spotted:
    """A text of a document, and what is in it. What an author allowed is among `allowed`."""

    part: Part = field(repr=False)
    spans: list[Span]
    allowed: list[Span]


def spotted(data: bytes, path: str, look: Look) -> Iterator[Spotted | Unread]:
    """Yield each text of a document with what is in it, and what could not be read.

    A document that makes its reader fail raises whatever that is.
    """
    for one in read(data, path, look.limits):
        if not isinstance(one, Part):
            yield one
            continue
        clean = without_surrogates(one.text)
        one = one if clean is one.text else replace(one, text=clean)  # noqa: PLW2901  where spans stand in it
        found = Spotted(one, [], [])
        for span in in_part(one, look):
            (found.allowed if reason_beside(one, span, look) else found.spans).append(span)
        yield found


def in_part(part: Part, look: Look) -> Iterator[Span]:
    """Yield the hits of one text: of windows over it where it is long, in clear and decoded."""
    text = without_surrogates(part.text)
    for begin, piece in windows(text, look.limits):
        for one in _in_window(piece, part.hint, look):
            one.begin += begin
            one.end += begin
            yield one


def _in_window(text: str, hint: Hint, look: Look) -> list[Span]:
    key = None if look.clean is None else look.clean.key(text, hint, look)
    if look.clean is None or key is None:
        return in_text(text, hint, look)
    if look.clean.has(key):
        return []
    found = in_text(text, hint, look)
    if not found:
        look.clean.add(key)
    return found


def windows(text: str, limits: Limits) -> Iterator[tuple[int, str]]:
    """Yield the pieces of a text that are looked at by themselves, and where each begins. They overlap."""
    if len(text) <= limits.window:
        yield 0, text
        return
    begin = 0
    while begin < len(text):
        end = min(len(text), begin + limits.window)
        if end < len(text):
            end = text.rfind("\n", end - limits.overlap, end) + 1 or end
        yield begin, text[begin:end]
        if end >= len(text):
            return
        begin = max(begin + 1, end - limits.overlap)


def in_text(text: str, hint: Hint, look: Look) -> list[Span]:
    """Return the hits of one text that fits into a window."""
    found = [
        Span(hit, hit.begin, hit.end, text[hit.begin : hit.end], decoded=False)
        for hit in hits(text, hint, look)
    ]
    plain = {(one.hit.rule, one.value) for one in found}
    known = overlaps.Known(found)
    for number, derived in enumerate(decode.derive(text, hint)):
        for hit in hits(derived.text, hint, look):
            value = derived.text[hit.begin : hit.end]
            if not derived.is_new(hit.begin, hit.end) and (hit.rule, value) in plain:
                continue
            begin, end = derived.origin(hit.begin, hit.end)
            new = Span(hit, begin, end, value, decoded=True)
            if not known.has(new, number):
                found.append(new)
                known.add(new, number)
    return sorted(found, key=lambda one: one.begin)


def hits(text: str, hint: Hint, look: Look) -> list[Hit]:
    """Return what the detector finds of what is looked for, without the marks of values taken out."""
    marks = valid_marks(text, look.detector.titles)
    found = [
        hit
        for hit in look.detector.find(blanked(text, marks) if marks else text, hint)
        if hit.kind in look.kinds and (not look.rules or hit.rule in look.rules)
    ]
    return [hit for hit in found if not _is_of_marks(text, hit, marks)] if marks else found


def _is_of_marks(text: str, hit: Hit, marks: list[tuple[int, int]]) -> bool:
    """Return whether a hit is on a mark, and nothing else of it is a letter or a digit."""
    at = max(0, bisect_right(marks, (hit.begin, hit.begin)) - 1)
    done, touched = hit.begin, False
    for begin, end in islice(marks, at, None):
        if begin >= hit.end:
            break
        if any(map(str.isalnum, text[done:begin])):
            return False
        touched |= end > hit.begin
        done = max(done, end)
    return touched and not any(map(str.isalnum, text[done : hit.end]))


def reason_beside(part: Part, span: Span, look: Look) -> str:
    """Return the reason why its author allows a finding, or ""."""
    if look.heed_marks and _is_written(part):
        return allow.allowed(_line_around(part.text, span.begin), span.hit.rule)
    return ""


def _is_written(part: Part) -> bool:
    """Return whether a person writes this line by line: a cell's source, or a file that is no notebook.

    Metadata, attachments and outputs are written by programs, and nobody reads a mark there.
    """
    where = "source" if part.place.cell else ""
    return part.marks and part.place.part == where and part.hint.kind in {"code", "config", "text"}


def _line_around(text: str, position: int) -> str:
    begin = text.rfind("\n", max(0, position - _LONGEST_LINE), position) + 1
    end = text.find("\n", position, position + _LONGEST_LINE)
    return text[max(begin, position - _LONGEST_LINE) : position + _LONGEST_LINE if end < 0 else end]
