"""A page for a reviewer: all that a file contains, hidden or not, with what was found marked in its place."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.scanning.documents import strings
from nbkeep.scanning.documents.notebook import OLD_KINDS, looks_like_one
from nbkeep.scanning.interface import Hint
from nbkeep.scanning.marks import MARK, REFERENCE, mark_of
from nbkeep.scanning.values import SEVERITIES, mask

from . import hiding
from .known import group_of
from .leaves import cells_of
from .pictures import renewed
from .reviewing import as_text, escaped, json_text, page, size, tag
from .takeout import CannotBe, known_of, looked, take_out
from .twice import every_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.scanning.spans import Look, Span

    from .takeout import Noted, Seen

_HEAD = 20_000  # characters of one text that are shown whole
_AROUND = 160  # beyond: those on either side of a finding
_MOST_AROUND = 40
_MOST = 3_000_000  # characters of the whole page
_MOST_OF_PICTURES = 16_000_000
_MOST_CELLS = 5_000
_MOST_LISTED = 200
_MOST_LINES = 5_000
_LONGEST_KIND = 40
_ID = re.compile(r"[a-zA-Z0-9_-]{0,64}")  # as the format has it; another may be a text
_COUNTS = ("execution_count", "prompt_number")
_MOST_COUNTED = 10**6
# What JupyterLab shows of an output that comes in several formats: the first of these.
_SHOWN = (
    "application/vnd.jupyter.widget-view+json", "application/javascript", "text/html", "text/markdown",
    "image/svg+xml", "text/latex", "image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf",
    "application/json", "text/plain",
)  # fmt: skip
_SHOWN_OF_A_CELL = {
    "cell_type",
    "source",
    "input",
    "outputs",
    "attachments",
    "execution_count",
    "prompt_number",
}
_FOLDED_AWAY = "below a folded heading"
_HIDDEN = {
    hiding.CELL: "cell hidden",
    _FOLDED_AWAY: _FOLDED_AWAY,
    hiding.SOURCE: "source folded",
    hiding.OUTPUTS: "outputs folded",
}


class _References:
    """Marks that say which finding stood there."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, str]] = []
        self._numbers: dict[tuple[str, str, str], int] = {}

    def __call__(self, title: str, severity: str, value: str) -> str:
        known = title, severity, mask(value)
        number = self._numbers.setdefault(known, len(self.all))
        if number == len(self.all):
            self.all.append(known)
        return mark_of(title) + REFERENCE.format(number)


def preview(data: bytes, path: str, look: Look, known: Sequence[Span] = ()) -> bytes:
    """Return a page (HTML, UTF-8) of all that a document contains. Raises nothing for any content.

    Values that were found are masked on the page, secrets and personal data alike, and what an author allowed
    too: a reviewer needs to know what is there, not the value. Where values cannot be taken out of a
    document, what was found is listed and nothing of it shown. Cells are named `#cell-3`, from 1; lines of
    other texts `#line-3`. Long texts are shown in part, with the places of all findings in them as far as
    there is room; what is left out is said. No script, nothing loaded; what hides is shown: folded cells,
    metadata, further formats of an output, characters without width. `known`: as for `redact`.
    """
    name = _masked(path.replace("\\", "/").rsplit("/", 1)[-1], look)
    shown = _Preview(name, len(data))
    strict = replace(look, heed_marks=False)
    try:
        data = shown.all_keys(data, path)
        first = looked(data, path, strict, elsewhere=known_of(known))
        shown.summary(first)
        text = take_out(data, path, strict, shown.references, first).text
        shown.document(strings.text_of(data) if text is None else text, path)
    except CannotBe as error:
        shown.sentence(f"Nothing of this document can be shown: it {error}.")
    except Exception as error:  # noqa: BLE001  a page with a sentence is what a reviewer can use
        shown.sentence(
            f"Nothing of this document can be shown: it made the preview fail ({type(error).__name__})."
        )
    return page(f"Preview of {name}", "".join(shown.made))


