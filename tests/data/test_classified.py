"""Which files count as classified: by when they were changed, for how long, and what is told of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from nbkeep.audit.search import Wanted, search
from nbkeep.backends.interface import ChangedFile, ChangedFiles
from nbkeep.data import classified
from nbkeep.data.classified import class_of_change, list_classified
from nbkeep.doors.worker.classified import ClassWalker
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.store.data_tables import DatasetReadRow
from office_parts import any_office, office

if TYPE_CHECKING:
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]


def reads(office: OfficeForTests, session: str, classification: str) -> None:
    with office.store.write() as tx:
        tx.add(DatasetReadRow(session_id=session, dataset_id=f"dat_{classification}", dataset="x",
                              classification=classification, first_at=office.clock.now()))  # fmt: skip


def writes(office: OfficeForTests, *names: str, note: str = "", user: str = "jane") -> None:
    at = "" if note else office.clock.now().isoformat()
    there = [one for one in office.backend.changed.get(user, []) if one.path not in names]
    made = [ChangedFile(name, f"key of {name}", 10, at, note) for name in names]
    office.backend.changed[user] = sorted([*there, *made], key=lambda one: one.path)


def told(office: OfficeForTests, user: str = "jane") -> dict[str, str]:
    with office.store.read() as tx:
        return {one.path: one.classification for one in list_classified(tx, OPERATOR, user, limit=1000).items}


def whole(office: OfficeForTests) -> list[tuple[str, str]]:
    with office.store.read() as tx:
        return list_classified(tx, OPERATOR, "jane").whole


def events(office: OfficeForTests) -> list[dict[str, Any]]:
    with office.store.read() as tx:
        found = search(tx, OPERATOR, Wanted(), limit=1000).records[::-1]
    return [one["data"] for one in found if one["type"] == "data.files-classified"]


def test_a_change_has_the_highest_class_that_was_carried_by_then() -> None:
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    steps = [(at, "internal"), (at + timedelta(hours=1), "pii"), (at + timedelta(hours=2), "confidential")]
    for minutes, expected in ((-5, ""), (0, "internal"), (57, "internal"), (61, "pii"), (500, "pii")):
        assert class_of_change(steps, at + timedelta(minutes=minutes)) == expected
    # What is written by memory that is mapped to a file may keep a time of half a minute before.
    assert class_of_change(steps, at - timedelta(seconds=100)) == "internal"
    assert class_of_change(steps, None) == "pii"


def test_what_is_written_after_reading_is_on_record_while_the_session_runs_and_at_its_end(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    jane = office.user()
    session, walker = office.ready(jane), ClassWalker(office)
    writes(office, "before")
    office.clock.advance(150)
    walker.round()
    assert told(office) == {}
    reads(office, session, "internal")
    writes(office, "a", "b", "c")
    walker.round()
    assert told(office) == dict.fromkeys(["a", "b", "c"], "internal")
    office.clock.advance(150)
    reads(office, session, "pii")
    writes(office, "c", "d")
    walker.round()  # not yet: it walks every five minutes
    assert told(office)["c"] == "internal"
    office.clock.advance(300)
    walker.round()
    assert told(office) == {"a": "internal", "b": "internal", "c": "pii", "d": "pii"}
    writes(office, "last")
    office.change(session, state="stopped", ended_at=office.clock.now())
    walker.round()
    assert told(office)["last"] == "pii"
    office.clock.advance(600)
    writes(office, "later")  # by a session that has read nothing
    walker.round()
    assert "later" not in told(office)
    assert [(one["files"], one["classification"]) for one in events(office)] == [
        (3, "internal"),
        (1, "pii"),
        (1, "pii"),
    ]


def test_a_session_that_ends_again_is_walked_again(office: OfficeForTests) -> None:
    session, walker = office.ready(office.user()), ClassWalker(office)
    reads(office, session, "confidential")
    office.change(session, state="suspended", ended_at=office.clock.now())
    walker.round()
    office.clock.advance(10)
    writes(office, "second")
    office.change(session, run=2)
    walker.round()
    assert told(office) == {"second": "confidential"}


def test_what_is_gone_leaves_the_record_and_what_is_public_is_never_on_it(office: OfficeForTests) -> None:
    jane = office.user()
    session, shared, walker = office.ready(jane), office.ready(jane, name="other"), ClassWalker(office)
    reads(office, shared, "public")
    writes(office, "x")
    walker.round()
    assert told(office) == {}
    reads(office, session, "confidential")
    writes(office, "keep", "temporary")
    walker.round()
    assert set(told(office)) == {"x", "keep", "temporary"}  # `x` in the same moment
    office.backend.changed["jane"] = [
        one for one in office.backend.changed["jane"] if one.path != "temporary"
    ]
    office.clock.advance(301)
    walker.round()
    assert set(told(office)) == {"x", "keep"}


def test_a_class_is_never_taken_down_by_a_lower_session(office: OfficeForTests) -> None:
    jane = office.user()
    high, low, walker = office.ready(jane), office.ready(jane, name="low"), ClassWalker(office)
    reads(office, high, "pii")
    writes(office, "f")
    walker.round()
    reads(office, low, "internal")
    office.change(high, state="stopped", ended_at=office.clock.now())
    walker.round()
    for _ in range(2):
        office.clock.advance(400)
        writes(office, "f", "g")
        walker.round()
    assert told(office) == {"f": "pii", "g": "internal"}


def test_too_many_files_or_a_home_that_cannot_be_walked_count_as_a_whole(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classified, "MOST", 3)
    session, walker = office.ready(office.user()), ClassWalker(office)
    reads(office, session, "confidential")
    writes(office, *"abcdefg")
    walker.round()
    assert len(told(office)) == 3
    assert [one for one, _ in whole(office)] == ["confidential"]
    office.backend.changed["jane"] = []
    office.clock.advance(301)
    walker.round()
    assert (told(office), whole(office)) == ({}, [])
    office.backend.unwalkable = True
    office.clock.advance(301)
    for _ in range(5):
        walker.round()
    assert whole(office) == [("confidential", "its files could not be walked")]
    assert [one["whole"] for one in events(office)] == [
        "more than 100,000 files were changed", "", "its files could not be walked"
    ]  # fmt: skip
    office.backend.unwalkable = False
    office.clock.advance(301)
    walker.round()
    assert whole(office) == []


def test_a_walk_goes_on_where_it_was_when_the_node_was_away(office: OfficeForTests) -> None:
    session, walker = office.ready(office.user()), ClassWalker(office)
    reads(office, session, "confidential")
    writes(office, *"abcde")
    office.backend.is_away = True
    with pytest.raises(Unavailable):
        walker.round()
    office.backend.is_away = False
    walker.end()
    walker.round()  # the office ends: nothing is asked for
    assert told(office) == {}
    ClassWalker(office).round()
    assert set(told(office)) == set("abcde")


def test_a_folder_that_is_closed_and_opened_again_takes_no_class_down(office: OfficeForTests) -> None:
    jane = office.user()
    high, low, walker = office.ready(jane), office.ready(jane, name="low"), ClassWalker(office)
    reads(office, low, "internal")
    office.clock.advance(300)
    reads(office, high, "pii")
    writes(office, "dir/f")
    written = office.backend.changed["jane"]
    walker.round()
    for closed_by in (high, low):
        if closed_by == low:
            office.change(high, state="stopped", ended_at=office.clock.now())
        for seen in (written, [ChangedFile("dir", "key of dir", 0, "", "could not be opened")], written, []):
            office.backend.changed["jane"] = list(seen)
            office.clock.advance(301)
            walker.round()
            assert told(office).get("dir/f", "pii") == "pii"
        office.backend.changed["jane"] = list(written)
        walker.round()
    assert told(office)["dir/f"] == "pii"


def test_what_was_left_out_of_a_walk_counts_though_others_are_gone_since(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classified, "MOST", 3)
    session, walker = office.ready(office.user()), ClassWalker(office)
    reads(office, session, "pii")
    writes(office, *"abc")
    walker.round()
    assert whole(office) == []
    office.backend.changed["jane"] = []
    office.clock.advance(301)
    writes(office, "secret")
    office.change(session, state="stopped", ended_at=office.clock.now())
    walker.round()
    assert told(office) == {}
    assert whole(office) == [("pii", "more than 100,000 files were changed")]
    assert events(office)[-1]["whole"] == "more than 100,000 files were changed"


@pytest.mark.parametrize("failure", [
    Unavailable("volume-offline", "The home of jane cannot be mounted.", "x"),
    Refused("volume-locked", "The home of jane is locked.", "x", status=409),
])  # fmt: skip
def test_one_home_that_cannot_be_walked_keeps_nobody_else_waiting(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch, failure: Unavailable | Refused
) -> None:
    first, second, walker = office.ready(office.user()), office.ready(office.user("bob")), ClassWalker(office)
    for session in (first, second):
        reads(office, session, "pii")
    writes(office, "b", user="bob")
    walks = office.backend.changed_files

    def changed_files(user: str, since: datetime, after: str = "") -> ChangedFiles:
        if user == "jane":
            raise failure
        return walks(user, since, after)

    monkeypatch.setattr(office.backend, "changed_files", changed_files)
    for _ in range(3):
        walker.round()
    assert told(office, "bob") == {"b": "pii"}
    assert whole(office) == [("pii", "its files could not be walked")]


def test_a_node_that_is_away_is_no_fault_of_a_home(office: OfficeForTests) -> None:
    session, walker = office.ready(office.user()), ClassWalker(office)
    reads(office, session, "pii")
    office.backend.is_away = True
    for _ in range(5):
        with pytest.raises(Unavailable):
            walker.round()
    assert whole(office) == []
