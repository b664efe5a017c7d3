"""An attacker with the database's own rights drops the triggers and edits: the chain tells, and where."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from nbkeep.audit import events, journal
from nbkeep.audit.canonical import canonical
from nbkeep.audit.verify import verify_journal
from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock
from nbkeep.store.database import Store

pytestmark = pytest.mark.attack
COUNT = 6


@pytest.fixture
def journal_store(store: Store, clock: ManualClock) -> Store:
    for number in range(COUNT):
        with store.write() as tx:
            journal.append(tx, clock, OPERATOR, events.FlavorDeleted(flavor=f"f{number}"))
        clock.advance(1)
    return store


def tamper(store: Store, *statements: str, **values: object) -> None:
    triggers = (
        ["DROP TRIGGER audit_journal_no_update", "DROP TRIGGER audit_journal_no_delete"]
        if store.is_sqlite
        else ["DROP TRIGGER audit_journal_no_change ON audit_journal"]
    )
    with store.write() as tx:
        for statement in (*triggers, *statements):
            tx.execute(
                text(statement), {key: value for key, value in values.items() if f":{key}" in statement}
            )


def verdict(store: Store) -> tuple[bool, int | None]:
    report = verify_journal(store, OPERATOR)
    return report.ok, report.bad_seq


def test_an_edited_record(journal_store: Store) -> None:
    tamper(journal_store, "UPDATE audit_journal SET record = replace(record, 'f2', 'xx') WHERE seq = 3")
    assert verdict(journal_store) == (False, 3)


@pytest.mark.parametrize(
    "change", ["type = 'x.y'", "actor = 'mallory'", "session_id = 'ses_x'", "at = '2020-01-01'"]
)
def test_edited_search_columns(journal_store: Store, change: str) -> None:
    tamper(journal_store, f"UPDATE audit_journal SET {change} WHERE seq = 4")  # noqa: S608 - the attack
    assert verdict(journal_store) == (False, 4)


def test_an_edited_record_with_a_hash_that_fits(journal_store: Store) -> None:
    with journal_store.read() as tx:
        before = tx.execute(text("SELECT hash FROM audit_journal WHERE seq = 2")).scalar_one()
        record = json.loads(tx.execute(text("SELECT record FROM audit_journal WHERE seq = 3")).scalar_one())
    record["data"]["flavor"] = "xx"
    forged = canonical(record)
    tamper(journal_store, "UPDATE audit_journal SET record = :record, hash = :hash WHERE seq = 3",
           record=forged, hash=journal.link(before, forged))  # fmt: skip
    assert verdict(journal_store) == (False, 4)


def test_a_record_taken_out(journal_store: Store) -> None:
    tamper(journal_store, "DELETE FROM audit_journal WHERE seq = 2")
    assert verdict(journal_store) == (False, 2)


def test_a_record_taken_out_and_the_rest_moved_up(journal_store: Store) -> None:
    tamper(journal_store, "DELETE FROM audit_journal WHERE seq = 2",
           "UPDATE audit_journal SET seq = 2 WHERE seq = 3", "UPDATE audit_journal SET seq = 3 WHERE seq = 4",
           "UPDATE audit_journal SET seq = 4 WHERE seq = 5", "UPDATE audit_journal SET seq = 5 WHERE seq = 6",
           "UPDATE audit_head SET seq = 5")  # fmt: skip
    assert verdict(journal_store) == (False, 2)


def test_two_records_swapped(journal_store: Store) -> None:
    tamper(journal_store, "UPDATE audit_journal SET seq = 99 WHERE seq = 2",
           "UPDATE audit_journal SET seq = 2 WHERE seq = 5", "UPDATE audit_journal SET seq = 5 WHERE seq = 99")  # fmt: skip
    assert verdict(journal_store) == (False, 2)


def test_the_last_records_cut_off(journal_store: Store) -> None:
    tamper(journal_store, "DELETE FROM audit_journal WHERE seq > 4")
    assert verdict(journal_store) == (False, 5)


def test_the_last_records_cut_off_and_the_head_with_them_is_found_by_a_head_kept_elsewhere(
    journal_store: Store,
) -> None:
    kept = verify_journal(journal_store, OPERATOR).hash
    tamper(journal_store, "DELETE FROM audit_journal WHERE seq > 4",
           "UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit_journal WHERE seq = 4)")  # fmt: skip
    assert verdict(journal_store) == (True, None)  # nothing in the database can tell any more …
    assert not verify_journal(journal_store, OPERATOR, known_head=kept).ok


def test_a_record_added_beyond_the_head(journal_store: Store) -> None:
    tamper(journal_store, "INSERT INTO audit_journal SELECT 7, at, type, actor, session_id, record, hash "
           "FROM audit_journal WHERE seq = 6")  # fmt: skip
    assert verdict(journal_store) == (False, 7)


def test_an_emptied_journal(journal_store: Store) -> None:
    tamper(journal_store, "DELETE FROM audit_journal")
    assert verdict(journal_store) == (False, 1)