class _Preview:
    """The page while it is made."""

    def __init__(self, name: str, length: int) -> None:
        self.references = _References()
        self.made = [f"<h1>{escaped(name)}</h1>"]
        self._length = length
        self._left = _MOST
        self._left_of_pictures = _MOST_OF_PICTURES

    def sentence(self, words: str) -> None:
        """Add a sentence in a box."""
        self.made.append(f'<div class="box"><p>{escaped(words)}</p></div>')

    def all_keys(self, data: bytes, path: str) -> bytes:
        """Return a document in which every key can be seen, and say so where it was not so."""
        text = strings.text_of(data)
        if text is None or not _is_notebook(text, path):
            return data
        try:
            text, count = every_key(text)
        except (ValueError, RecursionError):
            return data  # its text is shown
        if not count:
            return data
        self.sentence(
            f"Keys stand twice in it, {count:,} in all, and readers disagree about which one counts. What "
            'JupyterLab does not show is called "(written before)".'
        )
        return strings.without_surrogates(text).encode()

    def summary(self, seen: Seen) -> None:
        """Add what was found, with where, and what could not be read."""
        lines: list[str] = []
        counted = Counter(seen.findings)  # in the order of the document, the worst first
        worst = sorted(counted, key=lambda one: -SEVERITIES.index(one.severity))[:_MOST_LISTED]
        for one in worst:
            times = counted[one]
            often = f' <span class="soft">{times} times</span>' if times > 1 else ""
            lines.append(
                f"<li>{tag(one.severity, one.severity)}<span>{escaped(one.title)}</span>"
                f"<code>{escaped(one.masked)}</code>{_where(one)}{often}</li>"
            )
        if seen.left > sum(counted[one] for one in worst):
            lines.append(f'<li class="soft">… and more: {seen.left:,} findings in all.</li>')
        lines += [
            f"<li>{tag('read in part' if one.partly else 'not read', 'hidden')}"
            f"<span>{_cell_link(one.place.cell)} {escaped(one.reason)}</span></li>"
            for one in seen.unread[:_MOST_LISTED]
        ]
        head = f"{seen.left:,} found" if seen.left else "Nothing found"
        about = f"{size(self._length)}. Values are masked on this page; what hides in the file is shown."
        listed = f'<ul class="found">{"".join(lines)}</ul>' if lines else ""
        self.made.append(
            f'<section class="box" id="found"><h2>{head}</h2><p class="soft">{about}</p>{listed}</section>'
        )

    def document(self, text: str | None, path: str) -> None:
        """Add the document itself."""
        if text is None:
            self.sentence("It is no text and no notebook, so nothing of it can be shown here.")
            return
        found: Any = None
        if _is_notebook(text, path):
            try:
                found = json.loads(text)
                cells = cells_of(found)
            except (ValueError, RecursionError, AttributeError):
                self.sentence("It is unreadable as a notebook; here is its text.")
                found = None
            else:
                self._notebook(found, [holder[at] for holder, at in cells])
        if found is None:
            self._lines(text)

    def _notebook(self, found: dict[str, Any], cells: list[Any]) -> None:
        metadata: Any = found.get("metadata")
        of_all = hiding.of_notebook(metadata) if is_object(metadata) else set[str]()
        folds = hiding.Folds()
        for number, cell in enumerate(cells, 1):
            if number > _MOST_CELLS or self._left <= 0:
                self.sentence(f"{len(cells) - number + 1:,} more cells are not shown.")
                break
            self.made.append(f'<section class="cell" id="cell-{number}">')
            if is_object(cell):
                self._cell(cell, number, _hidden_in(cell, folds, of_all))
            else:
                self.made.append(
                    _head(number, [tag("not a cell at all", "hidden")]) + self._pre(json_text(cell))
                )
            self.made.append("</section>")
        rest = {key: value for key, value in found.items() if key not in {"cells", "worksheets"}}
        self.made.append(
            '<section class="cell" id="metadata"><header><h2>Metadata of the notebook</h2>'
            f"{tag('not shown by JupyterLab', 'hidden')}</header>{self._pre(json_text(rest))}</section>"
        )

    def _cell(self, cell: dict[str, Any], number: int, hidden: set[str]) -> None:
        kind, count = (
            str(cell.get("cell_type", "code")),
            cell.get("execution_count", cell.get("prompt_number")),
        )
        tags = [tag(kind[:_LONGEST_KIND])]
        if isinstance(count, int) and _is_count(count):
            tags.append(tag(f"[{count}]"))
        tags += [tag(words, "hidden") for words in _hiding(cell, hidden)]
        self.made.append(_head(number, tags))
        for key in ("source", "input"):
            if key in cell:
                self.made.append(self._pre(as_text(cell[key])))
        attachments = cell.get("attachments")
        if is_object(attachments):
            for name, bundle in attachments.items():
                self._bundle(bundle, f"Attachment {name[:200]}")
        outputs = cell.get("outputs")
        if is_list(outputs):
            for at, output in enumerate(outputs, 1):
                if hiding.is_hidden_output(output):
                    self.made.append(tag("output hidden", "hidden"))
                self._output(output, at)
        rest = _rest_of(cell)
        if rest:
            self._folded("Metadata of the cell", rest)

    def _folded(self, title: str, value: Any) -> None:
        text = json_text(value)
        is_open = " open" if MARK.search(text) else ""
        self.made.append(f"<details{is_open}><summary>{escaped(title)}</summary>{self._pre(text)}</details>")

    def _output(self, output: Any, number: int) -> None:
        if not is_object(output):
            self.made.append(f"<h3>Output {number}</h3>{self._pre(json_text(output))}")
            return
        kind = str(output.get("output_type", ""))[:_LONGEST_KIND]
        title = f"Output {number}: {kind} {str(output.get('name', ''))[:_LONGEST_KIND]}".strip()
        rest = dict(output)
        for key in ("output_type", "name"):
            if len(str(rest.get(key, ""))) <= _LONGEST_KIND:
                rest.pop(key, None)
        if _is_count(rest.get("execution_count")):
            rest.pop("execution_count", None)
        if is_object(output.get("data")):
            self._bundle(rest.pop("data"), title)
        else:
            self.made.append(f"<h3>{self.highlighted(title)}</h3>")
        old = {OLD_KINDS[key]: rest.pop(key) for key in OLD_KINDS if key in rest and kind != "stream"}
        if old:
            self._bundle(old, title)
        if "text" in rest:
            self.made.append(self._pre(as_text(rest.pop("text"))))
        if "traceback" in rest:
            trace = rest.pop("traceback")
            lines = (
                "\n".join(trace) if is_list(trace) and all(isinstance(one, str) for one in trace) else trace
            )
            self.made.append(self._pre(as_text(lines)))
        rest = {key: value for key, value in rest.items() if value not in ({}, [], "")}
        if rest:
            self._folded("More of this output", rest)

    def _bundle(self, bundle: Any, title: str) -> None:
        self.made.append(f"<h3>{self.highlighted(title)}</h3>")
        if not is_object(bundle):
            self.made.append(self._pre(json_text(bundle)))
            return
        first = next((mime for mime in _SHOWN if mime in bundle), None)
        for mime, value in bundle.items():
            beside = "" if mime == first else tag("beside it, not shown by JupyterLab", "hidden")
            text = as_text(value)
            what = self.highlighted(mime[:200])
            if mime.startswith("image/") and mime != "image/svg+xml" and not MARK.match(text):
                self.made.append(f"<h3>{what} {beside}</h3>{self._picture(text)}")
            elif mime == "application/pdf" and not MARK.match(text):
                self.made.append(f'<h3>{what} {beside}</h3><p class="soft">{size(len(text) * 3 // 4)}</p>')
            else:
                self.made.append(f"<h3>{what} {beside}</h3>{self._pre(text)}")

    def _picture(self, text: str) -> str:
        """Return a picture with its size, made anew; only its size where there is no room for it."""
        about = f'<p class="soft">{size(len(text) * 3 // 4)}'
        made = renewed(text) if len(text) <= self._left_of_pictures else None
        if made is None:
            return f"{about}; not shown here</p>"
        mime, data = made
        self._left_of_pictures -= len(data)
        return f'{about}</p><img src="data:{mime};base64,{data}" alt="">'

    def _pre(self, text: str) -> str:
        return f"<pre>{self._bounded(text)}</pre>" if text else ""

    def _bounded(self, text: str) -> str:
        """Return a text as HTML: its begin, and what is around findings further on."""
        room = min(_HEAD, max(0, self._left))
        kept = [(0, min(len(text), room))]
        if len(text) > room:
            for found in islice(MARK.finditer(text, max(0, room - 100)), _MOST_AROUND):
                begin, end = max(0, found.start() - _AROUND), min(len(text), found.end() + _AROUND)
                if begin <= kept[-1][1]:
                    kept[-1] = kept[-1][0], max(end, kept[-1][1])
                else:
                    kept.append((begin, end))
        made: list[str] = []
        done = 0
        for begin, end in kept:
            made += _gap(begin - done), self.highlighted(text[begin:end])
            done = end
        made.append(_gap(len(text) - done))
        self._left -= sum(map(len, made))
        return "".join(made)

    def highlighted(self, text: str) -> str:
        """Return a text as HTML, with findings in place of their marks."""
        made: list[str] = []
        done = 0
        for found in MARK.finditer(text):
            made += escaped(text[done : found.start()]), self._mark(found)
            done = found.end()
        made.append(escaped(text[done:]))
        return "".join(made)

    def _mark(self, found: re.Match[str]) -> str:
        number = int(found[2]) if found[2] else -1
        if 0 <= number < len(self.references.all):
            title, severity, masked = self.references.all[number]
            if found[0].startswith(mark_of(title)):
                return f'<mark class="{severity}"><b>{escaped(title)}</b> {escaped(masked)}</mark>'
        return f"<mark>{escaped(found[1])}</mark>"

    def _lines(self, text: str) -> None:
        lines = text.split("\n")
        made: list[str] = []
        room, done, beyond = _HEAD * 5, 0, 0
        for number, line in enumerate(lines, 1):
            if room <= 0:
                beyond += MARK.search(line) is not None
                if beyond > _MOST_LINES or not MARK.search(line):
                    continue
            if number > done + 1:
                made.append(f'<span class="gap">{number - done - 1:,} lines are not shown</span>')
            made.append(f'<span id="line-{number}" data-n="{number}">{self._bounded(line)}</span>')
            room -= len(line) + 1
            done = number
        if done < len(lines):
            made.append(f'<span class="gap">{len(lines) - done:,} lines are not shown</span>')
        self.made.append(f'<section class="cell"><pre class="lines">{"".join(made)}</pre></section>')


