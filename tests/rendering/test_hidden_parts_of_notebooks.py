"""What an author hid in a notebook stays behind, however it is hidden, unless it is let into what leaves."""

from __future__ import annotations

from typing import Any

import pytest

from nbkeep.rendering.interface import Keep
from render_parts import code, in_every_form, made, notebook, shown, stream, text

WORD = "PSSTHIDDEN"


def raw(source: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "raw", "id": "r", "metadata": metadata, "source": source}


def folded(heading: str) -> dict[str, Any]:
    return text(heading, metadata={"jp-MarkdownHeadingCollapsed": True})


MANY = [f"tag{number}" for number in range(50)]
HIDDEN: dict[str, list[dict[str, Any]]] = {
    "text that is folded": [text(WORD, metadata={"jupyter": {"source_hidden": True}})],
    "text with a tag": [text(WORD, metadata={"tags": ["hide-input"]})],
    "raw that is folded": [raw(WORD, jupyter={"source_hidden": True})],
    "raw with a tag": [raw(WORD, tags=["remove_input"])],
    "below a folded heading": [folded("# A"), code(f"print('{WORD}')")],
    "below a folded heading, with one of a lower level": [folded("A\n==="), text("## B"), code(WORD)],
    "below a folded heading, with a comment in code": [folded("# A"), text("```sh\n# B\n```"), code(WORD)],
    "the 51st tag": [code(WORD, tags=[*MANY, "remove-cell"])],
    "a tag in other letters": [code(WORD, tags=[" Remove_Cells "])],
    "an output with a tag": [code("x", {**shown(text_plain=WORD), "metadata": {"tags": ["remove_output"]}})],
    "outputs that the classic notebook hides": [code("x", stream(WORD), hide_output=True)],
    "a cell that the classic notebook hides": [code(WORD, hidden=True)],
    "a cell that Quarto leaves out": [code(f"#| label: a\n#| include: false\n{WORD}")],
    "outputs that Quarto leaves out": [code("#| output: false", stream(WORD))],
    "code that Quarto leaves out": [code(f"#|echo: FALSE\n{WORD}")],
    "a cell of nbsphinx": [code(WORD, nbsphinx="hidden")],
}


@pytest.mark.parametrize("cells", list(HIDDEN.values()), ids=list(HIDDEN))
def test_hidden_parts_stay_behind_and_are_counted(cells: list[dict[str, Any]]) -> None:
    data = notebook(text("shown"), *cells)
    keep = Keep(raw_cells=True)
    for form, page in in_every_form(data, keep).items():
        assert WORD.encode() not in page, form
    assert any("hidden" in one for one in made(data, keep)[1])
    assert WORD.encode() in in_every_form(data, Keep(raw_cells=True, hidden_cells=True))["ipynb"]


def test_what_stands_below_the_next_heading_is_not_folded() -> None:
    data = notebook(
        folded("## A"), code("hidden_a"), text("### B"), code("hidden_b"), text("# C"), code("seen")
    )
    found, left_out = made(data)
    assert [one.source for one in found.cells] == ["## A", "# C", "seen"]
    assert "3 hidden cells, or hidden halves of cells" in left_out


def test_a_notebook_whose_code_is_hidden_as_a_whole_leaves_without_it() -> None:
    found, left_out = made(notebook(text("words"), code("secret()", stream("out")), hide_input=True))
    assert [(one.kind, one.source) for one in found.cells] == [("markdown", "words"), ("code", "")]
    assert found.cells[1].outputs[0].text == "out"
    assert "1 hidden cell, or the hidden half of one" in left_out
