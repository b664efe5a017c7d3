"""The texts of a notebook as its file has them, and the notebook with values cut out of these.

A leaf is one string of the file. A view is a text that readers see: a leaf, or several put together, such as
the lines of a source or what a program wrote in several pieces. What is cut out of a view is cut out of its
leaves, with the mark in the first of them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.scanning.documents import image
from nbkeep.scanning.documents.notebook import OLD_KINDS
from nbkeep.scanning.marks import marks_in

if TYPE_CHECKING:
    from .known import Group

_MARKED_UP = frozenset({"text/html", "image/svg+xml", "text/markdown", "application/xml", "text/xml"})
_LONG_NUMBER = 10**7
_SHORT_OUTPUT = 200
_GROUPS = {"source": "source", "input": "source", "outputs": "output", "attachments": "attachment"}
# The words of the format itself.
_FIXED_KEYS = frozenset({
    "cells", "worksheets", "metadata", "nbformat", "nbformat_minor", "cell_type", "execution_count", "id",
    "source", "outputs", "attachments", "output_type", "data", "text", "name", "ename", "evalue",
    "traceback", "input", "prompt_number", "language", "collapsed", *OLD_KINDS,
})  # fmt: skip
_FIXED_VALUES = {
    "cell_type": {"code", "markdown", "raw", "heading"},
    "output_type": {"stream", "display_data", "execute_result", "error", "pyout", "pyerr"},
}
_NO_NUMBERS = frozenset({"nbformat", "nbformat_minor"})


@dataclass(slots=True, eq=False)
class Leaf:
    """One string (or long number, or name of a key) of the file. `part`: as `Place.part` names it."""

    text: str = field(repr=False)
    container: Any = field(repr=False)
    key: Any = field(repr=False)
    is_key: bool = False
    cuts: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])


@dataclass(slots=True)
class View:
    """A text over leaves. `pieces`: leaf, where in the leaf it begins, where in the view."""

    text: str = field(repr=False)
    pieces: list[tuple[Leaf, int, int]] = field(repr=False)
    group: Group
    part: str
    is_markup: bool = False

    def cut(self, begin: int, end: int, mark: str) -> None:
        """Take out what stands from `begin` to `end`."""
        at = max(0, bisect_right(self.pieces, begin, key=lambda piece: piece[2]) - 1)
        while at < len(self.pieces):
            leaf, from_leaf, from_view = self.pieces[at]
            if from_view >= end:
                break
            until = self.pieces[at + 1][2] if at + 1 < len(self.pieces) else len(self.text)
            first, last = max(begin, from_view), min(end, until)
            last = min(last, from_view + len(leaf.text) - from_leaf)
            if first < last:
                leaf.cuts.append((first - from_view + from_leaf, last - from_view + from_leaf, mark))
                mark = ""
            at += 1


@dataclass(slots=True)
class Opaque:
    """A picture or a PDF in base64. `bundle`: whether its key is a MIME type."""

    text: str = field(repr=False)
    container: Any = field(repr=False)
    key: Any = field(repr=False)
    group: Group
    part: str
    mime: str = ""
    mark: str = ""
    """What is to stand in its place."""


class Leaves:
    """All texts of a notebook, which is changed in place by `write`."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.views: list[View] = []
        self.opaque: list[Opaque] = []
        self._leaves: list[Leaf] = []
        self._keys: dict[int, tuple[dict[str, Any], list[Leaf]]] = {}
        self._at: dict[tuple[int, Any], list[Leaf]] = {}
        cells = cells_of(found)
        for number, (holder, at) in enumerate(cells, 1):
            cell = holder[at]
            if is_object(cell):
                self._cell(cell, number)
            else:
                self._nested(holder, at, (number, "metadata"), "metadata")
        skipped = {id(holder) for holder, _ in cells}
        for key, value in found.items():
            if id(value) not in skipped:
                self._nested(found, key, (0, "metadata"), "metadata", skipped)
        self._name(found, (0, "metadata"), "metadata")

    def _cell(self, cell: dict[str, Any], number: int) -> None:
        for key, value in cell.items():
            group = (number, _GROUPS.get(key, "metadata"))
            if key == "outputs" and is_list(value):
                self._outputs(value, group)
            elif key == "attachments" and is_object(value):
                for name, bundle in value.items():
                    self._bundle_or_other(value, name, bundle, group, f"attachment {name} ")
                self._name(value, group, "metadata")
            else:
                part = group[1]
                markup = part == "source" and cell.get("cell_type", "code") != "code"
                self._nested(cell, key, group, part, is_markup=markup)
        self._name(cell, (number, "metadata"), "metadata")

    def _bundle_or_other(self, holder: Any, key: Any, bundle: Any, group: Group, part: str) -> None:
        if not is_object(bundle):
            self._nested(holder, key, group, part.rstrip())
            return
        for mime, value in bundle.items():
            self._of_a_kind(bundle, mime, mime, value, group, f"{part}{mime}")
        self._name(bundle, group, part)

    def _of_a_kind(self, holder: Any, key: str, mime: str, value: Any, group: Group, part: str) -> None:
        text = _joined(value)
        is_picture = mime.startswith("image/") and mime not in _MARKED_UP
        if text and (is_picture or mime == "application/pdf" or image.is_base64_of_one(text)):
            self.opaque.append(Opaque(text, holder, key, group, part, mime))
        else:
            self._nested(holder, key, group, part, is_markup=mime in _MARKED_UP)

    def _outputs(self, outputs: list[Any], group: Group) -> None:
        streams: dict[str, list[Leaf]] = {}
        short: list[tuple[Leaf, int, str]] = []
        for number, output in enumerate([*outputs, None], 1):
            is_stream = is_object(output) and output.get("output_type") == "stream"
            if not is_stream:
                for name, leaves in streams.items():
                    self._view(leaves, group, f"output {number} {name}")
                streams = {}
            if not is_object(output):
                if output is not None:
                    self._nested(outputs, number - 1, group, f"output {number}")
                continue
            self._output(output, number, group)
            if is_stream:
                leaves = self._at.get((id(output), "text"), [])
                streams.setdefault(str(output.get("name", "stdout")), []).extend(leaves)
            data: Any = output.get("data")
            if is_object(data) and len(_joined(data.get("text/plain")) or "") in range(1, _SHORT_OUTPUT):
                short += _stripped(self._at.get((id(data), "text/plain"), []))
        if len(short) > 1:
            self._sliced(short, group, "outputs (joined)")

    def _output(self, output: dict[str, Any], number: int, group: Group) -> None:
        for key, value in output.items():
            if key == "data" and is_object(value):
                self._bundle_or_other(output, key, value, group, f"output {number} ")
            elif key in OLD_KINDS:
                mime = OLD_KINDS[key]
                self._of_a_kind(output, key, mime, value, group, f"output {number} {mime}")
            else:
                self._nested(output, key, group, f"output {number} metadata")
        self._name(output, group, f"output {number} metadata")

    def _nested(
        self, container: Any, key: Any, group: Group, part: str, skipped: set[int] | None = None, *,
        is_markup: bool = False,
    ) -> None:  # fmt: skip
        stack: list[tuple[Any, Any]] = [(container, key)]
        while stack:
            holder, at = stack.pop()
            value = holder[at]
            if is_object(value):
                stack += ((value, inner) for inner in value if not skipped or id(value[inner]) not in skipped)
                self._name(value, group, part)
            elif is_list(value):
                if value and all(item.__class__ is str for item in value):
                    self._list(holder, at, value, group, part, is_markup=is_markup)
                else:
                    stack += ((value, item) for item in range(len(value)))
            elif isinstance(value, str):
                self._string(holder, at, value, group, part, is_markup=is_markup)
            elif value.__class__ in {int, float} and at not in _NO_NUMBERS and abs(value) > _LONG_NUMBER:
                self._string(holder, at, str(value), group, part)

    def _string(
        self, holder: Any, at: Any, value: str, group: Group, part: str, *, is_markup: bool = False
    ) -> None:
        if image.is_base64_of_one(value):
            self.opaque.append(Opaque(value, holder, at, group, part))
        elif value and value not in _FIXED_VALUES.get(at, ()):
            leaf = Leaf(value, holder, at)
            self._leaves.append(leaf)
            self._at[id(holder), at] = [leaf]
            self.views.append(View(value, [(leaf, 0, 0)], group, part, is_markup))

    def _list(
        self, holder: Any, at: Any, value: list[str], group: Group, part: str, *, is_markup: bool
    ) -> None:
        leaves = [Leaf(text, value, number) for number, text in enumerate(value)]
        self._leaves += leaves
        self._at[id(holder), at] = leaves
        self._view(leaves, group, part, is_markup=is_markup)
        if not all(text.endswith("\n") for text in value[:-1]):
            self._view(leaves, group, part, between="\n", is_markup=is_markup)

    def _view(
        self, leaves: list[Leaf], group: Group, part: str, between: str = "", *, is_markup: bool = False
    ) -> None:
        pieces: list[tuple[Leaf, int, int]] = []
        position = 0
        for leaf in leaves:
            pieces.append((leaf, 0, position))
            position += len(leaf.text) + len(between)
        text = between.join(leaf.text for leaf in leaves)
        self.views.append(View(text, pieces, group, part, is_markup))

    def _sliced(self, slices: list[tuple[Leaf, int, str]], group: Group, part: str) -> None:
        pieces: list[tuple[Leaf, int, int]] = []
        position = 0
        for leaf, begin, text in slices:
            pieces.append((leaf, begin, position))
            position += len(text)
        self.views.append(View("".join(text for _, _, text in slices), pieces, group, part))

    def _name(self, holder: dict[str, Any], group: Group, part: str) -> None:
        leaves = [Leaf(key, holder, key, is_key=True) for key in holder if key and key not in _FIXED_KEYS]
        if leaves:
            self._leaves += leaves
            self._keys[id(holder)] = (holder, leaves)
            self._view(leaves, group, part, between="\n")

    def write(self) -> int:
        """Change the notebook to what is left of its texts; return how many values were taken out."""
        count = 0
        for number, leaf in enumerate(self._leaves):
            if leaf.cuts and not leaf.is_key:
                text, marks = without(leaf.text, leaf.cuts)
                count += marks
                leaf.container[leaf.key] = _as_format_wants(leaf, text, number)
        for one in self.opaque:
            if one.mark:
                _replace(one)
                count += 1
        for holder, leaves in self._keys.values():
            if any(leaf.cuts for leaf in leaves):
                count += _renamed(holder, {leaf.key: leaf for leaf in leaves if leaf.cuts})
        return count