def _is_notebook(text: str, path: str) -> bool:
    return path.lower().endswith(".ipynb") or looks_like_one(text)


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and abs(value) < _MOST_COUNTED)


def _masked(name: str, look: Look) -> str:
    try:
        hits = look.detector.find(name, Hint("text"))
    except Exception:  # noqa: BLE001  as for the document itself
        return "a document"
    for hit in reversed(hits):
        name = name[: hit.begin] + mask(name[hit.begin : hit.end]) + name[hit.end :]
    return name


def _head(number: int, tags: list[str]) -> str:
    return f'<header><h2><a href="#cell-{number}">Cell {number}</a></h2>{"".join(tags)}</header>'


def _rest_of(cell: dict[str, Any]) -> dict[str, Any]:
    """Return what a cell has beyond what is shown of it, or in place of that."""
    rest = {key: value for key, value in cell.items() if key not in _SHOWN_OF_A_CELL and value != {}}
    if _ID.fullmatch(str(rest.get("id", ""))):
        rest.pop("id", None)
    rest |= {key: cell[key] for key in ("attachments",) if key in cell and not is_object(cell[key])}
    rest |= {key: cell[key] for key in ("outputs",) if key in cell and not is_list(cell[key])}
    rest |= {key: cell[key] for key in _COUNTS if key in cell and not _is_count(cell[key])}
    if len(str(cell.get("cell_type", ""))) > _LONGEST_KIND:
        rest["cell_type"] = cell["cell_type"]
    return rest


