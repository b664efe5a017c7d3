"""Takes what was found out of the text of a document, with every copy, and looks again whether any is left.

What is known of a value decides how far its copies are searched (`known.is_telling`): a key, a password of
some length, a number of a card or a name of two words goes wherever it stands in the document, in clear,
encoded, escaped or split; a short number, or a word that is found as a name, goes within the same cell's
same part only, and as a whole word. An encoded text that holds a value goes whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from nbkeep.scanning.documents import archive, image, notebook, parquet, pdf, strings
from nbkeep.scanning.documents.markup import PICTURE, PICTURE_END
from nbkeep.scanning.interface import Hint
from nbkeep.scanning.marks import MARK, UNREADABLE, WITHIN, mark_of
from nbkeep.scanning.spans import Look, Spotted, in_part, spotted
from nbkeep.scanning.values import SEVERITIES, LineCounter, Part, Place, Unread, mask

from . import tabletext
from .known import Group, KnownValues, group_of
from .leaves import Leaves, View, cells_of, without

Marker = Callable[[str, str, str], str]
"""Title, severity and value to what stands in its place: `mark_of` of the title, maybe with a reference."""

_MOST = 200_000
_TRIES = 3
_MOST_NOTED = 1000
_JSON = frozenset({".json", ".jsonl", ".ndjson", ".geojson"})
# Where a number was, and not a part of a string.
_BARE_MARK = re.compile(
    rf"([:,\[]\s{{0,100}})({MARK.pattern})(?=\s{{0,100}}[,\]}}\r\n])"
)  # where a number was
_MARKUP = frozenset({".html", ".htm", ".xhtml", ".svg", ".xml"})
_OF_A_CELL = {"cell_type", "source", "input", "outputs", "execution_count", "attachments"}
_KINDS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (image.is_image, "a picture: nothing can be taken out of one"),
    (pdf.is_pdf, "a PDF: nothing can be taken out of one"),
    (archive.is_archive, "an archive or an office document: nothing can be taken out of one"),
    (parquet.is_parquet, "a Parquet file: nothing can be taken out of one"),
    (lambda data: strings.text_of(data) is None, "of a kind that nbkeep does not know"),
)


class CannotBe(Exception):
    """Why a document cannot be redacted."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A finding as people are told of it."""

    place: Place
    title: str
    severity: str
    masked: str
    line: int


@dataclass(slots=True)
class Seen:
    """What a look at a document found."""

    known: KnownValues
    left: int = 0
    findings: list[Noted] = field(default_factory=list["Noted"])
    groups: dict[Group, str] = field(default_factory=dict[Group, str])
    """Where something was found, and a title of it."""
    shown: dict[tuple[int, str], list[str]] = field(default_factory=dict[tuple[int, str], list[str]])
    """What pictures show."""
    unread: list[Unread] = field(default_factory=list[Unread])


@dataclass(slots=True)
class TakenOut:
    """A document's text without what was found in it, and how much that was."""

    text: str | None = field(repr=False)
    count: int


def take_out(data: bytes, path: str, look: Look, marker: Marker, first: Seen) -> TakenOut:
    """Return the text of a document with marks in place of what was found; `text` None where nothing was.

    `first`: what is `looked` at in the same document.

    Raises `CannotBe` where it cannot be done, and whatever a document makes its reader raise.
    """
    seen, known = first, first.known
    if not seen.left and all(one.partly for one in seen.unread):
        return TakenOut(None, 0)
    for is_one, why in _KINDS:
        if is_one(data):
            raise CannotBe(f"is {why}")
    text = strings.text_of(data) or ""
    is_notebook = path.lower().endswith(".ipynb") or notebook.looks_like_one(text)
    count = 0
    for rough in range(_TRIES):
        hunt = _Hunt(look, seen, marker, anywhere=rough > 0)
        if is_notebook:
            text, taken = _notebook(text, hunt, is_last=rough == _TRIES - 1)
        else:
            text, taken = _text(text, path, hunt)
        count += taken
        seen = looked(text.encode(), path, look, known)
        if not seen.left:
            if unread := [one for one in seen.unread if not one.partly]:
                raise CannotBe(unread[0].reason)
            return TakenOut(text, count)
    raise CannotBe(f"still holds {seen.left:,} findings after {_TRIES} tries")


def looked(data: bytes, path: str, look: Look, known: KnownValues | None = None) -> Seen:
    """Return what is in a document, taking its values into `known`. Raises as `take_out` does."""
    seen = Seen(known or KnownValues())
    for one in spotted(data, path, look):
        if isinstance(one, Unread):
            seen.unread.append(one)
            continue
        _take(one, seen)
        if seen.left > _MOST:
            raise CannotBe(f"has more than {_MOST:,} findings")
    return seen


