"""HTML, SVG and XML: texts, attributes, scripts and comments, and their tables as tables."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import LineCounter, LinesOfRows, Part, Unread

from . import image, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbkeep.scanning.values import Limits, Place

_TABLE = re.compile(r"<table\b", re.IGNORECASE)
_TABLE_END = re.compile(r"</table\s*>", re.IGNORECASE)
# The begin of a row, or a cell with all that stands in it up to the next cell or row, closed or not.
_CELL = re.compile(r"<t(?:r\b|([hd])\b[^>]*>([^<]*(?:<(?!/?t[hdr]\b)[^<]*)*))", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
PICTURE = re.compile(r"data:image/[\w.+-]{1,30}(?:;[\w=.-]{1,40}){0,3}?;base64,\s{0,4}", re.IGNORECASE)
PICTURE_END = re.compile(r"[^A-Za-z0-9+/=]")
# The other lines of one within quotes, where browsers skip breaks; as text they are read as well.
_PICTURE_GOES_ON = re.compile(r"[ \t\r\n][A-Za-z0-9+/=\s]*(?=[\"'])")
_MOST_PICTURES = 500
_PARAGRAPHS = re.compile(r"</(?:w:p|a:p|text:p|si|row|p)>")


def read_markup(
    text: str, place: Place, limits: Limits, *, name: str = "", kind: str = "text"
) -> Iterator[Part | Unread]:
    """Yield what stands in a marked-up text; pictures within it are read as pictures, not as text."""
    text, pictures = _without_pictures(text)
    yield Part(text, Hint(kind, name=name), place)
    for one in pictures:
        yield from image.read_base64(one, place, limits)
    if (
        "<w:t" in text or "<t>" in text or "<text:p" in text
    ):  # a word of an office document is in many elements
        shown = _TAG.sub("", _PARAGRAPHS.sub("\n", text))
        yield Part(
            html.unescape(shown), Hint("text", name=name), place, line=0, lines=(0,) * (shown.count("\n") + 1)
        )
    if "<table" in text.lower():
        yield from _tables(text, place, limits, name)


def _without_pictures(text: str) -> tuple[str, list[str]]:
    if "data:image/" not in text.lower():
        return text, []
    pictures: list[str] = []
    kept: list[str] = []
    done = 0
    for found in PICTURE.finditer(text):
        if found.start() < done or len(pictures) >= _MOST_PICTURES:
            continue
        end = PICTURE_END.search(text, found.end())
        stop = end.start() if end else len(text)
        kept.append(text[done : found.end()])
        more = _PICTURE_GOES_ON.match(text, stop)
        pictures.append(text[found.end() : more.end() if more else stop])
        done = stop
    kept.append(text[done:])
    return "".join(kept), pictures


def _tables(text: str, place: Place, limits: Limits, name: str) -> Iterator[Part | Unread]:
    counter = LineCounter(text)
    left = limits.table_rows
    begins = [found.start() for found in _TABLE.finditer(text)]
    for begin, after in zip(begins, [*begins[1:], len(text)], strict=True):
        ended = _TABLE_END.search(text, begin, after)
        head: list[list[str]] = []
        rows: list[list[str]] = []
        positions: list[int] = []
        for at, has_values, cells in _rows(text, begin, ended.start() if ended else after):
            if not has_values and not rows:
                head.append(cells)
            else:
                rows.append(cells)
                positions.append(at)
        if rows and not head:
            head, rows, positions = rows[:1], rows[1:], positions[1:]
        yield from table.columns(head, rows[:left], LinesOfRows(counter, positions), place, name)
        left -= len(rows)
        if left <= 0:
            why = f"has more than {limits.table_rows:,} rows of tables: the others were read as text only"
            yield Unread(why, place, partly=True)
            return


def _rows(text: str, begin: int, end: int) -> Iterator[tuple[int, bool, list[str]]]:
    """Yield where each row begins, whether it has cells of values, and its cells."""
    at, has_values = -1, False
    cells: list[str] = []
    for found in _CELL.finditer(text, begin, end):
        kind, inner = found.groups()
        if kind is None:
            if cells:
                yield at, has_values, cells
            at, has_values, cells = found.start(), False, []
            continue
        if kind in "dD":
            has_values = True
        if "<" in inner:
            inner = _TAG.sub("", inner)
        cells.append(html.unescape(inner).strip() if "&" in inner else inner.strip())
    if cells:
        yield at, has_values, cells
