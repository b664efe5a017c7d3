"""What changed between two versions of a document: cell by cell of notebooks, line by line of other texts."""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.scanning.documents import strings
from nbkeep.scanning.documents.notebook import looks_like_one

from .leaves import cells_of
from .matching import Work
from .reviewing import as_text, escaped, json_text, page, size, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MOST_CELLS = 4_000
_MOST_COMPARED = 400  # cells whose contents are compared with each other, to find those that were changed
_MOST_LINES = 4_000  # of one text
_LONG_LINE = 2_000
_MOST_OF_A_LINE = 100_000  # of the work on a page: beyond, a line is another one as a whole
_TELLING = 5_000  # characters of a cell, by which it is known again
_LONGEST_TEXT = 400_000
_CONTEXT = 3
_MOST = 3_000_000  # characters of the page
_ALIKE = 0.5


def compare(old: bytes, new: bytes, path: str) -> bytes:
    """Return a page (HTML, UTF-8) of what changed from `old` to `new`. Raises nothing for any content.

    Cells are matched by their ids, then by what is in them; they are named `#cell-3` by their number in
    `new`. What is the same is not shown, but said. Pictures and other long things are told by their size
    only. Neither text is masked: give it what may be seen. No script, nothing loaded, bounded in time and
    size.
    """
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    title = f"Changes of {name}"
    try:
        body = _body(old, new, path)
    except Exception as error:  # noqa: BLE001  a page with a sentence is what a reviewer can use
        words = f"These two cannot be compared: the comparison failed ({type(error).__name__})."
        body = f'<div class="box"><p>{escaped(words)}</p></div>'
    return page(title, f"<h1>{escaped(title)}</h1>{body}")


def _body(old: bytes, new: bytes, path: str) -> str:
    if old == new:
        return '<div class="box"><p>Nothing changed: both are the same to the byte.</p></div>'
    work = Work()
    texts = [strings.text_of(one) for one in (old, new)]
    before, after = texts
    if before is None or after is None:
        sizes = f"{size(len(old))} before, {size(len(new))} now"
        return f'<div class="box"><p>They differ, but are no texts: {sizes}.</p></div>'
    if path.lower().endswith(".ipynb") or looks_like_one(after):
        books = [_parsed(before), _parsed(after)]
        if books[0] is not None and books[1] is not None:
            return _Books(books[0], books[1], work).html()
    changed = _changed_lines(before, after, work)
    return f'<section class="cell">{changed or "<p>Only blanks at the ends of lines changed.</p>"}</section>'


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found: Any = json.loads(text)
        cells_of(found)
    except (ValueError, RecursionError, AttributeError):
        return None
    return found


@dataclass(slots=True)
class _Cell:
    """A cell, with what is compared of it. `number`: from 1."""

    number: int
    kind: str
    id: str
    source: str
    outputs: str
    rest: str

    @property
    def all(self) -> tuple[str, str, str, str]:
        return self.kind, self.source, self.outputs, self.rest