def _take(one: Spotted, seen: Seen) -> None:
    part = one.part
    if part.place.part.endswith("(shown)"):
        where = part.place.cell, part.place.part.removesuffix("(shown)").strip()
        seen.shown.setdefault(where, []).append(part.text)
    group = group_of(part.place)
    counter = LineCounter(part.text)
    for span in one.spans:
        seen.left += 1
        seen.known.add(span, group, of_table=part.hint.kind == "table")
        seen.groups.setdefault(group, span.hit.title)
        if len(seen.findings) < _MOST_NOTED:
            at = counter.at(span.begin)
            line = part.lines[min(at, len(part.lines) - 1)] if part.lines else part.line + at
            hit = span.hit
            seen.findings.append(Noted(part.place, hit.title, hit.severity, mask(span.value), line))


@dataclass(frozen=True, slots=True)
class _Hunt:
    """One try. `anywhere`: takes out also what stands within words."""

    look: Look
    seen: Seen
    marker: Marker
    anywhere: bool

    def cuts(self, text: str, view: View) -> list[tuple[int, int, str]]:
        """Return what is to be cut out of a text."""
        found = self.seen.known.find(
            text, view.group, self.look.limits, is_markup=view.is_markup, anywhere=self.anywhere
        )
        cuts = [(begin, end, self.marker(one.title, one.severity, one.value)) for begin, end, one in found]
        if "data:image/" in text:
            cuts += self._pictures_within(text, view)
        return cuts

    def _pictures_within(self, text: str, view: View) -> list[tuple[int, int, str]]:
        cuts: list[tuple[int, int, str]] = []
        for found in PICTURE.finditer(text):
            end = PICTURE_END.search(text, found.end())
            stop = end.start() if end else len(text)
            if mark := self.mark_of_held(text[found.end() : stop], view.group, view.part):
                cuts.append((found.start(), stop, mark))
        return cuts

    def mark_of_held(self, base64: str, group: Group, part: str, *, is_pdf: bool = False) -> str:
        """Return the mark for a picture (or PDF) if anything is in it, or "" where there is nothing."""
        place = Place(cell=group[0], part=part)
        limits = replace(self.look.limits, ocr_s=0)  # `shown` has that
        shown = self.seen.shown.get((group[0], part), ())
        texts = [Part(text, Hint("output"), place) for text in shown]
        read = pdf.read_base64 if is_pdf else image.read_base64
        for one in read(base64, place, limits):
            if isinstance(one, Part):
                texts.append(one)
            elif not one.partly:
                return mark_of(UNREADABLE)
        found: list[tuple[str, str]] = []
        for one in texts:
            known = self.seen.known.find(one.text, group, limits, anywhere=True)
            found += [(cut[2].severity, cut[2].title) for cut in known]
            found += [(span.hit.severity, span.hit.title) for span in in_part(one, self.look)]
        if not found:
            return ""
        _, worst = max(found, key=lambda one: SEVERITIES.index(one[0]))
        return mark_of(WITHIN[is_pdf] + worst)


def _notebook(text: str, hunt: _Hunt, *, is_last: bool) -> tuple[str, int]:
    try:
        found: Any = json.loads(text)
        cells_of(found)
    except (ValueError, RecursionError, AttributeError) as error:
        raise CannotBe("is unreadable as a notebook") from error
    count = _emptied(found, hunt.seen.groups) if is_last else 0
    leaves = Leaves(found)
    for view in leaves.views:
        for cut in hunt.cuts(view.text, view):
            view.cut(*cut)
    for one in leaves.opaque:
        is_pdf = one.mime == "application/pdf"
        one.mark = hunt.mark_of_held(one.text, one.group, one.part, is_pdf=is_pdf)
    count += leaves.write()
    made = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    return strings.without_surrogates(made), count


def _emptied(found: dict[str, Any], groups: dict[Group, str]) -> int:
    """Take out whole what still holds something: the part of a cell, or the metadata."""
    cells = cells_of(found)
    for (number, kind), title in groups.items():
        mark = mark_of(title)
        if not number:
            found["metadata"] = {}
            for key in set(found) - {"cells", "worksheets", "metadata", "nbformat", "nbformat_minor"}:
                del found[key]
            continue
        holder, at = cells[number - 1]
        cell = holder[at]
        if not notebook.is_object(cell):
            holder[at] = {"cell_type": "raw", "metadata": {}, "source": mark}
        elif kind == "source":
            cell.update({key: mark for key in ("source", "input") if key in cell})
        elif kind == "output":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": mark}]
        elif kind == "attachment":
            del cell["attachments"]
        else:
            for key in set(cell) - _OF_A_CELL:
                del cell[key]
            cell["metadata"] = {}
    return len(groups)


def _text(text: str, path: str, hunt: _Hunt) -> tuple[str, int]:
    count = 0
    if PurePosixPath(path).suffix.lower() in tabletext.NAMES:
        text, count = tabletext.without_columns(text, path, hunt.look, hunt.marker)
    view = View(text, [], (0, ""), "", is_markup=_is_markup(text, path))
    text, taken = without(text, hunt.cuts(text, view))
    if PurePosixPath(path).suffix.lower() in _JSON:
        text = _BARE_MARK.sub(r'\1"\2"', text)
    return text, count + taken


def _is_markup(text: str, path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in _MARKUP or "<table" in text.lower()
