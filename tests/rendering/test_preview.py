"""A reviewer sees all that a document contains, with every finding in its place, and no value of any."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from nbkeep.rendering.preview import preview
from nbkeep.scanning.interface import Hint, Hit
from nbkeep.scanning.scan import Look
from scan_parts import KEY, FewRules, code, look, notebook, shown, stream

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


def page(content: bytes | str | dict[str, Any], name: str = "orders.ipynb", how: Look | None = None) -> str:
    text = json.dumps(content) if isinstance(content, dict) else content
    return preview(text.encode() if isinstance(text, str) else text, name, how or look()).decode()


def cell(made: str, number: int) -> str:
    """Return the section of a cell, as text without tags."""
    found = re.search(rf'<section class="cell" id="cell-{number}">(.*?)</section>', made, re.DOTALL)
    assert found
    return re.sub(r"<[^>]*>", "", found[1])


def test_findings_stand_in_their_place_with_title_severity_and_masked_value():
    made = page(notebook(code("x = 1"), code(f"k = '{KEY}'", stream(f"it is {KEY}\n"))))
    assert '<mark class="critical"><b>AWS access key</b> AKIA…PD</mark>' in made
    assert "k = &#x27;AWS access keyAKIA" not in made
    assert "k = &#x27;AWS access key AKIA…PD&#x27;" in cell(made, 2)
    assert "it is AWS access key AKIA…PD" in cell(made, 2)
    assert "AWS" not in cell(made, 1)
    assert '<a href="#cell-2">cell 2</a>' in made
    assert KEY not in made


def test_what_hides_is_shown_and_said():
    hidden = code(
        "secret_thing()", shown(text__html="<p>rich</p>", text__plain="poor"),
        metadata={"jupyter": {"source_hidden": True, "outputs_hidden": True}, "tags": ["remove-cell", "x"], "note": "psst"},
    )  # fmt: skip
    raw: dict[str, Any] = {"cell_type": "raw", "id": "r", "metadata": {}, "source": "raw words"}
    pictured = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "![a](attachment:plot.png)",
                "attachments": {"plot.png": {"image/png": PIXEL}}}  # fmt: skip
    made = page(
        notebook(hidden, raw, pictured, metadata={"kernelspec": {"name": "odd"}, "widgets": {"a": "state!"}})
    )
    first = cell(made, 1)
    for words in ("secret_thing()", "source folded", "outputs folded", "tag remove-cell", "psst", "poor",
                  "text/plain beside it, not shown by JupyterLab", "&lt;p&gt;rich&lt;/p&gt;"):  # fmt: skip
        assert words in first, words
    assert "raw words" in cell(made, 2)
    assert "raw: left out of most exports" in cell(made, 2)
    assert "Attachment plot.png" in cell(made, 3)
    assert '<img src="data:image/png;base64,' in made
    assert "state!" in made
    assert "odd" in made


def test_what_pages_made_of_a_notebook_leave_out_is_said_where_it_stands():
    folded = {"cell_type": "markdown", "id": "m", "metadata": {"heading_collapsed": True}, "source": "# More"}
    made = page(
        notebook(
            code(
                "#| include: false\nquiet()", shown(text__plain="a") | {"metadata": {"tags": ["hide_output"]}}
            ),
            code("plain()", metadata={"tags": ["remove_inputs"]}),
            folded,
            code("below()"),
            metadata={"hide_input": True},
        )
    )
    assert "cell hidden" in cell(made, 1)
    assert "output hidden" in cell(made, 1)
    assert "source folded" in cell(made, 2)
    assert "tag remove_inputs" in cell(made, 2)
    assert "folded" not in cell(made, 3)
    assert "below a folded heading" in cell(made, 4)


def test_characters_that_nobody_sees_are_shown_by_number():
    made = cell(page(notebook(code("if admin\u202e\u2066:\u200b # x\x1b[31mred\x1b[0m\x00"))), 1)
    assert "U+202E U+2066" in made
    assert "U+200B" in made
    assert "xred" in made
    assert "U+0000" in made


def test_personal_data_and_what_an_author_allowed_are_masked_too():
    made = page(
        f"mail = 'anna@firm.com'\nk = '{KEY}'  # nbkeep:allow aws-access-key-id it is an example\n", "a.py"
    )
    assert "anna@firm.com" not in made
    assert KEY not in made
    assert '<a href="#line-2">line 2</a>' in made
    assert '<span id="line-2" data-n="2">' in made


def test_a_huge_output_is_shown_in_part_with_every_finding_in_it():
    lines = [f"row {number}" for number in range(300_000)]
    lines[150_000] = f"k = {KEY}"
    made = page(notebook(code("print()", stream("\n".join(lines)))))
    assert len(made) < 100_000
    assert "characters are not shown" in made
    assert made.count("<b>AWS access key</b>") == 1
    assert "row 149999" in made
    assert "row 250000" not in made
    text = page("\n".join(lines), "a.log")
    assert len(text) < 2_000_000
    assert 'id="line-150001"' in text
    assert "lines are not shown" in text


def test_a_huge_notebook_is_a_page_of_bounded_size():
    made = page(notebook(*(code("x = 1\n" * 1000, stream("y\n" * 5000)) for _ in range(400))))
    assert len(made) < 4_000_000
    assert "more cells are not shown" in made


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"%PDF-1.4 a\n", "a.pdf", "[Nn]othing of (?:it|this document) can be shown"),
        (b"\x89PNG\r\n\x1a\n" + f" {KEY} ".encode() * 3, "a.png", "Nothing of this document can be shown"),
        (b'{"cells": [', "a.ipynb", "unreadable as a notebook"),
        (b"", "empty.ipynb", "Nothing found"),
        (b"[" * 100_000, "deep.ipynb", "unreadable|cannot"),
        (json.dumps({"cells": [1, None, {"cell_type": [], "source": 4, "outputs": {"a": 1}}]}).encode(), "odd.ipynb",
         "not a cell at all"),
    ],
)  # fmt: skip
def test_what_is_no_sound_document_is_said(content: bytes, name: str, words: str):
    made = page(content, name)
    assert re.search(words, made)
    assert KEY not in made


def test_a_fault_gives_a_page_without_the_document():
    class Fails(FewRules):
        def find(self, text: str, hint: Hint) -> list[Hit]:
            raise RuntimeError(text + hint.name)

    made = page(f"k = {KEY}", "a.py", Look(Fails()))
    assert "made the preview fail (RuntimeError)" in made
    assert KEY not in made


def test_a_name_that_holds_a_key_is_masked_and_escaped():
    made = page("x = 1", f"<img src=x>{KEY}.py")
    assert KEY not in made
    assert "<img" not in made


def test_a_picture_is_made_anew_and_one_with_a_finding_is_not_shown():
    beside = base64.b64encode(base64.b64decode(PIXEL) + f" by anna@firm.com, {KEY} ".encode()).decode()
    made = page(notebook(code("x", shown(image__png=PIXEL), shown(image__png=beside))))
    assert made.count("<img") == 1
    assert PIXEL not in made, "the same pixels, other bytes"
    assert "picture with AWS access key" in made
    far = page(notebook(code("x", shown(image__png="https://attacker.invalid/x.png"))))
    assert "<img" not in far
    assert "not shown here" in far


def test_what_stands_under_a_key_that_is_there_twice_is_shown():
    twice = (
        '{"cells": [{"cell_type": "raw", "source": "GONE CELL"}], "nbformat": 4, "nbformat_minor": 5, "metadata": {},'
        ' "cells": [{"cell_type": "code", "metadata": {"a": "OLD", "a": "NEW"}, "source": "FIRST", "source": "x = 1",'
        ' "outputs": []%s}]}'
    )
    for more in ("", f', "note": "{KEY}"'):
        made = page(twice % more)
        for words in ("FIRST", "GONE CELL", "OLD", "Keys stand twice", "source (written before, "):
            assert words in made, words
        assert "x = 1" in cell(made, 1)
        assert KEY not in made


def test_a_count_that_is_a_text_is_shown():
    told = code("x = 1", {**shown(text__plain="y"), "execution_count": "PSST1"})
    told |= {"execution_count": "PSST2", "prompt_number": "PSST3", "id": "PSST 4"}
    made = page(notebook(told, {"cell_type": "code" * 30 + "PSST5", "metadata": {}, "source": ""}))
    for words in ("PSST1", "PSST2", "PSST3", "PSST 4", "PSST5"):
        assert words in made, words
