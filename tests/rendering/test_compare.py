"""A reviewer sees what changed since the last release, cell by cell, and nothing of what did not."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from nbkeep.rendering.compare import compare
from scan_parts import code, notebook, shown, stream

BOOK = notebook(
    code("import pandas as pd", id="a"),
    code("df = read()\ndf.head()", shown(text__plain="a  1\nb  2"), id="b"),
    {"cell_type": "markdown", "id": "c", "metadata": {}, "source": "# Results\nThey are good."},
    code("plot(df)", shown(image__png="iVBORw0KGgo" + "A" * 90), id="d"),
)


def changes(old: Any, new: Any, name: str = "a.ipynb") -> str:
    return compare(as_bytes(old), as_bytes(new), name).decode()


def as_bytes(one: Any) -> bytes:
    if isinstance(one, bytes):
        return one
    return (one if isinstance(one, str) else json.dumps(one)).encode()


def changed(edit: Any) -> str:
    new = copy.deepcopy(BOOK)
    edit(new["cells"])
    return changes(BOOK, new)


def test_two_that_are_the_same_say_so():
    assert "Nothing changed" in changes(BOOK, BOOK)
    assert "No cell changed" in changes(BOOK, {**copy.deepcopy(BOOK), "nbformat_minor": 4})


def test_a_changed_line_is_shown_with_the_words_that_changed():
    def edit(cells: list[Any]) -> None:
        cells[1]["source"] = "df = read()\ndf.tail()"

    made = changed(edit)
    assert "Cells: 1 changed." in made
    assert '<span class="removed" data-n="2">df.<del>head</del>()</span>' in made
    assert '<span class="added" data-n="2">df.<ins>tail</ins>()</span>' in made
    assert '<span data-n="1">df = read()</span>' in made
    assert 'id="cell-2"' in made
    assert "pandas" not in made
    assert made.count("as before.") == 2


def test_changed_outputs_metadata_and_pictures_are_changes():
    def edit(cells: list[Any]) -> None:
        cells[1]["outputs"][0]["data"]["text/plain"] = "a  1\nb  3"
        cells[2]["metadata"]["tags"] = ["late"]
        cells[3]["outputs"][0]["data"]["image/png"] = "iVBORw0KGgo" + "B" * 90

    made = changed(edit)
    assert "Cells: 3 changed." in made
    assert "<ins>3</ins>" in made
    assert "late" in made
    assert made.count("SHA-256 of its text") == 2
    assert "BBBBBBB" not in made


def test_another_count_of_runs_is_no_change():
    def edit(cells: list[Any]) -> None:
        for cell in cells:
            cell["execution_count"] = 9

    assert "No cell changed" in changed(edit)


def test_added_removed_and_moved_cells_are_told_apart():
    def edit(cells: list[Any]) -> None:
        cells.insert(1, code("new_thing()", id="n"))
        cells.append(cells.pop(2))
        del cells[2]

    made = changed(edit)
    assert "Cells: 1 added, 1 removed, 1 moved." in made
    assert re.search(r'id="cell-2".*?added.*?new_thing', made)
    assert "They are good" in made
    assert re.search("moved from [24]", made)


def test_cells_without_ids_or_with_the_same_id_are_matched_by_what_is_in_them():
    for ids in ([None] * 4, ["x"] * 4):
        old, new = copy.deepcopy(BOOK), copy.deepcopy(BOOK)
        new["cells"].insert(0, code("first()", id="z"))
        new["cells"][2]["source"] = "df = read()\ndf.head(20)"
        for book in (old, new):
            for cell, one in zip(book["cells"][-4:], ids, strict=True):
                cell["id"] = one
        new["cells"][0]["id"] = ids[0]
        made = changes(old, new)
        assert "Cells: 1 added, 1 changed." in made


def test_texts_are_compared_line_by_line():
    old = "".join(f"line {number}\n" for number in range(200))
    made = changes(old, old.replace("line 100\n", "line one hundred\n"), "a.py")
    assert "<del>100</del>" in made
    assert '<span class="gap">97 lines as before</span>' in made
    assert "line 50\n" not in made
    assert "they differ" in changes(b"\0\1\2", b"\0\1\3", "a.bin").lower()


def test_broken_and_strange_notebooks_are_compared_as_far_as_they_go():
    for old, new in [
        ("{", json.dumps(BOOK)),
        (json.dumps(BOOK), '{"cells": [1, null, "x", {"source": 3, "outputs": 5, "cell_type": {}}]}'),
        ('{"cells": 3}', '{"cells": {}}'),
        ("[" * 100_000, json.dumps(BOOK)),
    ]:
        assert "<h1>" in changes(old, new)


@pytest.mark.parametrize("name", ["a.ipynb", "a.txt"])
def test_large_and_wholly_different_texts_end_soon_in_a_page_of_bounded_size(name: str):
    old, new = ("\n".join(f"{seed * number % 7919} x" for number in range(60_000)) for seed in (3, 5))
    if name.endswith("ipynb"):
        made = changes(notebook(code(old, stream(old))), notebook(code(new, stream(new))), name)
    else:
        made = changes(old, new, name)
    assert len(made) < 4_000_000
    assert "not shown" in made or "were compared" in made


def test_many_small_cells_end_soon():
    old = notebook(*(code(f"x{number}", id=f"a{number}") for number in range(3000)))
    new = notebook(*(code(f"y{number}", id=f"b{number}") for number in range(3000)))
    assert "3,000 added, 3,000 removed" in changes(old, new)
