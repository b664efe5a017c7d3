"""Takes out of a document what was found in it, with every copy, and looks again whether anything is left.

What is known of a value decides how far its copies are searched (`known.is_telling`): a key, a password of
some length, a number of a card or a name of two words goes wherever it stands in the document, in clear,
encoded, escaped or split; a short number, or a word that is found as a name, goes within the same cell's
same part only, and as a whole word. An encoded text that holds a value goes whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from nbkeep.scanning.documents import archive, image, notebook, parquet, pdf, strings
from nbkeep.scanning.documents.markup import PICTURE, PICTURE_END
from nbkeep.scanning.interface import Hint
from nbkeep.scanning.marks import UNREADABLE, mark_of
from nbkeep.scanning.spans import Look, Spotted, hits, spotted
from nbkeep.scanning.values import Part, Place, Unread

from . import tabletext
from .known import Cut, Group, KnownValues, group_of
from .leaves import Leaves, Opaque, View, cells_of, without

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 200_000
_TRIES = 3
_OF_A_CELL = {"cell_type", "source", "input", "outputs", "execution_count", "attachments"}
_KINDS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (image.is_image, "a picture: nothing can be taken out of one"),
    (pdf.is_pdf, "a PDF: nothing can be taken out of one"),
    (archive.is_archive, "an archive or an office document: nothing can be taken out of one"),
    (parquet.is_parquet, "a Parquet file: nothing can be taken out of one"),
    (lambda data: strings.text_of(data) is None, "of a kind that nbkeep does not know"),
)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A document without what was found in it. `count`: how many values were taken out, each copy once.

    `data`: None where that cannot be done; `why`: then the reason, a sentence without any value.
    """

    data: bytes | None = field(repr=False)
    why: str = ""
    count: int = 0


class _CannotBe(Exception):
    """Why a document cannot be redacted."""


@dataclass(slots=True)
class _Seen:
    """What a look at a document found."""

    known: KnownValues
    left: int = 0
    groups: dict[Group, str] = field(default_factory=dict[Group, str])
    """Where something was found, and a title of it."""
    shown: dict[tuple[int, str], list[str]] = field(default_factory=dict[tuple[int, str], list[str]])
    """What pictures show."""
    unread: list[Unread] = field(default_factory=list[Unread])


def redact(data: bytes, path: str, look: Look) -> Redacted:
    """Return a document of the same format without what `look` finds. Raises nothing for any content.

    Notebooks, tables, HTML, configurations, code and other texts can be redacted; what comes back is UTF-8.
    Nothing found: the same bytes. What was taken out is looked for again in the result, decoded as before;
    where something is left it is taken out more roughly, at last the whole part of a cell, and where that
    does not help either there is no result. What the author allowed stays, where `look` heeds that.
    """
    try:
        return _redact(data, path, look)
    except _CannotBe as error:
        return Redacted(None, f"{PurePosixPath(path).name or 'The document'} cannot be redacted: it {error}.")
    except Exception as error:  # noqa: BLE001  a document that makes its reader fail does not leave
        return Redacted(None, f"The document made the redaction fail ({type(error).__name__}).")


def _redact(data: bytes, path: str, look: Look) -> Redacted:
    known = KnownValues()
    seen = _look(data, path, look, known)
    if not seen.left and all(one.partly for one in seen.unread):
        return Redacted(data)
    for is_one, why in _KINDS:
        if is_one(data):
            raise _CannotBe(f"is {why}")
    text = strings.text_of(data) or ""
    is_notebook = path.lower().endswith(".ipynb") or notebook.looks_like_one(text)
    count = 0
    for rough in range(_TRIES):
        if is_notebook:
            text, taken = _notebook(text, look, seen, rough)
        else:
            text, taken = _text(text, path, look, seen, rough)
        count += taken
        seen = _look(text.encode(), path, look, known)
        if not seen.left:
            if unread := [one for one in seen.unread if not one.partly]:
                raise _CannotBe(unread[0].reason)
            return Redacted(text.encode(), count=count)
    raise _CannotBe(f"still holds {seen.left:,} findings after {_TRIES} tries")


