"""HTML, SVG and XML: texts, attributes, scripts and comments, and their tables as tables."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits, LineCounter, Part, Place, Unread

from . import image, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLE = re.compile(r"<table\b", re.IGNORECASE)
_TABLE_END = re.compile(r"</table\s*>", re.IGNORECASE)
_ROW = re.compile(r"<tr\b", re.IGNORECASE)
_CELL = re.compile(r"<t([hd])\b[^>]*>", re.IGNORECASE)
_CELL_END = re.compile(r"</t[hd]\b|</tr\b|</tbody\b|</thead\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_PICTURE = re.compile(r"data:image/[\w.+-]{1,30};base64,\s{0,4}")
_PICTURE_END = re.compile(r"[^A-Za-z0-9+/=]")
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
    if _TABLE.search(text):
        yield from _tables(text, place, limits, name)


def _without_pictures(text: str) -> tuple[str, list[str]]:
    if "data:image/" not in text:
        return text, []
    pictures: list[str] = []
    kept: list[str] = []
    done = 0
    for found in _PICTURE.finditer(text):
        if found.start() < done or len(pictures) >= _MOST_PICTURES:
            continue
        end = _PICTURE_END.search(text, found.end())
        stop = end.start() if end else len(text)
        kept.append(text[done : found.end()])
        pictures.append(text[found.end() : stop])
        done = stop
    kept.append(text[done:])
    return "".join(kept), pictures


def _tables(text: str, place: Place, limits: Limits, name: str) -> Iterator[Part | Unread]:
    counter = LineCounter(text)
    left = limits.table_rows
    begins = [found.start() for found in _TABLE.finditer(text)]
    for begin, after in zip(begins, [*begins[1:], len(text)], strict=True):
        ended = _TABLE_END.search(text, begin, after)
        rows = [found.start() for found in _ROW.finditer(text, begin, ended.start() if ended else after)]
        stop = ended.start() if ended else after
        head: list[list[str]] = []
        body: list[tuple[int, list[str]]] = []
        for row, row_end in zip(rows[:left], [*rows[1:], stop], strict=False):
            kinds, cells = _cells(text, row, row_end)
            if "d" not in kinds and not body:
                head.append(cells)
            else:
                body.append((counter.at(row) + 1, cells))
        left -= len(rows)
        if body and not head:
            head, body = [body[0][1]], body[1:]
        yield from table.columns(head, body, place, name)
        if left <= 0:
            why = f"has more than {limits.table_rows:,} rows of tables: the others were read as text only"
            yield Unread(why, place, partly=True)
            return


def _cells(text: str, begin: int, end: int) -> tuple[str, list[str]]:
    kinds = ""
    cells: list[str] = []
    opened = list(_CELL.finditer(text, begin, end))
    for at, one in enumerate(opened):
        after = opened[at + 1].start() if at + 1 < len(opened) else end
        closed = _CELL_END.search(text, one.end(), after)
        inner = text[one.end() : closed.start() if closed else after]
        if "<" in inner:
            inner = _TAG.sub("", inner)
        kinds += one[1].lower()
        cells.append((html.unescape(inner) if "&" in inner else inner).strip())
    return kinds, cells
