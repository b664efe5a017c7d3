"""What of a notebook is hidden: by JupyterLab, by the classic notebook, or from pages made of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nbkeep.model.jsontypes import is_list, is_object

from .parse import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

CELL, SOURCE, OUTPUTS = "cell", "source", "outputs"
# Tags that nbconvert, Jupyter Book and others take for this; written with "-" or "_", for one or for many.
_TAGS = {
    CELL: frozenset({"remove-cell", "hide-cell", "hidden", "hide"}),
    SOURCE: frozenset({"remove-input", "hide-input"}),
    OUTPUTS: frozenset({"remove-output", "hide-output"}),
}
# Settings of a cell or a notebook, of the classic notebook's extensions.
_SETTINGS = {
    CELL: ("hidden", "hide_cell"),
    SOURCE: ("hide_input", "hideCode"),
    OUTPUTS: ("hide_output", "hideOutput"),
}
# As Quarto and nbdev read them: `#| include: false`, `#| hide`.
_OPTION = re.compile(
    r"^[ \t]*(?:#|//|--|%%?)[ \t]?\|[ \t]*([a-z_-]{1,20})[ \t]*:?[ \t]*([a-z]{0,10})[ \t]*\r?$",
    re.MULTILINE | re.IGNORECASE,
)
_OPTIONS = {
    ("include", "false"): CELL, ("hide", ""): CELL, ("hide", "true"): CELL,
    ("echo", "false"): SOURCE, ("hide-input", ""): SOURCE,
    ("output", "false"): OUTPUTS, ("results", "hide"): OUTPUTS, ("hide-output", ""): OUTPUTS,
}  # fmt: skip
_FENCED = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_HEADING = re.compile(
    r"^[ ]{0,3}(#{1,6})(?=[ \t\r\n]|$)|^[ ]{0,3}\S[^\n]*\n[ ]{0,3}(=+|-+)[ \t]*$|<h([1-6])[\s>]",
    re.MULTILINE | re.IGNORECASE,
)
_FOLDED = ("jp-MarkdownHeadingCollapsed", "heading_collapsed")


def of_cell(metadata: dict[str, Any], source: str) -> set[str]:
    """Return what of a cell is hidden by what it says itself: `CELL`, `SOURCE`, `OUTPUTS`."""
    jupyter: Any = metadata.get("jupyter")
    jupyter = jupyter if is_object(jupyter) else {}
    found = _by_settings(metadata) | _by_tags(metadata)
    for name, value in _OPTION.findall(source):
        found.add(_OPTIONS.get((name.lower().replace("_", "-"), value.lower()), ""))
    if jupyter.get("source_hidden"):
        found.add(SOURCE)
    if jupyter.get("outputs_hidden") or metadata.get("collapsed") is True:
        found.add(OUTPUTS)
    if metadata.get("nbsphinx") == "hidden":
        found.add(CELL)
    return found - {""}


def of_notebook(metadata: dict[str, Any]) -> set[str]:
    """Return what of all cells with code is hidden: `SOURCE`, `OUTPUTS`."""
    return _by_settings(metadata) - {CELL}


def is_hidden_output(output: Any) -> bool:
    """Return whether one output of a cell is hidden by its own metadata."""
    metadata: Any = output.get("metadata") if is_object(output) else None
    return is_object(metadata) and bool(_by_settings(metadata) | _by_tags(metadata))


def is_hiding_tag(tag: str) -> bool:
    """Return whether a tag of a cell or an output hides something of it."""
    return bool(_by_tags({"tags": [tag]}))


def _by_settings(metadata: dict[str, Any]) -> set[str]:
    return {what for what, keys in _SETTINGS.items() if any(metadata.get(key) for key in keys)}


def _by_tags(metadata: dict[str, Any]) -> set[str]:
    said = {tag.strip().lower().replace("_", "-") for tag in tags_of(metadata)}
    said |= {tag.removesuffix("s") for tag in said}
    return {what for what, tags in _TAGS.items() if said & tags}


def tags_of(metadata: dict[str, Any]) -> list[str]:
    """Return the tags of a cell or an output."""
    tags: Any = metadata.get("tags")
    found: Iterable[str | None] = map(text_of, tags) if is_list(tags) else ()
    return [one for one in found if one]


class Folds:
    """Tells, cell by cell, which ones JupyterLab shows none of, for they stand below a folded heading."""

    def __init__(self) -> None:
        self._level = 0  # of the folded heading; 0: of none

    def has(self, kind: str, source: str, metadata: dict[str, Any]) -> bool:
        """Return whether the next cell is folded away."""
        level = 0
        if kind == "markdown":
            # As JupyterLab does: the highest heading of a cell counts.
            level = min(_levels(_without_fences(source)), default=0)
            if level and level <= self._level:
                self._level = 0
        if self._level:
            return True
        if kind == "markdown" and any(metadata.get(key) for key in _FOLDED):
            self._level = level or min(_levels(source), default=0)
        return False


def _levels(text: str) -> Iterable[int]:
    for marks, line, number in _HEADING.findall(text):
        yield len(marks) or (int(number) if number else 1 if line[0] == "=" else 2)


def _without_fences(text: str) -> str:
    """Return a text without its blocks of code: a "# comment" in one is no heading."""
    kept: list[str] = []
    done, open_with = 0, ""
    for found in _FENCED.finditer(text):
        if not open_with:
            kept.append(text[done : found.start()])
            open_with = found[1]
        elif found[1].startswith(open_with):
            open_with = ""
        done = found.end()
    return "".join(kept) if open_with else "".join([*kept, text[done:]])
