"""The document as a page to read: all of it without scripts, each cell with what it would do."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.rendering import page as pages
from nbkeep.rendering.book import NotMade
from nbkeep.rendering.interface import Keep
from nbkeep.rendering.notes import Notes
from nbkeep.rendering.pages import words
from nbkeep.rendering.parse import read_notebook
from nbkeep.rendering.rebuild import rebuild
from nbkeep.scanning.documents.strings import text_of

from .values import DANGEROUS, NOTABLE, Act, Foreseen

if TYPE_CHECKING:
    from typing import Any

_KEEP = Keep(raw_cells=True, hidden_cells=True, tags=True)
_MARK = "nbkeep-cell-"
_MOST_OF_A_CELL = 12
_LARGEST_TEXT = 4 * 2**20
_STYLE = """<style>
.numbered {
  position: relative; padding: 0.4rem 0 0.6rem 0.7rem; border-left: 3px solid transparent;
  scroll-margin-top: 0.5rem;
}
.numbered:target { background: rgb(255 196 0 / 10%); }
.numbered > .number { font: 600 0.72rem/1.6 system-ui, sans-serif; color: #6b7280; margin: 0 0 0.2rem; }
.numbered.dangerous { border-left-color: #b91c1c; }
.numbered.notable { border-left-color: #b45309; }
.foreseen {
  margin: 0.3rem 0 0; padding: 0.4rem 0.7rem 0.4rem 1.6rem; font: 0.8rem/1.45 system-ui, sans-serif;
  background: rgb(120 120 120 / 10%); border-radius: 4px; overflow-wrap: anywhere;
}
.foreseen b { font-weight: 600; }
.foreseen .dangerous b { color: #b91c1c; }
.foreseen .notable b { color: #b45309; }
@media (prefers-color-scheme: dark) {
  .numbered > .number { color: #9ca3af; }
  .foreseen .dangerous b { color: #f87171; }
  .foreseen .notable b { color: #fbbf24; }
}
</style>"""


def page(data: bytes, name: str, found: Foreseen) -> bytes | None:
    """Return a document as a page without scripts, or None where it cannot be shown."""
    if found.problem:
        return None
    if not found.cells:
        text = text_of(data)
        return pages.of_text(text[:_LARGEST_TEXT], name, Notes()) if text is not None else None
    try:
        book = rebuild(_marked(data), _KEEP, Notes())
    except NotMade:
        return None
    acts: dict[int, list[Act]] = defaultdict(list)
    for one in found.acts:
        acts[one.spot.cell].append(one)
    body: list[str] = []
    for cell in book.cells:
        number = next((int(tag[len(_MARK) :]) for tag in cell.tags if tag.startswith(_MARK)), 0)
        body.append(_numbered(number, pages.cell(cell, book.language, Notes()), acts.get(number, [])))
    return pages.whole(
        pages.title_of(book, name), f"{_STYLE}<main>\n{chr(10).join(body)}\n</main>", ("page.css",)
    )


def _marked(data: bytes) -> bytes:
    """Return a notebook whose cells say which they are: some are left out of what is made anew."""
    found = read_notebook(data)
    for number, cell in enumerate(found["cells"], 1):
        if is_object(cell):
            metadata: Any = cell.get("metadata")
            metadata = metadata if is_object(metadata) else {}
            tags: Any = metadata.get("tags")
            kept = (
                [one for one in tags if isinstance(one, str) and not one.startswith(_MARK)]
                if is_list(tags)
                else []
            )
            cell["metadata"] = {**metadata, "tags": [f"{_MARK}{number}", *kept]}
    return json.dumps(found).encode()


def _numbered(number: int, cell: str, acts: list[Act]) -> str:
    heavy = [one for one in acts if one.weight in {DANGEROUS, NOTABLE}]
    weight = heavy[0].weight if heavy else ""
    told = "".join(
        f'<li class="{one.weight}"><b>{_place(one)}</b> {words(one.what)}</li>'
        for one in heavy[:_MOST_OF_A_CELL]
    )
    more = f"<li>and {len(heavy) - _MOST_OF_A_CELL} more</li>" if len(heavy) > _MOST_OF_A_CELL else ""
    listed = f'<ul class="foreseen">{told}{more}</ul>' if told else ""
    head = f'<p class="number">Cell {number}</p>'
    return f'<div class="numbered {weight}" id="cell-{number}">{head}{cell}{listed}</div>'


def _place(one: Act) -> str:
    return f"line {one.spot.line}" if one.spot.line else words(one.spot.part)