class _Books:
    """Two notebooks."""

    def __init__(self, old: dict[str, Any], new: dict[str, Any], work: Work) -> None:
        self._work = work
        self._old, self._new = ([*_cells(one)] for one in (old, new))
        self._metadata = [json_text({key: one[key] for key in one if key not in {"cells", "worksheets"}})
                          for one in (old, new)]  # fmt: skip
        self._left = _MOST

    def html(self) -> str:
        """Return what changed, with how much that is in one sentence before it."""
        pairs = _matched(self._old, self._new, self._work)
        moved = _moved([(old.number, new.number) for old, new in pairs if old and new])
        made: list[str] = []
        counts = {"added": 0, "removed": 0, "changed": 0, "moved": 0}
        same = 0
        for old, new in pairs:
            is_moved = old is not None and new is not None and old.number in moved
            if old and new and old.all == new.all and not is_moved:
                same += 1
                continue
            made += _same_cells(same), self._pair(old, new, counts, is_moved=is_moved)
            same = 0
        made.append(_same_cells(same))
        metadata = _changed_lines(self._metadata[0], self._metadata[1], self._work)
        if metadata:
            made.append(f'<section class="cell" id="metadata"><header><h2>Metadata</h2>'
                        f'{tag("changed", "changed")}</header>{metadata}</section>')  # fmt: skip
        told = ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)
        sentence = f"Cells: {told}." if told else "No cell changed."
        return f'<p class="lead">{sentence}</p>{"".join(made)}'

    def _pair(self, old: _Cell | None, new: _Cell | None, counts: dict[str, int], *, is_moved: bool) -> str:
        cell = new or old
        if cell is None:
            return ""
        kinds: list[str] = []
        if old is None or new is None:
            kinds.append("removed" if new is None else "added")
        else:
            kinds += ["changed"] if old.all != new.all else []
            kinds += ["moved"] if is_moved else []
        for one in kinds:
            counts[one] += 1
        anchor = f"cell-{new.number}" if new else f"old-cell-{cell.number}"
        name = f"Cell {cell.number}" if new else f"Cell {cell.number} of before"
        note = f" from {old.number}" if is_moved and old else ""
        tags = "".join(tag(one + (note if one == "moved" else ""), one) for one in kinds)
        header = f'<header><h2><a href="#{anchor}">{name}</a></h2>{tag(cell.kind[:40])}{tags}</header>'
        return f'<section class="cell" id="{anchor}">{header}{self._parts(old, new)}</section>'

    def _parts(self, old: _Cell | None, new: _Cell | None) -> str:
        if self._left <= 0:
            return '<p class="cut">Not shown: the page is long enough.</p>'
        made: list[str] = []
        for title in ("kind", "source", "outputs", "rest"):
            before, after = (getattr(one, title) if one else "" for one in (old, new))
            if before != after:
                heads = {"source": "", "outputs": "<h3>Outputs</h3>", "rest": "<h3>Metadata</h3>", "kind": ""}
                if title != "kind" or (old and new):
                    made.append(heads[title] + _changed_lines(before, after, self._work))
        text = "".join(made)
        self._left -= len(text)
        return text


def _cells(book: dict[str, Any]) -> Iterator[_Cell]:
    for number, (holder, at) in enumerate(cells_of(book)[:_MOST_CELLS], 1):
        cell = holder[at]
        if not is_object(cell):
            yield _Cell(number, "no cell", "", json_text(cell), "", "")
            continue
        rest = {
            key: value for key, value in cell.items() if key not in _OWN_WORDS and value not in ({}, None)
        }
        cell_id = cell.get("id")
        yield _Cell(
            number,
            str(cell.get("cell_type", "code")),
            cell_id if isinstance(cell_id, str) else "",
            as_text(cell.get("source", cell.get("input", ""))),
            _outputs(cell.get("outputs")),
            json_text(rest) if rest else "",
        )


_OWN_WORDS = frozenset({"cell_type", "id", "source", "input", "outputs", "execution_count", "prompt_number"})


def _outputs(outputs: Any) -> str:
    """Return the outputs of a cell as one text, pictures by their size."""
    if not is_list(outputs):
        return "" if outputs is None else json_text(outputs)
    return "\n".join(line for one in outputs for line in _output(one))


def _output(output: Any) -> Iterator[str]:
    if not is_object(output):
        yield json_text(output)
        return
    kind = output.get("output_type")
    yield f"[{kind}{' ' + str(output['name']) if 'name' in output else ''}]"
    for key, value in output.items():
        if key in {"output_type", "name", "execution_count"} or value in ({}, []):
            continue
        if key == "data" and is_object(value):
            for mime, one in value.items():
                text = as_text(one)
                is_binary = (
                    mime.startswith("image/") and mime != "image/svg+xml"
                ) or mime == "application/pdf"
                yield f"{mime}: {_told(text)}" if is_binary else f"{mime}:\n{text.rstrip()}"
        elif key in {"text", "traceback"}:
            yield as_text(value, between="" if key == "text" else "\n").rstrip()
        else:
            yield f"{key}: {as_text(value)}"


