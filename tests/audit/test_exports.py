"""Exports beside the chain: CSV, OCSF, and what a filter lets through."""

from __future__ import annotations

import csv
import io
import json

from nbkeep.audit import events, journal
from nbkeep.audit.export import export
from nbkeep.audit.search import Wanted
from nbkeep.audit.verify import verify_lines
from nbkeep.model.actor import OPERATOR, SYSTEM
from nbkeep.model.clock import ManualClock
from nbkeep.store.database import Store


def fill(store: Store, clock: ManualClock) -> None:
    for number in range(6):
        with store.write() as tx:
            actor = OPERATOR if number % 2 else SYSTEM
            journal.append(tx, clock, actor, events.FlavorDeleted(flavor=f'f{number}, "q"\nnext'))
        clock.advance(1)


def test_csv_reads_back_cell_by_cell(store: Store, clock: ManualClock) -> None:
    fill(store, clock)
    text = "\n".join(export(store, clock, OPERATOR, form="csv"))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["seq"] for row in rows] == [str(number) for number in range(1, 8)]
    assert json.loads(rows[0]["data"]) == {"flavor": 'f0, "q"\nnext'}
    assert rows[-1]["type"] == "audit.exported"
    assert json.loads(rows[-1]["data"])["format"] == "csv"


def test_filters_are_those_of_the_search_and_the_export_says_which(store: Store, clock: ManualClock) -> None:
    fill(store, clock)
    lines = list(export(store, clock, OPERATOR, Wanted(actor="nbkeep", type="flavor")))
    start, *records, end = map(json.loads, lines)
    assert start["export"]["filter"] == {"actor": "nbkeep", "type": "flavor"}
    assert [one["record"]["seq"] for one in records] == [1, 3, 5]
    assert end == {"end": {"count": 3}}
    report = verify_lines(lines)
    assert not report.ok
    assert "filter" in report.problem


def test_ocsf_is_a_line_for_each_record(store: Store, clock: ManualClock) -> None:
    fill(store, clock)
    found = [json.loads(line) for line in export(store, clock, OPERATOR, form="ocsf")]
    assert [one["metadata"]["sequence"] for one in found] == list(range(1, 8))