def cells_of(found: dict[str, Any]) -> list[tuple[Any, int]]:
    """Return each cell as the list that it is in, and its place there; raises ValueError for no list."""
    if is_list(found.get("cells")):
        return [(found["cells"], at) for at in range(len(found["cells"]))]
    sheets: Any = found.get("worksheets")
    if not is_list(sheets):
        raise ValueError("it has no list of cells")
    inside: list[Any] = [one["cells"] for one in sheets if is_object(one) and "cells" in one]
    return [(cells, at) for cells in inside if is_list(cells) for at in range(len(cells))]


def without(text: str, cuts: list[tuple[int, int, str]]) -> tuple[str, int]:
    """Return a text without what is cut out, with marks in its place, and how many marks.

    Cuts that meet or overlap are one; a mark that is there already is cut whole or not at all.
    """
    marks = [(begin, end) for begin, end, _ in marks_in(text)]
    kept: list[str] = []
    done = count = 0
    merged: list[tuple[int, int, str]] = []
    for begin, end, mark in sorted(cuts, key=lambda cut: (cut[0], -cut[1])):
        begin, end = _around_marks(begin, end, marks)  # noqa: PLW2901  the same cut, made whole
        if merged and begin < merged[-1][1]:
            first, last, before = merged[-1]
            merged[-1] = (first, max(last, end), before or mark)
        else:
            merged.append((begin, end, mark))
    for begin, end, mark in merged:
        kept += text[done:begin], mark
        done = end
        count += bool(mark)
    kept.append(text[done:])
    return "".join(kept), count


