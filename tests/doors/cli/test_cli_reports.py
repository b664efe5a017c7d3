"""`nbkeep price`, `report` and `usage`: as people and their spreadsheets read them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from meter_parts import beat, meter_of
from nbkeep.doors.cli.report import safe_cell

if TYPE_CHECKING:
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests


def test_a_month_by_person_for_spreadsheets_and_for_people(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    jane = served.user()
    session_id = served.ready(jane)
    assert nbkeep("price", "set", "flavor:notebook-cpu-small", "1.50").code == 0
    served.clock.advance(1800)
    beat(served, meter_of())
    shown = nbkeep("report", "monthly", "--month", "2026-01")
    assert "0.75 EUR" in shown.out
    assert "0.50" in shown.out
    rows = list(csv.DictReader(io.StringIO(nbkeep("report", "daily", "--month", "2026-01", "--csv").out)))
    assert [(one["day"], one["user"], one["quantity"], one["cost"]) for one in rows] == [
        ("2026-01-01", "jane", "0.5", "0.75")
    ]
    assert "1.50 EUR" in nbkeep("price", "list").out
    assert nbkeep("price", "history").out.count("flavor:") == 1
    assert "1.50 EUR" in nbkeep("session", "show", session_id).out


def test_an_operator_is_told_whose_report_to_ask_for(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    del served
    said = nbkeep("usage")
    assert "Nothing was used" in said.out + said.err
    assert "`nbkeep report monthly`" in said.out + said.err


def test_a_wrong_month_is_told_in_a_sentence(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    del served
    said = nbkeep("report", "monthly", "--month", "November")
    assert said.code == 1
    assert "Write it like 2026-11" in said.err


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert str(safe_cell(text)).startswith("'")
