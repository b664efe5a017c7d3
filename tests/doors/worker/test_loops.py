"""The loops: what must happen without anybody asking, and what must never happen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from nbkeep.backends.interface import LeftReports, Status, Warm
from nbkeep.doors.worker import Worker
from nbkeep.model.session import StopReason
from nbkeep.profiles.rules import MIN_IDLE_STOP_S
from nbkeep.sessions.heartbeat import take_heartbeat
from nbkeep.sessions.start import request_session
from nbkeep.sessions.stop import stop_session
from nbkeep.store.database import Store
from nbkeep.store.tables import JournalRow, NoticeRow, ProfileRow, SessionRow, UserRow
from office_parts import OfficeForTests

MINUTE = 60


@pytest.fixture
def worker(office: OfficeForTests) -> Worker:
    made = Worker(office, boot_id="boot-1")
    made.round()
    return made


def run(
    office: OfficeForTests,
    worker: Worker,
    seconds: float,
    *,
    step: int = 30,
    beats: Sequence[str] = (),
    busy: bool = False,
) -> None:
    """Let time pass in steps, with a round and heartbeats at each."""
    for _ in range(int(seconds // step)):
        office.clock.advance(step)
        for session_id in beats:
            office.beat(session_id, busy=busy)
        worker.round()


def time_left(office: OfficeForTests, session_id: str) -> timedelta:
    ends_at = office.row(session_id).ends_at
    assert ends_at is not None
    return ends_at - office.clock.now()


def journal_types(office: OfficeForTests) -> list[str]:
    with office.store.read() as tx:
        return list(tx.scalars(select(JournalRow.type)))


def test_an_idle_session_is_stopped_after_its_idle_time_and_not_before(
    office: OfficeForTests, worker: Worker
) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    run(office, worker, 29 * MINUTE, step=60, beats=[session_id])
    assert office.row(session_id).state == "ready"
    run(office, worker, 1 * MINUTE, beats=[session_id])
    row = office.row(session_id)
    assert (row.state, row.stop_reason) == ("stopping", "idle")
    assert ("stop", "jane", "notebook-cpu-small") in office.hub.calls


def test_a_start_that_a_killed_office_had_only_admitted_goes_on(office: OfficeForTests) -> None:
    session_id = request_session(office, office.user(), "notebook-cpu-small")
    office.hub.is_away = True
    worker = Worker(office, boot_id="boot-1")
    worker.round()
    assert office.row(session_id).state == "requested"
    office.hub.is_away = False
    worker.round()
    worker.round()
    assert office.hub.calls.count(("start", "jane", "notebook-cpu-small")) == 1
    assert office.hub.servers["jane", "notebook-cpu-small"] == session_id


def test_a_start_that_the_hub_refuses_then_has_failed(office: OfficeForTests) -> None:
    refused = request_session(office, office.user(), "notebook-cpu-small")
    office.hub.says_no = True
    worker = Worker(office, boot_id="boot-1")
    worker.round()
    row = office.row(refused)
    assert (row.state, row.stop_reason) == ("failed", "start-failed")
    assert "too many servers" in (row.stop_detail or "")
    office.hub.says_no = False
    worker.round()
    assert office.hub.calls == []


def test_the_shortest_idle_time_that_a_profile_may_have_is_kept_to(
    office: OfficeForTests, worker: Worker
) -> None:
    with office.store.write() as tx:
        tx.get_one(ProfileRow, "notebook-cpu-small").idle_stop_s = MIN_IDLE_STOP_S
    session_id = office.ready(office.user())
    run(office, worker, MIN_IDLE_STOP_S - 1, step=1, beats=[session_id])
    assert office.row(session_id).state == "ready"
    run(office, worker, 1, step=1, beats=[session_id])
    assert office.row(session_id).stop_reason == "idle"


def test_a_long_computation_is_never_idle_but_ends_with_the_session(
    office: OfficeForTests, worker: Worker
) -> None:
    session_id = office.ready(office.user())
    run(office, worker, 8 * 3600 - 600, step=600, beats=[session_id], busy=True)
    assert office.row(session_id).state == "ready"
    run(office, worker, 600, step=300, beats=[session_id], busy=True)
    assert office.row(session_id).stop_reason == "max-session"


def test_a_session_that_cannot_report_is_not_stopped_for_idleness(
    office: OfficeForTests, worker: Worker
) -> None:
    session_id = office.ready(office.user())
    run(
        office, worker, 2 * 3600, step=600
    )  # the office was away, or the session is: nobody knows what it does
    assert office.row(session_id).state == "ready"


@pytest.mark.parametrize("jump_s", [5 * 3600, -5 * 3600, 3 * 86400, 40, -40])
def test_a_jumping_clock_stops_nobody_and_moves_nobodys_end(
    office: OfficeForTests, worker: Worker, jump_s: float
) -> None:
    sessions = [office.ready(office.user(name)) for name in ("jane", "john", "mia")]
    run(office, worker, 10 * MINUTE, step=60, beats=sessions)
    left = time_left(office, sessions[0])
    office.clock.set(office.clock.now() + timedelta(seconds=jump_s))
    worker.round()
    for session_id in sessions:
        row = office.row(session_id)
        assert row.state == "ready"
        assert time_left(office, session_id) == left
    assert journal_types(office).count("platform.clock-jumped") == 1
    run(office, worker, 19 * MINUTE, step=60, beats=sessions)
    assert {office.row(one).state for one in sessions} == {"ready"}
    run(office, worker, 2 * MINUTE, beats=sessions)
    assert {office.row(one).stop_reason for one in sessions} == {"idle"}


def test_a_session_that_reports_work_from_before_a_jump_gains_and_loses_nothing(
    office: OfficeForTests, worker: Worker
) -> None:
    session_id = office.ready(office.user())
    run(office, worker, 10 * MINUTE, step=60, beats=[session_id])
    before = office.clock.now()
    office.clock.set(before - timedelta(hours=5))
    worker.round()
    last = office.row(session_id).last_work_at
    office.clock.advance(10)
    with office.store.write() as tx:
        take_heartbeat(office.clock, tx.get_one(SessionRow, session_id), last_work_at=before, is_busy=False,
                       memory_used_bytes=None)  # fmt: skip
    assert office.row(session_id).last_work_at == last


def test_a_jump_while_the_office_was_away_is_noticed_too(office: OfficeForTests, worker: Worker) -> None:
    session_id = office.ready(office.user())
    run(office, worker, MINUTE, beats=[session_id])
    office.clock.advance(20)
    office.clock.set(office.clock.now() + timedelta(hours=12))
    Worker(office, boot_id="boot-1").round()
    office.beat(session_id)
    Worker(office, boot_id="boot-1").round()
    assert office.row(session_id).state == "ready"


def test_a_restart_of_the_office_loses_nothing(office: OfficeForTests, worker: Worker) -> None:
    session_id = office.ready(office.user())
    ends_at = office.row(session_id).ends_at
    office.store.close()
    office.store = Store(office.settings.store_url)
    for _ in range(5):
        Worker(office, boot_id="boot-1").round()
    assert office.row(session_id).state == "ready"
    assert office.row(session_id).ends_at == ends_at


def test_a_start_that_never_gets_ready_is_given_up_with_its_reason(
    office: OfficeForTests, worker: Worker
) -> None:
    session_id, _ = office.launched(office.user())
    run(office, worker, 90)
    assert office.row(session_id).state == "starting"
    run(office, worker, 90)
    assert office.row(session_id).stop_reason == "start-timeout"
    run(office, worker, 60)
    assert office.row(session_id).state == "failed"
    assert session_id not in office.backend.running


def test_a_start_that_the_hub_forgot_is_given_up(office: OfficeForTests, worker: Worker) -> None:
    session_id = office.requested(office.user())
    run(office, worker, 240)
    assert (office.row(session_id).state, office.row(session_id).stop_reason) == ("failed", "start-timeout")


@pytest.mark.parametrize(
    "reason", ["out-of-memory", "server-died", "sandbox-died", "volume-offline", "something-new"]
)
def test_a_dead_session_ends_within_one_round_with_its_reason_and_its_user_is_told(
    office: OfficeForTests, worker: Worker, reason: str
) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    office.backend.die(session_id, reason, "It used 8.1 GiB.")
    worker.round()
    row = office.row(session_id)
    assert row.state == "failed"
    assert row.stop_reason == (reason if reason != "something-new" else "server-died")
    with office.store.read() as tx:
        notice = tx.scalar(select(NoticeRow.text).where(NoticeRow.user_id == jane.id))
    assert notice is not None
    assert "8.1 GiB" in notice
    assert office.hub.servers == {}


def test_a_session_that_dies_during_its_start_is_seen_at_once(office: OfficeForTests, worker: Worker) -> None:
    session_id, _ = office.launched(office.user())
    office.backend.die(session_id, "server-died", "Exit code 1.")
    worker.round()
    assert office.row(session_id).state == "failed"


def test_running_work_is_left_alone_while_the_node_is_away_or_has_just_come_back(
    office: OfficeForTests, worker: Worker
) -> None:
    session_id = office.ready(office.user())
    office.backend.is_away = True
    run(office, worker, 10 * MINUTE, step=60, beats=[session_id], busy=True)
    office.backend.is_away = False
    status, office.backend.running = office.backend.running, {}
    worker.round()  # a warden that was just restarted and has not found its sessions yet
    office.backend.running = status
    run(office, worker, MINUTE, beats=[session_id], busy=True)
    assert office.row(session_id).state == "ready"


def test_running_work_is_left_alone_while_the_hub_is_away(office: OfficeForTests, worker: Worker) -> None:
    session_id = office.ready(office.user())
    office.hub.is_away = True
    run(office, worker, 10 * MINUTE, step=60, beats=[session_id], busy=True)
    assert office.row(session_id).state == "ready"


def test_after_a_reboot_sessions_end_with_that_reason(office: OfficeForTests, worker: Worker) -> None:
    session_id = office.ready(office.user())
    office.backend.running.clear()
    after = Worker(office, boot_id="boot-2")
    for _ in range(4):
        after.round()
    assert (office.row(session_id).state, office.row(session_id).stop_reason) == ("failed", "host-restarted")
    second = office.ready(office.user("john"))
    office.backend.running.clear()
    for _ in range(4):
        after.round()
    assert office.row(second).stop_reason == "server-died"


def test_what_runs_without_a_record_is_stopped_and_recorded(office: OfficeForTests, worker: Worker) -> None:
    office.backend.running["ses_00000000000000000000"] = Status(alive=True)
    worker.round()
    assert office.backend.stopped == ["ses_00000000000000000000"]
    assert "session.stray-stopped" in journal_types(office)


def test_an_ended_session_gets_time_to_go_before_it_counts_as_a_stray(
    office: OfficeForTests, worker: Worker
) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    stop_session(office, jane, session_id)
    office.clock.advance(6)
    worker.round()
    assert office.backend.stopped == []


def test_a_stop_that_the_hub_missed_is_carried_out(office: OfficeForTests, worker: Worker) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    office.hub.is_away = True
    stop_session(office, jane, session_id)
    run(office, worker, 70, step=10)
    assert (office.row(session_id).state, office.row(session_id).stop_reason) == ("stopped", "user")
    assert session_id not in office.backend.running


def test_a_stop_is_not_called_done_while_nobody_can_tell(office: OfficeForTests, worker: Worker) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    office.hub.is_away = office.backend.is_away = True
    stop_session(office, jane, session_id)
    run(office, worker, 300)
    assert office.row(session_id).state == "stopping"


def test_a_disabled_users_sessions_are_stopped(office: OfficeForTests, worker: Worker) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    with office.store.write() as tx:
        tx.get_one(UserRow, jane.id).status = "disabled"
    worker.round()
    assert office.row(session_id).stop_reason == StopReason.USER_DISABLED


def test_one_failing_step_does_not_keep_the_others_from_happening(
    office: OfficeForTests, worker: Worker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    monkeypatch.setattr(office.backend, "sessions", lambda: [None])  # a bug in a part
    with office.store.write() as tx:
        tx.get_one(UserRow, jane.id).status = "disabled"
    worker.round()
    assert office.row(session_id).stop_reason == StopReason.USER_DISABLED
    assert "reconcile failed" in caplog.text


def test_what_an_ended_session_could_not_deliver_is_recorded_once_and_nothing_holds_it_back(
    office: OfficeForTests, worker: Worker
) -> None:
    session_id = office.ready(office.user())
    done = {"type": "execution.finished", "execution_id": "exe_1", "duration_s": 1.5, "outcome": "ok"}
    asked = {"type": "execution.started", "execution_id": "exe_1", "kernel_id": "k", "code_sha256": "00"}
    reports = [{"id": "1", **asked}, {"id": "2", "type": "user.invited"}, {"id": "3", **done}]
    office.backend.running.pop(session_id)
    for mark in (100, 200):  # delivered again: the office was killed before it could say that it has them
        office.backend.left.append(LeftReports(session_id, reports, mark))
    office.backend.left.append(LeftReports("ses_00000000000000000000", reports, 9))
    worker.round()
    recorded = [kind for kind in journal_types(office) if kind.startswith("execution.")]
    assert sorted(recorded) == ["execution.finished", "execution.started"]
    assert "user.invited" not in journal_types(office)
    assert not office.backend.left


def test_the_warden_is_told_what_to_keep_warm_at_once_when_it_changes_and_again_for_a_new_one(
    office: OfficeForTests, worker: Worker
) -> None:
    seeded = Warm("base", ["numpy", "pandas"])
    assert office.backend.warm == [seeded]
    office.backend.warm = []  # a warden that was restarted
    run(office, worker, 20, step=5)
    assert office.backend.warm == [seeded]
    with office.store.write() as tx:
        row = tx.get_one(ProfileRow, "notebook-cpu-small")
        row.preimport = ["duckdb"]
    worker.round()
    assert Warm("base", ["duckdb"]) in office.backend.warm
    with office.store.write() as tx:
        tx.get_one(ProfileRow, "notebook-cpu-small").enabled = False
    worker.round()
    assert office.backend.warm == [seeded]