def _around_marks(begin: int, end: int, marks: list[tuple[int, int]]) -> tuple[int, int]:
    if marks:
        at = bisect_right(marks, (begin, -1)) - 1
        if at >= 0 and begin < marks[at][1]:
            begin = marks[at][0]
            end = max(end, marks[at][1])
        at = bisect_right(marks, (end - 1, 1 << 60)) - 1
        if at >= 0 and marks[at][0] < end:
            end = max(end, marks[at][1])
    return begin, end


def _joined(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if is_list(value) and all(isinstance(item, str) for item in value):
        return "".join(value)
    return None


def _stripped(leaves: list[Leaf]) -> list[tuple[Leaf, int, str]]:
    slices: list[tuple[Leaf, int, str]] = []
    for number, leaf in enumerate(leaves):
        text, begin = leaf.text, 0
        if number == 0:
            begin = len(text) - len(text.lstrip("'\"\n"))
        end = len(text.rstrip("'\"\n")) if number == len(leaves) - 1 else len(text)
        slices.append((leaf, begin, text[begin : max(begin, end)]))
    return slices


def _replace(one: Opaque) -> None:
    """Put the mark where the picture was: beside other formats of the same thing, as its text."""
    if not one.mime:
        one.container[one.key] = one.mark
        return
    name = "text/plain" if one.key == one.mime else "text"
    text = _joined(one.container.get(name)) or ""
    del one.container[one.key]
    one.container[name] = f"{text}\n{one.mark}" if text else one.mark


def _as_format_wants(leaf: Leaf, text: str, number: int) -> Any:
    if leaf.key in {"execution_count", "prompt_number"}:
        return None
    if leaf.key == "id" and "cell_type" in leaf.container:
        return f"removed-{number}"
    return text


def _renamed(holder: dict[str, Any], changed: dict[str, Leaf]) -> int:
    """Give keys other names, in their order; no two become one."""
    count = 0
    items = list(holder.items())
    holder.clear()
    for key, value in items:
        name = key
        if key in changed:
            name, marks = without(key, changed[key].cuts)
            count += marks
        free, number = name, 1
        while free in holder:
            number += 1
            free = f"{name} {number}"
        holder[free] = value
    return count
