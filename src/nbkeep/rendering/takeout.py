"""Takes what was found out of the text of a document, with every copy, and looks again whether any is left.

What is known of a value decides how far its copies are searched (`known.is_telling`): a key, a password of
some length, a number of a card or a name of two words goes wherever it stands in the document, in clear,
encoded, escaped or split; a short number, or a word that is found as a name, goes within the same cell's
same part only, and as a whole word. An encoded text that holds a value goes whole.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from nbkeep.model.jsontypes import is_object
from nbkeep.scanning.documents import archive, image, notebook, parquet, pdf, strings
from nbkeep.scanning.documents.markup import PICTURE, PICTURE_END
from nbkeep.scanning.documents.read import read
from nbkeep.scanning.interface import Hint
from nbkeep.scanning.marks import MARK, UNREADABLE, WITHIN, mark_of
from nbkeep.scanning.spans import Look, Span, Spotted, in_part, spotted
from nbkeep.scanning.values import SEVERITIES, LineCounter, Part, Place, Unread, mask

from . import tabletext
from .known import Group, KnownValues, group_of
from .leaves import Leaves, View, cells_of, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nbkeep.scanning.values import Limits

Marker = Callable[[str, str, str], str]
"""Title, severity and value to what stands in its place: `mark_of` of the title, maybe with a reference."""

_MOST = 200_000
_TRIES = 3
_MOST_NOTED = 1000
# Where a value was found outside of the document: what is no telling one is looked for nowhere else.
_ELSEWHERE: Group = (-2, "elsewhere")
_WHOLE: Group = (-1, "all of it")
_JSON = frozenset({".json", ".jsonl", ".ndjson", ".geojson"})
# Where a number was, and not a part of a string.
_BARE_MARK = re.compile(
    rf"([:,\[]\s{{0,100}})({MARK.pattern})(?=\s{{0,100}}[,\]}}\r\n])"
)  # where a number was
_MARKUP = frozenset({".html", ".htm", ".xhtml", ".svg", ".xml"})
_TAG = re.compile(r"<[^<>]*>")
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
    elsewhere: KnownValues
    """Those that are known from outside of it: a copy of one counts as a finding, whatever the rules say."""
    left: int = 0
    spans: dict[str, Span] = field(default_factory=dict[str, Span], repr=False)
    """A finding of each value."""
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
        seen = looked(text.encode(), path, look, known=known, elsewhere=first.elsewhere)
        if not seen.left:
            if unread := [one for one in seen.unread if not one.partly]:
                raise CannotBe(unread[0].reason)
            return TakenOut(text, count)
    raise CannotBe(f"still holds {seen.left:,} findings after {_TRIES} tries")


def looked(
    data: bytes,
    path: str,
    look: Look,
    known: KnownValues | None = None,
    elsewhere: KnownValues | None = None,
) -> Seen:
    """Return what is in a document, taking its values into `known`. Raises as `take_out` does.

    `elsewhere`: values that are known from outside of it.
    """
    seen = Seen(KnownValues() if known is None else known, KnownValues() if elsewhere is None else elsewhere)
    for one in spotted(data, path, look):
        if isinstance(one, Unread):
            seen.unread.append(one)
            continue
        _take(one, seen, look)
        if seen.left > _MOST:
            raise CannotBe(f"has more than {_MOST:,} findings")
    return seen


def known_of(values: Sequence[Span]) -> KnownValues:
    """Return values that were found in another document, such as the one that this is made of."""
    known = KnownValues()
    for one in values:
        known.add(one, _ELSEWHERE, of_table=False)
    return known


def values_of(data: bytes, path: str, look: Look) -> tuple[Span, ...]:
    """Return a finding of each value that is in a document. Raises as `take_out` does."""
    return tuple(looked(data, path, look).spans.values())


def holds(data: bytes, path: str, values: Sequence[Span], look: Look) -> bool:
    """Return whether a copy of a telling value stands in a document: in its texts, or in its bytes."""
    known = known_of(values)
    if not len(known):
        return False
    limits = replace(look.limits, ocr_s=0)  # what pictures show was looked at before they were put into it
    return any(any(known.find(text, _WHOLE, limits)) for text in _texts_of(data, path, limits))


def _texts_of(data: bytes, path: str, limits: Limits) -> Iterator[str]:
    parts = (one for one in read(data, path, limits) if isinstance(one, Part))
    yield from (strings.without_surrogates(one.text) for one in parts)
    text = strings.text_of(data) or ""
    yield text
    if _is_markup(text, path):  # a value may be written in several colours
        yield html.unescape(_TAG.sub("", text))


def _take(one: Spotted, seen: Seen, look: Look) -> None:
    part = one.part
    if part.place.part.endswith("(shown)"):
        where = part.place.cell, part.place.part.removesuffix("(shown)").strip()
        seen.shown.setdefault(where, []).append(part.text)
    group = group_of(part.place)
    counter = LineCounter(part.text)

    def note(begin: int, title: str, severity: str, value: str) -> None:
        seen.left += 1
        seen.groups.setdefault(group, title)
        if len(seen.findings) < _MOST_NOTED:
            at = counter.at(begin)
            line = part.lines[min(at, len(part.lines) - 1)] if part.lines else part.line + at
            seen.findings.append(Noted(part.place, title, severity, mask(value), line))

    for span in one.spans:
        seen.known.add(span, group, of_table=part.hint.kind == "table")
        seen.spans.setdefault(span.value, span)
        note(span.begin, span.hit.title, span.hit.severity, span.value)
    spans = [(span.begin, span.end, None) for span in one.spans]
    copies = seen.elsewhere.find(part.text, group, look.limits)
    until = 0
    for begin, end, known in sorted([*spans, *copies], key=lambda cut: (cut[0], cut[2] is not None, cut[1])):
        if known is not None and begin >= until:
            note(begin, known.title, known.severity, known.value)
        until = max(until, end)


@dataclass(frozen=True, slots=True)
class _Hunt:
    """One try. `anywhere`: takes out also what stands within words."""

    look: Look
    seen: Seen
    marker: Marker
    anywhere: bool

    def cuts(self, text: str, view: View) -> list[tuple[int, int, str]]:
        """Return what is to be cut out of a text."""
        found = [
            *self.seen.known.find(
                text, view.group, self.look.limits, is_markup=view.is_markup, anywhere=self.anywhere
            ),
            *self.seen.elsewhere.find(text, view.group, self.look.limits),
        ]
        cuts = [(begin, end, self.marker(one.title, one.severity, one.value)) for begin, end, one in found]
        if "data:image/" in text.lower():
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
            known = [
                *self.seen.known.find(one.text, group, limits, anywhere=True),
                *self.seen.elsewhere.find(one.text, group, limits),
            ]
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
        if number:
            holder, at = cells[number - 1]
            holder[at] = _emptied_cell(holder[at], kind, mark_of(title))
            continue
        found["metadata"] = {}
        for key in set(found) - {"cells", "worksheets", "metadata", "nbformat", "nbformat_minor"}:
            del found[key]
        for sheet in filter(is_object, found.get("worksheets") or ()):
            for key in set(sheet) - {"cells"}:
                del sheet[key]
    return len(groups)


def _emptied_cell(cell: Any, kind: str, mark: str) -> dict[str, Any]:
    if not is_object(cell):
        return {"cell_type": "raw", "metadata": {}, "source": mark}
    if kind == "source":
        return {**cell, **{key: mark for key in ("source", "input") if key in cell}}
    if kind == "output":
        return {**cell, "outputs": [{"output_type": "stream", "name": "stdout", "text": mark}]}
    if kind == "attachment":
        return {key: value for key, value in cell.items() if key != "attachments"}
    # What is not of its kind is read as metadata, too.
    kinds = {"source": (str, list), "input": (str, list), "outputs": list, "attachments": dict}
    left = {key: value for key, value in cell.items() if key in _OF_A_CELL}
    left = {key: value for key, value in left.items() if isinstance(value, kinds.get(key, object))}
    return {**left, "metadata": {}}


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