def _look(data: bytes, path: str, look: Look, known: KnownValues) -> _Seen:
    seen = _Seen(known)
    for one in spotted(data, path, look):
        if isinstance(one, Unread):
            seen.unread.append(one)
            continue
        _take(one, seen)
        if seen.left > _MOST:
            raise _CannotBe(f"has more than {_MOST:,} findings")
    return seen


def _take(one: Spotted, seen: _Seen) -> None:
    part = one.part
    if part.place.part.endswith("(shown)"):
        where = part.place.cell, part.place.part.removesuffix("(shown)").strip()
        seen.shown.setdefault(where, []).append(part.text)
    group = group_of(part.place)
    for span in one.spans:
        seen.left += 1
        seen.known.add(span, group, of_table=part.hint.kind == "table")
        seen.groups.setdefault(group, span.hit.title)


def _notebook(text: str, look: Look, seen: _Seen, rough: int) -> tuple[str, int]:
    try:
        found: Any = json.loads(text)
        cells_of(found)
    except (ValueError, RecursionError, AttributeError) as error:
        raise _CannotBe("is unreadable as a notebook") from error
    count = 0
    if rough == _TRIES - 1:
        count += _emptied(found, seen.groups)
    leaves = Leaves(found)
    for view in leaves.views:
        for begin, end, one in _cuts(view.text, view, look, seen, anywhere=rough > 0):
            view.cut(begin, end, mark_of(one))
    for one in leaves.opaque:
        one.mark = _mark_of_opaque(one, look, seen)
    count += leaves.write()
    made = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    return strings.without_surrogates(made), count


def _cuts(text: str, view: View, look: Look, seen: _Seen, *, anywhere: bool) -> list[tuple[int, int, str]]:
    cuts = [
        (begin, end, one.title)
        for begin, end, one in seen.known.find(
            text, view.group, look.limits, is_markup=view.is_markup, anywhere=anywhere
        )
    ]
    if "data:image/" in text:
        cuts += _pictures_within(text, view, look, seen)
    return cuts


def _pictures_within(text: str, view: View, look: Look, seen: _Seen) -> list[tuple[int, int, str]]:
    cuts: list[tuple[int, int, str]] = []
    for found in PICTURE.finditer(text):
        end = PICTURE_END.search(text, found.end())
        stop = end.start() if end else len(text)
        title = _held(text[found.end() : stop], view.group, view.part, look, seen)
        if title:
            cuts.append((found.start(), stop, title))
    return cuts


def _mark_of_opaque(one: Opaque, look: Look, seen: _Seen) -> str:
    title = _held(one.text, one.group, one.part, look, seen, is_pdf=one.mime == "application/pdf")
    return mark_of(title) if title else ""


def _held(base64: str, group: Group, part: str, look: Look, seen: _Seen, *, is_pdf: bool = False) -> str:
    """Return a title for the picture (or PDF) if anything is in it, or "" where there is nothing."""
    place = Place(cell=group[0], part=part)
    limits = replace(look.limits, ocr_s=0)  # `seen.shown` has that
    texts: list[Part] = [Part(text, Hint("output"), place) for text in seen.shown.get((group[0], part), ())]
    read = pdf.read_base64(base64, place, limits) if is_pdf else image.read_base64(base64, place, limits)
    for one in read:
        if isinstance(one, Part):
            texts.append(one)
        elif not one.partly:
            return UNREADABLE
    for one in texts:
        found: list[Cut] = list(seen.known.find(one.text, group, limits, anywhere=True))
        titles = [cut[2].title for cut in found]
        titles += [hit.title for hit in hits(one.text, one.hint, look)]
        if titles:
            return f"{'PDF' if is_pdf else 'picture'} with {titles[0]}"
    return ""


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


def _text(text: str, path: str, look: Look, seen: _Seen, rough: int) -> tuple[str, int]:
    count = 0
    if PurePosixPath(path).suffix.lower() in tabletext.NAMES:
        text, count = tabletext.without_columns(text, path, look)
    is_markup = any(name in text[:4096].lower() for name in ("<html", "<svg", "<?xml", "<!doctype", "<table"))
    view = View(text, [], (0, ""), "", is_markup or path.lower().endswith((".html", ".htm", ".xml", ".svg")))
    cuts = [
        (begin, end, mark_of(title))
        for begin, end, title in _cuts(text, view, look, seen, anywhere=rough > 0)
    ]
    text, taken = without(text, cuts)
    return text, count + taken
