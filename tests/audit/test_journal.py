"""Appending, searching, exporting and verifying the journal, on both engines."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from nbkeep.audit import events, journal
from nbkeep.audit.export import export
from nbkeep.audit.search import Wanted, search
from nbkeep.audit.verify import verify_journal, verify_lines
from nbkeep.model.actor import OPERATOR, SYSTEM, Actor
from nbkeep.model.clock import ManualClock, SystemClock
from nbkeep.model.errors import Refused
from nbkeep.store.database import Store
from nbkeep.store.tables import SessionRow, UserRow

NOBODY = Actor("usr_x", "jane", frozenset())


def fill(store: Store, clock: ManualClock, count: int) -> None:
    for number in range(count):
        with store.write() as tx:
            journal.append(tx, clock, OPERATOR, events.FlavorDeleted(flavor=f"f{number}"))
        clock.advance(1)


def exported(store: Store, clock: ManualClock) -> list[str]:
    return list(export(store, clock, OPERATOR))


def make_session(store: Store, clock: ManualClock) -> str:
    now = clock.now()
    with store.write() as tx:
        tx.add(UserRow(id="usr_1", name="jane", email="j@x", role="notebook.user", status="active", uid_index=1,
                       max_sessions=1, home_size_bytes=1, sessions_valid_from=now, created_at=now))  # fmt: skip
        tx.flush()
        tx.add(SessionRow(id="ses_1", user_id="usr_1", name="x", profile_name="p", profile={}, state="ready",
                          progress=[], requested_at=now, is_busy=False, extended_s=0))  # fmt: skip
    return "ses_1"


def test_records_are_chained_from_the_first_one(store: Store, clock: ManualClock) -> None:
    fill(store, clock, 3)
    report = verify_journal(store, OPERATOR)
    assert (report.ok, report.count, report.seq) == (True, 3, 3)


def test_an_empty_journal_is_intact(store: Store) -> None:
    assert verify_journal(store, OPERATOR).ok


def test_a_transaction_that_fails_leaves_no_record_and_no_gap(store: Store, clock: ManualClock) -> None:
    fill(store, clock, 1)
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        journal.append(tx, clock, OPERATOR, events.FlavorDeleted(flavor="x"))
        raise ZeroDivisionError
    fill(store, clock, 1)
    assert verify_journal(store, OPERATOR).seq == 2


def test_eight_threads_at_once_leave_no_gap(store: Store) -> None:
    def write(number: int) -> None:
        with store.write() as tx:
            journal.append(tx, SystemClock(), SYSTEM, events.FlavorDeleted(flavor=f"f{number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))
    report = verify_journal(store, OPERATOR)
    assert (report.ok, report.seq) == (True, 80)


def test_several_processes_at_once_leave_no_gap(store: Store, store_url: str) -> None:
    program = """
import sys
from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.clock import SystemClock
from nbkeep.store.database import Store
store = Store(sys.argv[1])
for n in range(15):
    with store.write() as tx:
        journal.append(tx, SystemClock(), SYSTEM, events.FlavorDeleted(flavor=f"f{n}"))
