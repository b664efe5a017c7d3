"""A notebook made anew from an allow-list: what is not named here does not leave, whatever it is called."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from nbkeep.model.jsontypes import is_list, is_object

from . import hiding, inline, pictures, sanitise, sources, svg, terminal
from .book import SLIDES, Book, Cell, Output
from .parse import read_notebook, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .interface import Keep
    from .notes import Notes

# The richest first: of several forms of one output the first that shows something leaves, and no other.
_RICHEST = ("text/html", "text/markdown", "image/svg+xml", "text/latex", *pictures.MIMES, "application/json",
            "text/plain")  # fmt: skip
_LANGUAGE = re.compile(r"[a-z][a-z0-9+#.-]{0,29}")
_EXCEPTION = re.compile(r"[\w.]{1,200}")
_ATTACHED = re.compile(r"attachment:([^\s)\"'>\]]{1,500})")
# What a person has no use for, and no reader of JSON should be given.
MOST_CELLS, _MOST_OUTPUTS, _MOST_TEXT, _MOST_ATTACHMENTS = 10_000, 2_000, 2 * 2**20, 200
_MOST_TAGS = 50
_MOST_OF_ALL = 48 * 2**20
# Settings of each cell and notebook that say nothing of their own, or are counted as what they hide.
_PLAIN_SETTINGS = frozenset({"kernelspec", "language_info", "slideshow", "tags", "jupyter", "widgets"})


def rebuild(data: bytes, keep: Keep, notes: Notes) -> Book:
    """Return what `keep` lets through of a notebook of format 4. Raises `NotMade`.

    `notes` is told what was left out. The same notebook for the same bytes.
    """
    found = read_notebook(data)
    return _Rebuilder(keep, notes).book(found)


class _Rebuilder:
    def __init__(self, keep: Keep, notes: Notes) -> None:
        self._keep, self._notes = keep, notes
        self._left = _MOST_OF_ALL
        self._folds = hiding.Folds()
        self._hidden: set[str] = set()  # of all cells with code

    def book(self, found: dict[str, Any]) -> Book:
        metadata: Any = found.get("metadata")
        metadata = metadata if is_object(metadata) else {}
        widgets = metadata.get("widgets")
        if is_object(widgets):
            for one in widgets.values():
                state: Any = one.get("state") if is_object(one) else None
                self._notes.add("widgets", len(state) if is_object(state) else 1)
        self._count_settings(metadata)
        self._hidden = hiding.of_notebook(metadata)
        self._notes.add("settings", len(found.keys() - {"cells", "metadata", "nbformat", "nbformat_minor"}))
        cells: list[Any] = found["cells"]
        if len(cells) > MOST_CELLS:
            self._notes.add("long")
        made = [self._cell(one) for one in cells[:MOST_CELLS]]
        return Book(tuple(one for one in made if one is not None), _language(metadata))

    def _count_settings(self, metadata: dict[str, Any]) -> None:
        self._notes.add("settings", len(metadata.keys() - _PLAIN_SETTINGS))

    def _cell(self, cell: Any) -> Cell | None:
        kind = cell.get("cell_type") if is_object(cell) else None
        source = text_of(cell.get("source")) if is_object(cell) else None
        if not is_object(cell) or kind not in ("code", "markdown", "raw") or source is None:
            self._notes.add("odd")
            return None
        metadata: Any = cell.get("metadata")
        metadata = metadata if is_object(metadata) else {}
        self._count_settings(metadata)
        tags = _tags(metadata)
        hidden = hiding.of_cell(metadata, source)
        if self._folds.has(str(kind), source, metadata) or (kind != "code" and hiding.SOURCE in hidden):
            hidden.add(hiding.CELL)
        source = self._short(terminal.without_controls(source))
        slide = _slide(metadata)
        if hiding.CELL in hidden and not self._keep.hidden_cells:
            self._notes.add("hidden")
            return None
        if tags and not self._keep.tags:
            self._notes.add("tags", len(tags))
        made = Cell(str(kind), source, slide=slide, tags=tags if self._keep.tags else ())
        if kind == "raw":
            return self._raw(made)
        if kind == "markdown":
            return self._markdown(cell, made)
        return self._code(cell, made, hidden | self._hidden)

    def _raw(self, made: Cell) -> Cell | None:
        if self._keep.raw_cells:
            return replace(made, source=self._renewed(made.source))
        self._notes.add("raw")
        return None

    def _markdown(self, cell: dict[str, Any], made: Cell) -> Cell | None:
        if not self._keep.markdown:
            self._notes.add("markdown")
            return None
        source = self._renewed(sources.shown(made.source, self._notes))
        attachments: dict[str, tuple[str, str]] = {}
        found: Any = cell.get("attachments")
        if is_object(found):
            named = {unquote(name) for name in _ATTACHED.findall(source)}
            for name, bundle in list(found.items())[:_MOST_ATTACHMENTS]:
                picture = self._attached(bundle) if name in named and self._keep.attachments else None
                if picture:
                    attachments[name] = picture
            self._notes.add("attachments", len(found) - len(attachments))
        return replace(made, source=source, attachments=attachments)

    def _attached(self, bundle: Any) -> tuple[str, str] | None:
        for mime in (*pictures.MIMES, "image/jpg"):
            text = text_of(bundle.get(mime)) if is_object(bundle) else None
            if text and (made := pictures.renewed(text)):
                return made
        return None

    def _code(self, cell: dict[str, Any], made: Cell, hidden: set[str]) -> Cell | None:
        source, outputs = made.source, cell.get("outputs")
        outputs = outputs if is_list(outputs) else []
        if not self._keep.hidden_cells and hidden:
            self._notes.add("hidden")
            source = "" if hiding.SOURCE in hidden else source
            outputs = [] if hiding.OUTPUTS in hidden else outputs
        if not self._keep.hidden_cells:
            shown: list[Any] = [one for one in outputs if not hiding.is_hidden_output(one)]
            self._notes.add("hidden", len(outputs) - len(shown))
            outputs = shown
        if source and not self._keep.code:
            self._notes.add("code")
            source = ""
        if outputs and not self._keep.outputs:
            self._notes.add("outputs", len(outputs))
            outputs = []
        count: Any = cell.get("execution_count")
        count = (
            count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 10**6 else None
        )
        if cell.get("attachments"):
            self._notes.add("attachments")
        if not source and not outputs:
            return None
        return replace(made, source=source, outputs=tuple(self._outputs(outputs)), count=count)

    def _outputs(self, outputs: list[Any]) -> list[Output]:
        made: list[Output] = []
        streams: dict[str, list[str]] = {}

        def flush() -> None:
            # What a program wrote at once may have come in several messages.
            for name, texts in streams.items():
                if text := self._terminal("".join(texts)):
                    made.append(Output("stream", text, name=name))
            streams.clear()

        if len(outputs) > _MOST_OUTPUTS:
            self._notes.add("long")
        for one in outputs[:_MOST_OUTPUTS]:
            kind = one.get("output_type") if is_object(one) else None
            if is_object(one) and kind == "stream" and (text := text_of(one.get("text"))) is not None:
                streams.setdefault("stderr" if one.get("name") == "stderr" else "stdout", []).append(text)
                continue
            flush()
            output = self._output(one, kind) if is_object(one) else None
            if output is not None:
                made.append(output)
            elif not is_object(one) or kind not in ("error", "execute_result", "display_data"):
                self._notes.add("odd")
        flush()
        return made

    def _output(self, one: dict[str, Any], kind: Any) -> Output | None:
        if kind == "error":
            return self._error(one)
        if kind in ("execute_result", "display_data") and is_object(one.get("data")):
            return self._shown(one["data"], one.get("metadata"), is_result=kind == "execute_result")
        return None

    def _error(self, one: dict[str, Any]) -> Output:
        trace: Any = one.get("traceback")
        lines = [text_of(line) or "" for line in trace] if is_list(trace) else []
        name = text_of(one.get("ename")) or ""
        value = self._short(terminal.without_colours(self._terminal(text_of(one.get("evalue")) or "")))
        name = name if _EXCEPTION.fullmatch(name) else "Error"
        text = self._terminal("\n".join(lines)) or f"{name}: {value}"
        return Output("error", text, name=name, value=value)

    def _shown(self, data: dict[str, Any], metadata: Any, *, is_result: bool) -> Output | None:
        for mime in _RICHEST:
            if mime not in data:
                continue
            if made := self._form(mime, data[mime]):
                if len(data) > 1:
                    self._notes.add("other", len(data) - 1)
                width, height = _size(metadata, mime) if made.mime.startswith("image/") else (0, 0)
                return replace(made, is_result=is_result, width=width, height=height)
        self._notes.add("unknown")
        return None

    def _form(self, mime: str, value: Any) -> Output | None:
        if mime == "application/json":
            return self._json(value)
        text = text_of(value)
        if not text:
            return None
        if mime in pictures.MIMES:
            picture = pictures.renewed(text) if self._room(len(text)) else None
            if picture is None:
                self._notes.add("pictures")
            return Output("data", picture[1], mime=picture[0]) if picture else None
        made = _MAKERS[mime](self, text)
        return Output("data", made, mime=mime) if made else None

    def _json(self, value: Any) -> Output | None:
        text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
        clean = terminal.without_controls(text_of(text) or "")
        if len(clean) > _MOST_TEXT or not self._room(len(clean)):  # half of it is no JSON
            self._notes.add("long")
            return None
        return Output("data", clean, mime="application/json")

    def html(self, text: str) -> str:
        """Return what leaves of HTML; "" where the plain form of the same output shows more."""
        if 'id="sk-container-id' in text:  # a diagram of scikit-learn lives by its style sheet alone
            return ""
        made = self._short(sanitise.cleaned(text, self._notes), whole=True)
        return "" if sanitise.shows_nothing(made) else made

    def markdown(self, text: str) -> str:
        """Return what leaves of markdown."""
        return self._renewed(self._short(sources.shown(terminal.without_controls(text), self._notes)))

    def _renewed(self, text: str) -> str:
        return inline.renewed_within(text, self._notes, self._room)

    def drawing(self, text: str) -> str:
        """Return a drawing made anew, or ""."""
        made = svg.renewed(text)
        if made is None:
            self._notes.add("pictures")
        return self._short(made or "", whole=True)

    def words(self, text: str) -> str:
        """Return a text as a terminal would show it."""
        return self._terminal(text)

    def _terminal(self, text: str) -> str:
        text = self._short(text)
        shown, overwritten = terminal.plain(text)
        if overwritten:
            self._notes.add("overwritten")
        return shown

    def _short(self, text: str, *, whole: bool = False) -> str:
        """Return a text, or as much of it as fits; nothing of what is good for nothing in part (`whole`)."""
        most = _MOST_TEXT * (4 if whole else 1)
        if len(text) > most or not self._room(min(len(text), most)):
            self._notes.add("long")
            return "" if whole or self._left <= 0 else f"{text[:most]}\n[…]\n"
        return text

    def _room(self, size: int) -> bool:
        """Return whether there is room for so much more, and take it."""
        self._left -= size
        return self._left > 0


_MAKERS: dict[str, Callable[[_Rebuilder, str], str]] = {
    "text/html": _Rebuilder.html, "text/markdown": _Rebuilder.markdown, "image/svg+xml": _Rebuilder.drawing,
    "text/latex": _Rebuilder.words, "text/plain": _Rebuilder.words,
}  # fmt: skip


def _language(metadata: dict[str, Any]) -> str:
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        one: Any = metadata.get(key)
        said: Any = one.get(name) if is_object(one) else None
        if isinstance(said, str) and _LANGUAGE.fullmatch(said.lower()):
            return "python" if said.lower() in {"ipython", "python3"} else said.lower()
    return "python" if not metadata.get("language_info") else ""


def _tags(metadata: dict[str, Any]) -> tuple[str, ...]:
    return tuple(terminal.without_controls(one)[:100] for one in hiding.tags_of(metadata)[:_MOST_TAGS])


def _slide(metadata: dict[str, Any]) -> str:
    show: Any = metadata.get("slideshow")
    kind: Any = show.get("slide_type") if is_object(show) else ""
    return kind if isinstance(kind, str) and kind in SLIDES else ""


def _size(metadata: Any, mime: str) -> tuple[int, int]:
    one: Any = metadata.get(mime) if is_object(metadata) else None
    said = [one.get(key) if is_object(one) else 0 for key in ("width", "height")]
    width, height = (int(x) if isinstance(x, (int, float)) and 0 < x < 5000 else 0 for x in said)
    return width, height