def _where(one: Noted) -> str:
    # Not the part by its name: an attachment may be called like a key.
    if one.place.cell:
        return f'{_cell_link(one.place.cell)} <span class="soft">{group_of(one.place)[1]}</span>'
    if one.place.part or one.place.inside or not one.line:
        return '<a href="#metadata">metadata</a>' if one.place.part else ""
    return f'<a href="#line-{one.line}">line {one.line}</a>'


def _cell_link(number: int) -> str:
    return f'<a href="#cell-{number}">cell {number}</a>' if number else ""


def _gap(length: int) -> str:
    return f'<span class="cut"> … {length:,} characters are not shown … </span>' if length > 0 else ""


def _hidden_in(cell: dict[str, Any], folds: hiding.Folds, of_all: set[str]) -> set[str]:
    """Return what of the next cell does not show, by itself, by the notebook or by a folded heading."""
    kind, source = str(cell.get("cell_type", "code")), as_text(cell.get("source", ""))
    metadata: Any = cell.get("metadata")
    metadata = metadata if is_object(metadata) else {}
    hidden = hiding.of_cell(metadata, source) | (of_all if kind == "code" else set[str]())
    return hidden | ({_FOLDED_AWAY} if folds.has(kind, source, metadata) else set[str]())


def _hiding(cell: dict[str, Any], hidden: set[str]) -> list[str]:
    """Return what hides a cell, or a part of it, where people read the notebook."""
    words: list[str] = []
    if cell.get("cell_type") == "raw":
        words.append("raw: left out of most exports")
    metadata = cell.get("metadata")
    tags = hiding.tags_of(metadata) if is_object(metadata) else []
    words += [_HIDDEN[what] for what in _HIDDEN if what in hidden]
    return words + [f"tag {one[:_LONGEST_KIND]}" for one in tags if hiding.is_hiding_tag(one)]