"""
    running = [subprocess.Popen([sys.executable, "-c", program, store_url]) for _ in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    report = verify_journal(store, OPERATOR)
    assert (report.ok, report.seq) == (True, 45)


def test_an_event_that_a_session_delivers_twice_is_recorded_once(store: Store, clock: ManualClock) -> None:
    session = make_session(store, clock)
    event = events.KernelStarted(session_id=session, kernel_id="k1")
    taken: list[bool] = []
    for _ in range(2):
        with store.write() as tx:
            taken.append(journal.append_once(tx, clock, NOBODY, event, session_id=session, event_id="e-1"))
    assert taken == [True, False]
    assert verify_journal(store, OPERATOR).seq == 1


def test_values_without_a_json_form_are_refused(store: Store, clock: ManualClock) -> None:
    for bad in (float("nan"), 2**60):
        with pytest.raises(Refused, match="cannot be recorded"), store.write() as tx:
            event = events.ExecutionFinished(execution_id="x", duration_s=bad, outcome="ok")
            journal.append(tx, clock, NOBODY, event)


def test_reading_the_journal_needs_the_scope(store: Store, clock: ManualClock) -> None:
    with pytest.raises(Refused, match="audit:read"):
        verify_journal(store, NOBODY)
    with pytest.raises(Refused, match="audit:read"):
        export(store, clock, NOBODY)
    with store.read() as tx, pytest.raises(Refused, match="audit:read"):
        search(tx, NOBODY, Wanted())


def test_search_finds_by_person_kind_session_time_and_text(store: Store, clock: ManualClock) -> None:
    session = make_session(store, clock)
    start = clock.now()
    with store.write() as tx:
        journal.append(
            tx,
            clock,
            NOBODY,
            events.KernelStarted(session_id=session, kernel_id="k1", notebook='a "b" 50%.ipynb'),
        )
    clock.advance(60)
    with store.write() as tx:
        journal.append(tx, clock, OPERATOR, events.FlavorDeleted(flavor="Köln"))

    def found(wanted: Wanted) -> list[int]:
        with store.read() as tx:
            return [record["seq"] for record in search(tx, OPERATOR, wanted).records]

    assert found(Wanted()) == [2, 1]
    assert found(Wanted(actor="jane")) == [1]
    assert found(Wanted(type="kernel")) == [1]
    assert found(Wanted(type="flavor.deleted")) == [2]
    assert found(Wanted(type="flav")) == []
    assert found(Wanted(session="ses_1")) == [1]
    assert found(Wanted(since=start + timedelta(seconds=1))) == [2]
    assert found(Wanted(until=start + timedelta(seconds=1))) == [1]
    assert found(Wanted(text='a "b" 50%')) == [1]
    assert found(Wanted(text="50_.")) == []
    assert found(Wanted(text="köln" if store.url.startswith("postgres") else "Köln")) == [2]


def test_search_pages_without_losing_or_repeating(store: Store, clock: ManualClock) -> None:
    fill(store, clock, 7)
    seen: list[int] = []
    cursor: str | None = None
    with store.read() as tx:
        while True:
            page = search(tx, OPERATOR, Wanted(), limit=3, cursor=cursor)
            seen += [record["seq"] for record in page.records]
            cursor = page.next
            if cursor is None:
                break
        with pytest.raises(Refused, match="no cursor"):
            search(tx, OPERATOR, Wanted(), cursor="1; DROP TABLE users")
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_an_export_verifies_with_nothing_but_the_file(store: Store, clock: ManualClock) -> None:
    fill(store, clock, 4)
    lines = exported(store, clock)
    report = verify_lines(lines)
    assert (report.ok, report.count) == (True, 5)  # the export has its own record
    assert report.hash == verify_journal(store, OPERATOR).hash


def test_a_piece_of_the_journal_verifies_too(store: Store, clock: ManualClock) -> None:
    start = clock.now()
    fill(store, clock, 6)
    lines = list(
        export(
            store,
            clock,
            OPERATOR,
            Wanted(since=start + timedelta(seconds=2), until=start + timedelta(seconds=4)),
        )
    )
    assert [json.loads(line)["record"]["seq"] for line in lines[1:-1]] == [3, 4]
    assert verify_lines(lines).ok
    empty = list(export(store, clock, OPERATOR, Wanted(until=start - timedelta(days=1))))
    assert len(empty) == 2
    assert verify_lines(empty).ok


def test_a_known_head_finds_a_chain_that_was_computed_anew(store: Store, clock: ManualClock) -> None:
    fill(store, clock, 3)
    kept = verify_journal(store, OPERATOR).hash
    fill(store, clock, 3)
    assert verify_journal(store, OPERATOR, known_head=kept).ok
    assert not verify_journal(store, OPERATOR, known_head="0" * 63 + "1").ok
    lines = exported(store, clock)
    assert verify_lines(lines, known_head=kept).ok
    assert "anew" in verify_lines(lines, known_head="f" * 64).problem
