"""The mark that stands where a value was taken out, and how it is known again: it is no finding itself."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = "[removed: "
REFERENCE = "\ue000{}\ue001"
"""What may follow a mark within this process: the number of what stood there. See rendering/preview.py."""
MARK = re.compile(r"\[removed: ([^\[\]\n]{1,60})\](?:\ue000([0-9]{1,6})\ue001)?")
_NOT_IN_A_TITLE = re.compile(r"[^\w .+/'()-]+")
WITHIN = ("picture with ", "PDF with ")
UNREADABLE = "what could not be read"


def mark_of(title: str) -> str:
    """Return what stands where something of this title was: no quotes, commas or tags, so it fits anywhere.

    >>> mark_of("AWS access key"), mark_of('Our "<b>" key, the old one')
    ('[removed: AWS access key]', '[removed: Our b key the old one]')
    """
    return f"{_HEAD}{_bare(title)}]"


def marks_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where something that looks like a mark begins and ends, and its title."""
    if _HEAD in text:
        yield from ((found.start(), found.end(), found[1]) for found in MARK.finditer(text))


def valid_marks(text: str, titles: frozenset[str]) -> list[tuple[int, int]]:
    """Return where the marks with a title of a rule are: others may hide a value."""
    return [(begin, end) for begin, end, title in marks_in(text) if title in _in_marks(titles)]


def blanked(text: str, marks: list[tuple[int, int]]) -> str:
    """Return the text with marks as long as before, and without words, which might be a sign of something."""
    kept: list[str] = []
    done = 0
    for begin, end in marks:
        kept += text[done:begin], "[", "x" * (end - begin - 2), "]"
        done = end
    return "".join(kept) + text[done:]


def _bare(title: str) -> str:
    return " ".join(_NOT_IN_A_TITLE.sub(" ", title).split())[:60].strip() or "a value"


@cache
def _in_marks(titles: frozenset[str]) -> frozenset[str]:
    return frozenset({_bare(what + title) for what in ("", *WITHIN) for title in titles} | {UNREADABLE})