def _told(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return f"{size(len(text) * 3 // 4)}, SHA-256 of its text {digest}…"


def _matched(
    old: Sequence[_Cell], new: Sequence[_Cell], work: Work
) -> list[tuple[_Cell | None, _Cell | None]]:
    """Return pairs in the order of `new`, with what was removed where it was: by id, then by content."""
    by_id = {cell.id: cell for cell in old if cell.id}
    if len(by_id) < sum(bool(cell.id) for cell in old):
        by_id = {}  # ids that are there twice tell nothing
    pairs: dict[int, _Cell] = {}
    for cell in new:
        one = by_id.pop(cell.id, None) if cell.id else None
        if one is not None:
            pairs[cell.number] = one
    taken = {cell.number for cell in pairs.values()}
    left_old = [cell for cell in old if cell.number not in taken]
    left_new = [cell for cell in new if cell.number not in pairs]
    for one, cell in _by_content(left_old, left_new, work):
        pairs[cell.number] = one
        taken.add(one.number)
    gone = [cell for cell in old if cell.number not in taken]
    made: list[tuple[_Cell | None, _Cell | None]] = []
    for cell in new:
        partner = pairs.get(cell.number)
        while partner and gone and gone[0].number < partner.number:
            made.append((gone.pop(0), None))
        made.append((partner, cell))
    return made + [(cell, None) for cell in gone]


def _by_content(old: Sequence[_Cell], new: Sequence[_Cell], work: Work) -> Iterator[tuple[_Cell, _Cell]]:
    for what, a, b, c, d in work.steps([one.source for one in old], [one.source for one in new]):
        if what == "equal":
            yield from zip(old[a:b], new[c:d], strict=True)
        elif what == "replace":
            yield from _alike(old[a:b][:_MOST_COMPARED], new[c:d][:_MOST_COMPARED])


def _alike(old: Sequence[_Cell], new: Sequence[_Cell]) -> Iterator[tuple[_Cell, _Cell]]:
    """Yield, in order, cells that are more alike than not; by their words, which is fast."""
    words = [frozenset(one.source[:_TELLING].split()) for one in old]
    at = 0
    for cell in new:
        mine = frozenset(cell.source[:_TELLING].split())
        for other in range(at, min(len(old), at + 20)):
            both = words[other] | mine
            if not both or len(words[other] & mine) >= _ALIKE * len(both):
                yield old[other], cell
                at = other + 1
                break


def _moved(pairs: list[tuple[int, int]]) -> set[int]:
    """Return the old numbers of cells that are not in the longest row of cells in the same order."""
    ends: list[int] = []
    chains: list[tuple[int, int]] = []  # old number, index of the one before
    at_end: list[int] = []
    for old, _new in pairs:
        place = bisect_left(ends, old)
        chains.append((old, at_end[place - 1] if place else -1))
        if place == len(ends):
            ends.append(old)
            at_end.append(len(chains) - 1)
        else:
            ends[place] = old
            at_end[place] = len(chains) - 1
    kept: set[int] = set()
    here = at_end[-1] if at_end else -1
    while here >= 0:
        kept.add(chains[here][0])
        here = chains[here][1]
    return {old for old, _ in pairs} - kept


def _same_cells(count: int) -> str:
    words = "1 cell is" if count == 1 else f"{count:,} cells are"
    return f'<p class="soft">{words} as before.</p>' if count else ""


def _changed_lines(before: str, after: str, work: Work) -> str:
    """Return the lines that changed, with some around them, as HTML; "" where none did."""
    cut = len(before) > _LONGEST_TEXT or len(after) > _LONGEST_TEXT
    old, new = (text[:_LONGEST_TEXT].splitlines() for text in (before, after))
    rows: list[str] = []
    shown = 0
    for what, a, b, c, d in _steps(old, new, work):
        if shown > _MOST_LINES:
            rows.append('<span class="gap">more lines changed, which are not shown</span>')
            break
        if what == "equal":
            rows += _unchanged(new, c, d, is_first=not rows, is_last=d == len(new))
        else:
            rows += _replaced(old[a:b], new[c:d], a, c, work)
            shown += b - a + d - c
    if cut:
        rows.append(
            f'<span class="gap">of each text the first {_LONGEST_TEXT:,} characters were compared</span>'
        )
    has_changes = shown or cut
    return f'<pre class="lines">{"".join(rows)}</pre>' if has_changes else ""


def _steps(old: list[str], new: list[str], work: Work) -> Iterable[tuple[str, int, int, int, int]]:
    """Return how one list of lines becomes the other; in bounded time, so maybe not in the fewest steps."""
    begin = 0
    while begin < min(len(old), len(new)) and old[begin] == new[begin]:
        begin += 1
    end = 0
    while end < min(len(old), len(new)) - begin and old[-1 - end] == new[-1 - end]:
        end += 1
    steps: list[tuple[str, int, int, int, int]] = []
    if begin:
        steps.append(("equal", 0, begin, 0, begin))
    inner_old, inner_new = old[begin : len(old) - end], new[begin : len(new) - end]
    steps += ((what, a + begin, b + begin, c + begin, d + begin)
              for what, a, b, c, d in work.steps(inner_old, inner_new))  # fmt: skip
    if end:
        steps.append(("equal", len(old) - end, len(old), len(new) - end, len(new)))
    return steps


def _unchanged(lines: list[str], begin: int, end: int, *, is_first: bool, is_last: bool) -> Iterator[str]:
    head = 0 if is_first else min(_CONTEXT, end - begin)
    tail = 0 if is_last else min(_CONTEXT, end - begin - head)
    yield from (_line(lines[at], at + 1) for at in range(begin, begin + head))
    if hidden := end - begin - head - tail:
        yield f'<span class="gap">{hidden:,} lines as before</span>'
    yield from (_line(lines[at], at + 1) for at in range(end - tail, end))


def _replaced(old: list[str], new: list[str], begin_old: int, begin_new: int, work: Work) -> Iterator[str]:
    pairs = zip(old[:_MOST_LINES], new[:_MOST_LINES], strict=True) if len(old) == len(new) else ()
    both = [_words(one, other, work) for one, other in pairs]
    for at, line in enumerate(old[:_MOST_LINES]):
        yield _line(line, begin_old + at + 1, "removed", both[at][0] if both else None)
    for at, line in enumerate(new[:_MOST_LINES]):
        yield _line(line, begin_new + at + 1, "added", both[at][1] if both else None)


def _words(old: str, new: str, work: Work) -> tuple[str, str]:
    """Return two lines as HTML, with what changed within them marked."""
    if len(old) + len(new) > _LONG_LINE or work.left <= 0:
        return _cut(old), _cut(new)
    one, other = (re.findall(r"\w+|\W", text) for text in (old, new))
    before: list[str] = []
    after: list[str] = []
    for what, a, b, c, d in work.steps(one, other, most=_MOST_OF_A_LINE):
        left, right = escaped("".join(one[a:b])), escaped("".join(other[c:d]))
        before.append(left if what == "equal" or not left else f"<del>{left}</del>")
        after.append(right if what == "equal" or not right else f"<ins>{right}</ins>")
    return "".join(before), "".join(after)


def _line(text: str, number: int, kind: str = "", shown: str | None = None) -> str:
    inner = _cut(text) if shown is None else shown
    named = f' class="{kind}"' if kind else ""
    return f'<span{named} data-n="{number}">{inner}</span>'


def _cut(text: str) -> str:
    if len(text) <= _LONG_LINE:
        return escaped(text)
    return (
        f'{escaped(text[:_LONG_LINE])}<span class="cut"> … {len(text) - _LONG_LINE:,} characters more</span>'
    )
