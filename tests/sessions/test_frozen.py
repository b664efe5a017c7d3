"""Freezing: by whom, when, what it costs, and that the row and the node agree whatever happens in between."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from nbkeep.backends.interface import Capacity
from nbkeep.doors.worker import Worker
from nbkeep.model.actor import OPERATOR, SYSTEM, Actor
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.model.session import StopReason
from nbkeep.profiles.known import known_to
from nbkeep.profiles.profiles import change_profile
from nbkeep.sessions.diagnose import diagnose_session
from nbkeep.sessions.end import end_session
from nbkeep.sessions.extend import extend_session
from nbkeep.sessions.freeze import freeze_session, settle_freezer, thaw_session
from nbkeep.sessions.marks import mark_ready
from nbkeep.sessions.resume import request_resume
from nbkeep.sessions.stop import stop_session
from nbkeep.sessions.suspend import suspend_session
from nbkeep.sessions.view import own_view, session_line, spent_micros
from nbkeep.store.tables import JournalRow, SessionRow, UserRow
from office_parts import client_for

if TYPE_CHECKING:
    from office_parts import OfficeForTests

SMALL = "notebook-cpu-small"
HOST = Capacity(8000, 64 << 30, freezes=True)


@pytest.fixture
def worker(any_office: OfficeForTests) -> Worker:
    any_office.backend.has = HOST
    made = Worker(any_office, boot_id="boot-1")
    made.round()
    return made


def idle(office: OfficeForTests, worker: Worker, jane: Actor, name: str | None = None) -> str:
    """Return a session whose server has just been asked to let it be frozen."""
    session_id = office.ready(jane, name=name)
    office.clock.advance(31 * 60)
    office.beat(session_id)
    worker.round()
    return session_id


def frozen(office: OfficeForTests, worker: Worker, jane: Actor, name: str | None = None) -> str:
    session_id = idle(office, worker, jane, name)
    freeze_session(office, jane, session_id, is_saved=True)
    assert office.row(session_id).state == "frozen"
    assert session_id in office.backend.frozen
    return session_id


def journal(office: OfficeForTests, session_id: str) -> list[str]:
    with office.store.read() as tx:
        query = select(JournalRow.type).where(JournalRow.session_id == session_id)
        return list(tx.scalars(query.order_by(JournalRow.seq)))


def line(office: OfficeForTests, session_id: str) -> dict[str, object]:
    return session_line(office.clock, office.settings, office.row(session_id), "jane")


def test_a_profile_says_for_how_long(any_office: OfficeForTests, worker: Worker) -> None:
    office = any_office
    jane = office.user()

    def change(frozen: str) -> None:
        with office.store.write() as tx:
            change_profile(tx, office.clock, OPERATOR, SMALL, {"frozen": frozen}, known_to(office.settings))

    change("2h")
    session_id = frozen(office, worker, jane)
    assert line(office, session_id)["frozen_until"] == (office.clock.now() + timedelta(hours=2)).isoformat()
    office.clock.advance(7190)
    worker.round()
    assert office.row(session_id).state == "frozen"
    office.clock.advance(20)
    worker.round()
    assert office.row(session_id).state != "frozen"
    change("0")
    other = idle(office, worker, office.user("joe"))
    assert office.row(other).freeze_asked_at is None
    assert office.row(other).state == "stopping"


def test_an_idle_session_is_asked_then_frozen_then_suspended(
    any_office: OfficeForTests, worker: Worker
) -> None:
    office = any_office
    jane = office.user()
    session_id = idle(office, worker, jane)
    row = office.row(session_id)
    assert row.state == "ready"
    with office.store.read() as tx:
        assert own_view(tx, office.clock, office.settings, row)["freeze_asked"]
    freeze_session(office, jane, session_id, is_saved=True)
    told = line(office, session_id)
    assert told["frozen_until"] == (office.clock.now() + timedelta(minutes=15)).isoformat()
    assert (told["idle_stop_at"], told["warning"], told["state"]) == (None, None, "frozen")
    assert diagnose_session(office, jane, session_id)["code"] == "frozen"
    office.clock.advance(15 * 60 - 1)
    office.beat(session_id)
    worker.round()
    assert office.row(session_id).state == "frozen"
    office.clock.advance(1)
    worker.round()
    row = office.row(session_id)
    assert (row.state, row.stop_reason, row.frozen_at, row.frozen_s) == ("stopping", "idle", None, 900)
    assert journal(office, session_id)[-2:] == ["session.frozen", "session.stop-requested"]


def test_who_comes_back_goes_on_and_pays_only_for_what_ran(
    any_office: OfficeForTests, worker: Worker
) -> None:
    office = any_office
    jane = office.user()
    session_id = frozen(office, worker, jane)
    cost = spent_micros(office.row(session_id), office.clock.now())
    assert cost > 0
    office.clock.advance(600)
    assert spent_micros(office.row(session_id), office.clock.now()) == cost
    assert request_resume(office, jane, session_id) is False
    row = office.row(session_id)
    assert (row.state, row.frozen_s, row.last_work_at) == ("ready", 600, office.clock.now())
    assert not office.backend.frozen
    assert spent_micros(row, office.clock.now()) == cost
    office.clock.advance(60)
    assert spent_micros(row, office.clock.now()) > cost
    thaw_session(office, jane, session_id)  # twice is safe
    assert journal(office, session_id).count("session.thawed") == 1
    office.clock.advance(28 * 60)
    office.beat(session_id)
    worker.round()
    assert office.row(session_id).freeze_asked_at is None  # it is idle since it went on, not since before


def test_somebody_works_meanwhile(any_office: OfficeForTests, worker: Worker) -> None:
    office = any_office
    jane = office.user()
    session_id = idle(office, worker, jane)
    office.beat(session_id, last_work_s_ago=1)
    assert office.row(session_id).freeze_asked_at is None
    with pytest.raises(Refused) as refused:
        freeze_session(office, jane, session_id, is_saved=True)
    assert (refused.value.code, refused.value.status) == ("not-idle", 409)
    # Nobody asked: a server's own wish freezes nothing, and ends nothing.
    fresh = office.ready(jane, name="fresh")
    with pytest.raises(Refused):
        freeze_session(office, jane, fresh, is_saved=False)
    assert {office.row(one).state for one in (session_id, fresh)} == {"ready"}
    assert not office.backend.frozen


def test_what_cannot_be_frozen_is_suspended_at_once(any_office: OfficeForTests, worker: Worker) -> None:
    office = any_office
    jane = office.user()
    unsaved = idle(office, worker, jane, "unsaved")
    freeze_session(office, jane, unsaved, is_saved=False)
    assert (office.row(unsaved).state, office.row(unsaved).stop_reason) == ("stopping", "idle")
    office.backend.cannot_freeze = True
    unable = idle(office, worker, jane, "unable")
    freeze_session(office, jane, unable, is_saved=True)
    assert (office.row(unable).state, office.row(unable).stop_reason) == ("stopping", "idle")
    silent = idle(office, worker, jane, "silent")  # a server of an earlier release
    for _ in range(4):
        office.clock.advance(30)
        office.beat(silent)
        worker.round()
    assert office.row(silent).state == "stopping"


@pytest.mark.parametrize("why", ["host", "profile", "gpu"])
def test_a_session_that_may_not_be_frozen(any_office: OfficeForTests, worker: Worker, why: str) -> None:
    office = any_office
    session_id = office.ready(office.user())
    profile = dict(office.row(session_id).profile)
    if why == "host":
        office.backend.has = Capacity(8000, 64 << 30)
        worker.round()
    office.change(
        session_id, profile=profile | {"profile": {"keep_state": False}, "gpu": {"gpu_count": 1}}.get(why, {})
    )
    office.clock.advance(31 * 60)
    office.beat(session_id)
    worker.round()
    assert office.row(session_id).state == "stopping"


def test_who_may_not_compute_any_more_is_told(any_office: OfficeForTests, worker: Worker) -> None:
    office = any_office
    jane = office.user()
    session_id = frozen(office, worker, jane)
    with office.store.write() as tx:
        change_profile(tx, office.clock, OPERATOR, SMALL, {"enabled": False}, known_to(office.settings))
    for _ in range(3):  # an open tab asks again and again
        with pytest.raises(Refused, match="switched off"):
            thaw_session(office, jane, session_id)
    with office.store.write() as tx:
        change_profile(tx, office.clock, OPERATOR, SMALL, {"enabled": True}, known_to(office.settings))
        tx.get_one(UserRow, jane.id).status = "disabled"
    with pytest.raises(Refused, match="not active"):
        thaw_session(office, jane, session_id)
    assert office.backend.frozen == {session_id}
    assert journal(office, session_id)[-2:] == ["session.refused"] * 2
    worker.round()
    assert office.row(session_id).stop_reason == "user-disabled"
    with pytest.raises(Refused) as refused:
        thaw_session(office, jane, session_id)
    assert refused.value.code == "session-ending"


def test_its_longest_time_ends_a_frozen_session(any_office: OfficeForTests, worker: Worker) -> None:
    office = any_office
    jane = office.user()
    session_id = frozen(office, worker, jane)
    office.change(session_id, ends_at=office.clock.now() + timedelta(minutes=2))
    assert line(office, session_id)["frozen_until"] == line(office, session_id)["ends_at"]
    office.clock.advance(121)
    with pytest.raises(Refused, match="maximum length"):
        thaw_session(office, jane, session_id)
    worker.round()
    assert office.row(session_id).stop_reason == "max-session"


def test_every_end_and_verb_on_a_frozen_session(any_office: OfficeForTests, worker: Worker) -> None:
    office = any_office
    jane = office.user()
    session_id = frozen(office, worker, jane)
    with pytest.raises(Refused, match="paused"), office.store.write() as tx:
        extend_session(tx, office.clock, jane, session_id)
    with pytest.raises(Refused, match="only paused"):
        request_resume(office, jane, session_id, "notebook-cpu-large")
    with pytest.raises(Refused) as hidden:
        request_resume(office, office.user("joe"), session_id)
    assert hidden.value.status == 404
    suspend_session(office, jane, session_id)
    assert office.row(session_id).state == "stopping"
    office.backend.saves("jane", session_id, office.clock.now())
    office.backend.running.pop(session_id)
    end_session(office, jane, session_id, StopReason.USER)
    assert office.row(session_id).state == "suspended"
    died = frozen(office, worker, jane, "died")
    office.backend.die(died, "sandbox-died")
    worker.round()
    assert (office.row(died).state, office.row(died).frozen_at) == ("failed", None)
    stopped = frozen(office, worker, jane, "stopped")
    stop_session(office, jane, stopped, discard=True)
    assert office.row(stopped).state == "stopping"


def test_a_frozen_session_keeps_its_name_and_its_place(any_office: OfficeForTests, worker: Worker) -> None:
    office = any_office
    jane = office.user(max_sessions=2)
    frozen(office, worker, jane, "mine")
    with pytest.raises(Refused, match="'mine' is running"):
        office.requested(jane, name="mine")
    office.requested(jane, name="second")
    with pytest.raises(Refused, match="2 of 2"):
        office.requested(jane, name="third")


def test_whoever_is_killed_in_between_the_node_does_as_the_row_says(
    any_office: OfficeForTests, worker: Worker
) -> None:
    office = any_office
    jane = office.user()
    session_id = frozen(office, worker, jane)
    office.backend.frozen.clear()  # killed between row and node
    worker.round()
    assert office.backend.frozen == {session_id}
    office.backend.is_away = True
    with pytest.raises(Unavailable):
        thaw_session(office, jane, session_id)
    assert office.row(session_id).state == "ready"
    office.backend.is_away = False
    worker.round()
    assert not office.backend.frozen
    again = frozen(office, worker, jane, "again")
    office.backend.frozen.clear()
    office.backend.cannot_freeze = True
    worker.round()
    assert office.row(again).state == "stopping"


def test_of_two_who_freeze_and_thaw_at_once_the_later_row_counts(
    any_office: OfficeForTests, worker: Worker
) -> None:
    """The freeze of the node is slow: meanwhile the user comes back, and the node is thawed before it froze."""
    office = any_office
    jane = office.user()
    session_id = idle(office, worker, jane)
    slow, freeze = threading.Event(), office.backend.freeze

    def late(session_id: str) -> None:
        slow.wait(30)
        freeze(session_id)

    office.backend.freeze = late
    thread = threading.Thread(target=lambda: freeze_session(office, jane, session_id, is_saved=True))
    thread.start()
    while office.row(session_id).state != "frozen":
        pass
    thaw_session(office, jane, session_id)
    slow.set()
    thread.join(30)
    assert office.row(session_id).state == "ready"
    assert not office.backend.frozen
    settle_freezer(office, session_id)
    assert not office.backend.frozen


def test_a_start_that_finds_no_room_has_frozen_sessions_give_way(
    any_office: OfficeForTests, worker: Worker
) -> None:
    office = any_office
    jane = office.user(max_sessions=9)
    first, second = (office.ready(jane, name=name) for name in ("first", "second"))
    office.clock.advance(31 * 60)
    for one in (second, first):
        office.beat(one)
    worker.round()
    for one in (first, second):
        freeze_session(office, jane, one, is_saved=True)
        office.clock.advance(1)
    memory = office.row(first).profile["memory_bytes"]
    busy = office.ready(jane, name="busy")
    office.backend.has = Capacity(64_000, int(3 * memory / office.settings.memory_overcommit), freezes=True)
    with pytest.raises(Refused, match="try again in a minute") as refused:
        office.requested(jane, name="new")
    assert refused.value.code == "no-capacity"
    states = [office.row(one).state for one in (first, second, busy)]
    assert states == ["stopping", "frozen", "ready"]
    # What is going already counts as gone: asking again ends nothing more.
    with pytest.raises(Refused, match="memory"):
        office.requested(jane, name="new")
    assert office.row(second).state == "frozen"
    # And where all of them together would not be enough, none is ended.
    office.backend.has = Capacity(64_000, int(memory / office.settings.memory_overcommit), freezes=True)
    with pytest.raises(Refused):
        office.requested(jane, name="new")
    assert office.row(second).state == "frozen"


def test_a_jump_of_the_clock_moves_the_time_of_a_frozen_session(
    any_office: OfficeForTests, worker: Worker
) -> None:
    office = any_office
    session_id = frozen(office, worker, office.user())
    office.clock.set(office.clock.now() + timedelta(hours=1))
    worker.round()
    assert office.row(session_id).state == "frozen"
    assert office.row(session_id).frozen_at == office.clock.now()


def test_the_doors_of_a_sessions_own_server(any_office: OfficeForTests, worker: Worker) -> None:
    office = any_office
    jane = office.user()
    session_id, token = office.launched(jane)
    other = office.ready(jane, name="other")
    with office.store.write() as tx:
        mark_ready(tx, office.clock, SYSTEM, tx.get_one(SessionRow, session_id))
    client = client_for(office.app(), token)
    refused = client.post("/internal/v1/session/freeze", json={"saved": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "not-idle")
    office.clock.advance(31 * 60)
    for one in (session_id, other):
        office.beat(one)
    worker.round()
    assert client.post("/internal/v1/session/heartbeat", json={}).json()["freeze_asked"]
    now = office.clock.now().isoformat()
    refused = client.post("/internal/v1/session/freeze", json={"saved": True, "last_work_at": now})
    assert refused.status_code == 409  # what it tells of itself counts in the same breath
    office.clock.advance(31 * 60)
    client.post("/internal/v1/session/heartbeat", json={})
    worker.round()
    made = client.post("/internal/v1/session/freeze", json={"saved": True})
    assert made.json()["state"] == "frozen"
    assert made.json()["freeze_asked"] is False
    assert office.backend.frozen == {session_id}
    assert client.post("/internal/v1/session/thaw", json={}).json()["state"] == "ready"
    assert client_for(office.app(), "nbks_wrong").post("/internal/v1/session/thaw").status_code == 401
    assert office.row(other).state == "ready"
