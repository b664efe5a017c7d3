"""The mark that stands where a value was taken out, and how it is known again: it is no finding itself."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from . import rulebook

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


def is_mark(title: str, found: str) -> bool:
    """Return whether `title`, as it stands in a mark, is one; `found`: the title of what was found within it.

    Any other words there may be a value that somebody hides in what looks like a mark.
    """
    return any(title == _bare(what + found) for what in ("", *WITHIN)) or title in _known()


def _bare(title: str) -> str:
    return " ".join(_NOT_IN_A_TITLE.sub(" ", title).split())[:60].strip() or "a value"


@cache
def _known() -> frozenset[str]:
    titles = {rule.title for rule in rulebook.built_in()}
    return frozenset({_bare(what + title) for what in ("", *WITHIN) for title in titles} | {UNREADABLE})
