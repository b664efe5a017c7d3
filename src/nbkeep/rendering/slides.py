"""A notebook as slides: a page with a section for each slide, by what Jupyter's slideshow says of cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import page

if TYPE_CHECKING:
    from .book import Book, Cell
    from .notes import Notes

_LEFT_OUT = frozenset({"skip", "notes"})


def of_book(book: Book, path: str, notes: Notes) -> bytes:
    """Return a notebook as slides; where its cells say nothing of slides, each heading begins one."""
    said = any(one.slide in {"slide", "subslide"} for one in book.cells)
    slides: list[list[Cell]] = []
    for one in book.cells:
        if one.slide in _LEFT_OUT:
            notes.add("slides")
            continue
        begins = one.slide in {"slide", "subslide"} if said else _is_heading(one)
        if begins or not slides:
            slides.append([])
        slides[-1].append(one)
    shown = [
        f'<section class="slide" data-at="{at} / {len(slides)}">\n'
        + "\n".join(page.cell(one, book.language, notes) for one in cells)
        + "\n</section>"
        for at, cells in enumerate(slides, 1)
    ]
    body = "<main>\n" + "\n".join(shown) + "\n</main>"
    # Not of a cell that is left out.
    title = page.title_of(replace(book, cells=tuple(one for cells in slides for one in cells)), path)
    return page.whole(title, body, ("page.css", "slides.css"))


def _is_heading(one: Cell) -> bool:
    return one.kind == "markdown" and one.source.lstrip().startswith(("# ", "## "))
