"""What is compared for one page is bounded, whatever two versions of a document look like."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from nbkeep.rendering.compare import compare
from nbkeep.rendering.matching import MOST_STEPS, Work

BRACKETS = "(" * 990, "()" * 495


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (list("(" * 480), list("()" * 240)),
        (["a"] * 400, ["a", "b"] * 200),
        (["", "x"] * 240, ["", "", "x", "y"] * 120),
    ],
)
def test_no_two_sequences_take_more_than_their_share(old: list[str], new: list[str]) -> None:
    work = Work()
    steps = work.steps(old, new, most=100_000)
    assert steps == [("replace", 0, len(old), 0, len(new))]
    assert MOST_STEPS - 500_000 < work.left < MOST_STEPS
    assert Work(0).steps(["a"], ["a"]) == [("replace", 0, 1, 0, 1)]


def test_what_fits_is_compared_as_ever() -> None:
    assert Work().steps([], []) == []
    assert Work().steps(["a"], []) == [("delete", 0, 1, 0, 0)]
    assert Work().steps([], ["a"]) == [("insert", 0, 0, 0, 1)]
    assert Work().steps(list("abc"), list("abd")) == [("equal", 0, 2, 0, 2), ("replace", 2, 3, 2, 3)]


def test_lines_of_brackets_are_shown_as_other_lines() -> None:
    lines = [(BRACKETS[0] + str(at), BRACKETS[1] + str(at)) for at in range(400)]
    old, new = ("\n".join(one[side] for one in lines) for side in (0, 1))
    began = time.monotonic()
    page = compare(_book(old), _book(new), "a.ipynb").decode()
    assert time.monotonic() - began < 20
    assert page.count('class="removed"') == page.count('class="added"') == 400


def test_words_are_still_marked_beside_such_a_line() -> None:
    page = compare(_book(f"{BRACKETS[0]}\nx = 1"), _book(f"{BRACKETS[1]}\nx = 2"), "a.ipynb").decode()
    assert "x = <ins>2</ins>" in page


def _book(source: str) -> bytes:
    cell: dict[str, Any] = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": []}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
