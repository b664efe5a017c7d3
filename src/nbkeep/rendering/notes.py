"""What was left out of a document, counted while it is made anew, and told as sentences."""

from __future__ import annotations

from collections import Counter

# What is counted: for one, for several. In the order in which it is told.
_WORDS = {
    "raw": ("1 raw cell", "{n} raw cells"),
    "hidden": ("1 hidden cell, or the hidden half of one", "{n} hidden cells, or hidden halves of cells"),
    "code": ("the code of 1 cell", "the code of {n} cells"),
    "markdown": ("1 text cell", "{n} text cells"),
    "outputs": ("1 output", "{n} outputs"),
    "odd": ("1 thing that is no cell and no output", "{n} things that are no cells and no outputs"),
    "other": ("1 other form of an output than the one that is shown",
              "{n} other forms of outputs than those that are shown"),
    "unknown": ("1 output of a kind that cannot be shown safely",
                "{n} outputs of kinds that cannot be shown safely"),
    "widgets": ("the state of 1 widget", "the state of {n} widgets"),
    "attachments": ("1 attachment", "{n} attachments"),
    "pictures": ("1 picture that could not be read, or is too large",
                 "{n} pictures that could not be read, or are too large"),
    "remote": ("1 picture that lies elsewhere", "{n} pictures that lie elsewhere"),
    "links": ("where 1 link leads to, for it would run something, or open a file of the reader's",
              "where {n} links lead to, for they would run something, or open files of the reader's"),
    "comments": ("1 comment", "{n} comments"),
    "overwritten": ("what was overwritten in 1 text (as by a progress bar)",
                    "what was overwritten in {n} texts (as by progress bars)"),
    "long": ("the rest of 1 text that is too long", "the rest of {n} texts that are too long"),
    "tags": ("1 tag", "{n} tags"),
    "settings": ("1 setting of cells and of the notebook (metadata)",
                 "{n} settings of cells and of the notebook (metadata)"),
    "slides": ("1 cell that is no slide (skipped, or notes of the speaker)",
               "{n} cells that are no slides (skipped, or notes of the speaker)"),
}  # fmt: skip


class Notes:
    """Counts what is left out, by the keys of the table above."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        """Note that something is left out. A key that is not in the table is a bug."""
        if what not in _WORDS:
            raise KeyError(what)
        self._counts[what] += count

    def sentences(self) -> list[str]:
        """Return what was left out, e.g. "2 raw cells"; always in the same order."""
        return [
            one if self._counts[what] == 1 else many.format(n=f"{self._counts[what]:,}")
            for what, (one, many) in _WORDS.items()
            if self._counts[what] > 0
        ]
