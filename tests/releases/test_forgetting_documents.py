"""What is kept of documents, for how long and how much; and that one bad name stops nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nbkeep.doors.worker.releases import ReleaseExaminer
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from nbkeep.releases.decide import deny_release, send_back_release, withdraw_release
from nbkeep.releases.records import kept_bytes
from nbkeep.releases.take import take_document
from nbkeep.store.tables import UserRow
from release_parts import CLEAN, LEAKY, ask, asked, documents, make, notebook, row, run

if TYPE_CHECKING:
    from office_parts import OfficeForTests

DAY = 86400
A_HASH = "ab" * 32


def are_kept(office: OfficeForTests, release_id: str) -> bool:
    """Tell whether the documents of a release are there; all of them, or none, as its row says."""
    one = row(office, release_id)
    names = {one.source_sha256, one.plain_sha256, one.redacted_sha256, one.preview_sha256} - {""}
    there = {name for name in names if documents(office).holds(name)}
    assert there == (names if one.forgotten_at is None else set())
    return bool(there)


def test_what_nobody_comes_back_to_goes_with_the_next_sweep(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user("jane")
    withdrawn, lapsing = asked(office, jane, LEAKY), asked(office, jane, notebook("2"), reason="another")
    assert are_kept(office, withdrawn)
    with office.store.write() as tx:
        withdraw_release(tx, office.clock, jane, withdrawn)
    run(office)
    assert not are_kept(office, withdrawn)
    assert are_kept(office, lapsing)
    office.clock.advance(7 * DAY)
    run(office)
    assert row(office, lapsing).state == "lapsed"
    assert not are_kept(office, lapsing)
    assert not list(documents(office).names())


def test_what_was_turned_down_is_kept_for_a_week(office: OfficeForTests) -> None:
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    denied, back = asked(office, jane, LEAKY), asked(office, jane, notebook("3", LEAKY.decode()), reason="b")
    with office.store.write() as tx:
        deny_release(tx, office.clock, rita, denied, "no")
        send_back_release(tx, office.clock, rita, back, reason="change it")
    office.clock.advance(6 * DAY)
    run(office)
    assert are_kept(office, denied)
    assert are_kept(office, back)
    office.clock.advance(2 * DAY)
    run(office)
    assert not are_kept(office, denied)
    assert not are_kept(office, back)


def test_what_an_incident_holds_or_a_share_shows_stays_whole(office: OfficeForTests) -> None:
    jane, bob = office.user("jane"), office.user("bob")
    shared = asked(office, jane, notebook("4"), gate="publish", form="ipynb")
    hers, his = asked(office, jane, notebook("5")), asked(office, bob, notebook("6"))
    for actor, release_id in ((jane, hers), (bob, his)):
        take_document(office.store, office.clock, documents(office), actor, release_id)
    with office.store.write() as tx:
        tx.get_one(UserRow, bob.id).held_by = "inc_x"
    office.clock.advance(100 * DAY)
    run(office)
    assert are_kept(office, shared)
    assert are_kept(office, his)
    assert not are_kept(office, hers)
    with office.store.write() as tx:
        tx.get_one(UserRow, bob.id).held_by = None
    office.clock.advance(300 * DAY)
    run(office)
    assert not list(documents(office).names())


def test_a_person_fills_no_more_of_the_disk_than_is_theirs(any_office: OfficeForTests) -> None:
    office = any_office
    jane, bob = office.user("jane"), office.user("bob")
    object.__setattr__(office.settings, "releases_max_bytes", 2 * len(CLEAN))
    first = asked(office, jane)
    asked(office, jane, reason="the same document once more")
    with office.store.read() as tx:
        assert kept_bytes(tx, jane.id) == len(CLEAN), "it lies there once"
    large = asked(office, jane, notebook("x" * len(CLEAN)), reason="a large one")
    failed = row(office, large)
    assert (failed.state, failed.source_sha256) == ("failed", "")
    assert "releases_max_bytes" in failed.problem
    asked(office, jane, notebook("1 + 2"), reason="fills it")
    with pytest.raises(Refused) as refused:
        ask(office, jane, reason="one more")
    assert (refused.value.code, refused.value.status) == ("too-much-kept", 409)
    assert ask(office, bob), "others have their own"
    assert row(office, first).state == "ready"


def test_a_name_that_cannot_be_deleted_holds_nobody_up(
    office: OfficeForTests, caplog: pytest.LogCaptureFixture
) -> None:
    jane = office.user("jane")
    (office.settings.documents_dir / A_HASH[:2] / A_HASH).mkdir(parents=True)
    documents(office).put(b"of nobody")
    release_id = ask(office, jane)
    run(office)
    assert row(office, release_id).state == "ready"
    assert A_HASH in caplog.text
    assert not any(documents(office).read(name) == b"of nobody" for name in documents(office).names()
                   if name != A_HASH)  # fmt: skip


def test_a_sweep_that_fails_altogether_holds_nobody_up(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = office.user("jane")
    release_id = ask(office, jane)

    def broken(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("nbkeep.doors.worker.releases.forget_documents", broken)
    loop = ReleaseExaminer(office, make)
    with pytest.raises(OSError, match="Input"):
        loop.round()  # the worker's loop logs it and goes on
    run(office, examiner=loop)
    assert row(office, release_id).state == "ready"
