"""Whatever is done to an export, the check finds it and names the first record that does not fit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.audit import events, journal
from nbkeep.audit.canonical import canonical
from nbkeep.audit.export import export
from nbkeep.audit.verify import verify_lines
from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock
from nbkeep.store.database import Store

COUNT = 8  # records; line 0 is the first line, 1 to 8 are records, 9 is the head
RECORDS = st.integers(1, COUNT)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    store, clock = Store.at(tmp_path_factory.mktemp("journal") / "nbkeep.db"), ManualClock()
    store.migrate()
    for number in range(COUNT - 1):
        with store.write() as tx:
            values = {"price": number + 0.5, "name": f"é{number}", "none": None}
            journal.append(tx, clock, OPERATOR, events.FlavorCreated(flavor=f"f{number}", values=values))
    found = list(export(store, clock, OPERATOR))
    store.close()
    assert verify_lines(found).count == COUNT
    return found


def edited(line: str, path: tuple[str, ...], value: Any) -> str:
    whole = json.loads(line)
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(whole)


PLACES = [
    ("record", "at"),
    ("record", "type"),
    ("record", "actor", "name"),
    ("record", "data"),
    ("record", "v"),
]


@given(at=RECORDS, place=st.sampled_from(PLACES), value=st.none() | st.text(max_size=5) | st.integers(2, 9))
def test_an_edited_field_is_found_where_it_is(
    lines: list[str], at: int, place: tuple[str, ...], value: object
) -> None:
    report = verify_lines([*lines[:at], edited(lines[at], place, value), *lines[at + 1 :]])
    assert (report.ok, report.bad_seq) == (False, at)


@given(at=RECORDS, value=st.text(alphabet="0123456789abcdef", min_size=64, max_size=64))
def test_an_edited_hash_is_found_where_it_is(lines: list[str], at: int, value: str) -> None:
    assert verify_lines([*lines[:at], edited(lines[at], ("hash",), value), *lines[at + 1 :]]).bad_seq == at


@given(at=RECORDS)
def test_an_edit_with_its_own_hash_made_to_fit_is_found_at_the_next_record(lines: list[str], at: int) -> None:
    record = json.loads(lines[at])["record"] | {"type": "flavor.deleted"}
    before = json.loads(lines[at - 1])["hash"] if at > 1 else journal.GENESIS
    forged = json.dumps({"hash": journal.link(before, canonical(record)), "record": record})
    report = verify_lines([*lines[:at], forged, *lines[at + 1 :]])
    assert not report.ok
    assert report.bad_seq == at + 1


@given(first=RECORDS, length=st.integers(1, COUNT))
def test_removed_records_are_found(lines: list[str], first: int, length: int) -> None:
    last = min(first + length, COUNT + 1)
    report = verify_lines(lines[:first] + lines[last:])
    assert (report.ok, report.bad_seq) == (False, first)


@given(one=RECORDS, other=RECORDS)
def test_swapped_records_are_found(lines: list[str], one: int, other: int) -> None:
    changed = lines.copy()
    changed[one], changed[other] = changed[other], changed[one]
    report = verify_lines(changed)
    assert report.ok == (one == other)
    if one != other:
        assert report.bad_seq == min(one, other)


@given(at=RECORDS)
def test_a_repeated_record_is_found(lines: list[str], at: int) -> None:
    assert verify_lines([*lines[: at + 1], *lines[at:]]).bad_seq == at + 1


@given(keep=st.integers(0, COUNT + 1))
def test_a_file_that_was_cut_off_is_found(lines: list[str], keep: int) -> None:
    assert not verify_lines(lines[:keep]).ok


@given(junk=st.text(max_size=30), at=st.integers(0, COUNT + 2))
def test_a_line_of_anything_else_is_found(lines: list[str], junk: str, at: int) -> None:
    assert not verify_lines([*lines[:at], junk, *lines[at:]]).ok


@given(junk=st.lists(st.recursive(st.none() | st.integers() | st.text(max_size=9), lambda inner: st.dictionaries(
    st.sampled_from(["export", "head", "record", "hash", "seq", "after_seq", "after_hash"]), inner), max_leaves=9)))  # fmt: skip
def test_no_input_makes_the_check_fail_instead_of_answer(junk: list[object]) -> None:
    assert verify_lines([json.dumps(value) for value in junk]).ok in {True, False}
