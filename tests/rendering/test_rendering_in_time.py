"""What is made of a text takes time that grows with the text: each of these took minutes, or would."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from nbkeep.rendering import css, markdown
from nbkeep.rendering.known import KnownValues
from nbkeep.rendering.notes import Notes
from nbkeep.scanning.interface import Hit
from nbkeep.scanning.spans import Span

_MOST_S = 20  # where the machine is busy; a hundredth of it otherwise


def written(text: str) -> str:
    return markdown.as_html(text, {}, Notes())


def telephones() -> int:
    """Return how many of a column's numbers are found in it again."""
    known, numbers = KnownValues(), [f"+49 170 {1_000_000 + at * 37}" for at in range(10_000)]
    hit = Hit("phone", "personal", "Telephone number", "low", 0, 1)
    for number in numbers:
        known.add(Span(hit, 0, 1, number, decoded=False), (0, ""), of_table=True)
    return len({begin for begin, _, _ in known.in_clear("\n".join(numbers), (0, ""))})


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: css.sheet("<style>" * 40_000), ""),
        (lambda: css.sheet("<style" * 40_000), ""),
        (lambda: css.sheet(f"<style>{'a' * 400_000}</style>"), ""),
        (lambda: css.sheet(f"<style>{'/*' * 200_000}</style>"), ""),
        (lambda: "begin" in written("\\begin{a}\n" * 5_000), True),
        (telephones, 10_000),
    ],
    ids=["styles", "open styles", "a selector", "comments", "environments", "telephones"],
)  # fmt: skip
def test_it_is_made_at_once(make: Callable[[], object], wanted: object) -> None:
    began = time.process_time()
    assert make() == wanted
    assert time.process_time() - began < _MOST_S


def test_the_style_sheet_of_a_table_is_read_as_before() -> None:
    html = (
        "<STYLE type='text/css'>/* x */ #T_ab_row0_col0, #T_ab_row1_col0 { color: red; } p { color: red }\n"
        "@media print { #T_ab_row2_col0 {color:blue} }</style ><style>#T_ab_row3_col0{color:green}</style>"
        "<style>#T_ab_row4_col0{color:green}"
    )
    assert css.sheet(html) == (
        "#T_ab_row0_col0,#T_ab_row1_col0{color:red}#T_ab_row2_col0{color:blue}#T_ab_row3_col0{color:green}"
    )


def test_an_environment_is_a_formula_and_one_without_an_end_is_words() -> None:
    made = written("x\n\n\\begin{align}\na &= b\n\\end{align}\n\n\\begin{a}x\\end{a} z\n\n\\begin{b}")
    assert made.count("<math") == 1
    assert "<mi>a</mi>" in made
    assert "z</p>" in made
    assert "begin{b}" in made
