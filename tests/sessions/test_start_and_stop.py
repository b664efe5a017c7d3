"""Starting and stopping: admitted once, in one transaction; refused with a reason; stopped once, whoever asks how often."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import func, select

from nbkeep.backends.interface import Capacity
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.model.session import SessionState, StopReason
from nbkeep.profiles.known import known_to
from nbkeep.profiles.profiles import change_profile, delete_profile
from nbkeep.sessions.launch import launch
from nbkeep.sessions.marks import mark_ended, mark_ready
from nbkeep.sessions.start import start_session
from nbkeep.sessions.states import TRANSITIONS, may_move, move
from nbkeep.sessions.stop import stop_session
from nbkeep.store.tables import JournalRow, NoticeRow, SessionRow
from office_parts import OfficeForTests, assert_looks_absent


def journal_types(office: OfficeForTests) -> list[str]:
    with office.store.read() as tx:
        return list(tx.scalars(select(JournalRow.type).order_by(JournalRow.seq)))


def live_count(office: OfficeForTests) -> int | None:
    with office.store.read() as tx:
        return tx.scalar(select(func.count()).where(SessionRow.state.in_(["requested", "starting", "ready"])))


def test_a_start_is_admitted_recorded_and_asked_of_the_hub(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.requested(jane)
    row = office.row(session_id)
    assert row.state == "requested"
    assert row.name == "notebook-cpu-small"
    assert office.hub.servers == {("jane", "notebook-cpu-small"): session_id}
    assert journal_types(office)[-1] == "session.requested"


def test_an_unknown_profile_is_refused_and_the_refusal_is_recorded(office: OfficeForTests) -> None:
    jane = office.user()
    with pytest.raises(Refused) as caught:
        start_session(office, jane, "no-such")
    assert caught.value.code == "profile-not-found"
    assert journal_types(office) == ["session.refused"]
    assert live_count(office) == 0


def test_a_user_without_quota_starts_nothing(office: OfficeForTests) -> None:
    with pytest.raises(Refused, match="max_sessions is 0"):
        office.requested(office.user(max_sessions=0))


def test_two_sessions_of_one_profile_get_names_of_their_own_and_a_taken_name_is_refused(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    first, second = office.requested(jane), office.requested(jane)
    assert [office.row(one).name for one in (first, second)] == ["notebook-cpu-small", "notebook-cpu-small-2"]
    with pytest.raises(Refused) as caught:
        office.requested(jane, name="notebook-cpu-small")
    assert (caught.value.code, caught.value.status) == ("name-taken", 409)


def test_a_name_is_free_again_when_its_session_is_over(office: OfficeForTests) -> None:
    jane = office.user()
    first = office.requested(jane, name="churn")
    stop_session(office, jane, first)
    assert office.requested(jane, name="churn") != first


@pytest.mark.parametrize("name", ["Bad", "-x", "x" * 31, "a/b", "../x", "a b"])
def test_a_bad_name_is_refused(office: OfficeForTests, name: str) -> None:
    with pytest.raises(Refused) as caught:
        office.requested(office.user(), name=name)
    assert caught.value.code == "invalid-name"


def test_ten_starts_at_once_do_not_overrun_the_limit(any_office: OfficeForTests) -> None:
    jane = any_office.user(max_sessions=3)
    gate = threading.Barrier(10)

    def go(_: int):
        gate.wait()
        try:
            return any_office.requested(jane)
        except Refused as refusal:
            return refusal.code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(go, range(10)))
    assert sum(one.startswith("ses_") for one in answers) == 3
    assert answers.count("too-many-sessions") == 7
    assert live_count(any_office) == 3


def test_nothing_is_started_when_the_node_does_not_answer(office: OfficeForTests) -> None:
    office.backend.is_away = True
    with pytest.raises(Unavailable):
        office.requested(office.user())
    assert live_count(office) == 0


def test_a_start_that_the_hub_does_not_take_is_marked_failed_and_frees_its_place(
    office: OfficeForTests,
) -> None:
    jane = office.user(max_sessions=1)
    office.hub.is_away = True
    with pytest.raises(Unavailable):
        office.requested(jane)
    office.hub.is_away = False
    office.hub.says_no = True
    with pytest.raises(Refused, match="too many servers"):
        office.requested(jane)
    office.hub.says_no = False
    assert office.requested(jane)
    with office.store.read() as tx:
        failed = tx.scalars(select(SessionRow).where(SessionRow.state == "failed")).all()
    assert {row.stop_reason for row in failed} == {"start-failed"}
    assert all(row.stop_detail for row in failed)


def test_somebody_elses_session_cannot_be_started_stopped_or_told_from_one_that_is_not_there(
    office: OfficeForTests,
) -> None:
    jane, mallory = office.user("jane"), office.user("mallory")
    session_id = office.requested(jane)
    assert_looks_absent(partial(stop_session, office, mallory), session_id)
    with pytest.raises(Refused) as caught:
        start_session(office, mallory, "notebook-cpu-small", user="jane")
    assert caught.value.code == "missing-scope"


def test_an_admin_starts_and_stops_for_somebody_and_the_user_reads_why(office: OfficeForTests) -> None:
    jane, admin = office.user("jane"), office.user("boss", Role.ADMIN)
    session_id = start_session(office, admin, "notebook-cpu-small", user="jane")
    stop_session(office, admin, session_id, detail="The host is being repaired.")
    row = office.row(session_id)
    assert (row.state, row.stop_reason, row.stopped_by) == ("stopped", "admin", "boss")
    with office.store.read() as tx:
        text = tx.scalar(select(NoticeRow.text).where(NoticeRow.user_id == jane.id))
    assert text is not None
    assert "boss" in text
    assert "being repaired" in text


def test_a_double_stop_is_harmless(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    stop_session(office, jane, session_id)
    stop_session(office, jane, session_id)
    with office.store.write() as tx:
        mark_ended(tx, office.clock, jane, tx.get_one(SessionRow, session_id), StopReason.SERVER_DIED, "gone")
    stop_session(office, jane, session_id)
    row = office.row(session_id)
    assert (row.state, row.stop_reason, row.stop_detail) == ("stopped", "user", None)
    assert journal_types(office).count("session.stop-requested") == 1
    assert journal_types(office).count("session.ended") == 1


def test_a_stop_before_the_launch_ends_the_session_and_refuses_the_launch(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.requested(jane)
    stop_session(office, jane, session_id)
    assert office.row(session_id).state == "stopped"
    with pytest.raises(Refused, match="no session was admitted"):
        launch(
            office, user="jane", server_name="notebook-cpu-small", session_id=session_id, profile=None, env={}
        )


def test_a_stop_while_the_hub_waits_for_the_server_ends_its_processes(office: OfficeForTests) -> None:
    jane = office.user()
    session_id, _ = office.launched(jane)
    office.hub.starting.add(("jane", "notebook-cpu-small"))
    stop_session(office, jane, session_id)
    assert office.backend.stopped == [session_id]
    with office.store.write() as tx:
        mark_ready(
            tx, office.clock, jane, tx.get_one(SessionRow, session_id)
        )  # the spawner was a moment late
    assert office.row(session_id).state == "stopping"


def test_a_stop_while_the_hub_is_away_is_kept(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    office.hub.is_away = True
    stop_session(office, jane, session_id)
    assert office.row(session_id).state == "stopping"


def test_a_running_session_keeps_its_snapshot_when_its_profile_changes_or_goes(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    with office.store.write() as tx:
        change_profile(
            tx, office.clock, OPERATOR, "notebook-cpu-small", {"idle_stop": "5min"}, known_to(office.settings)
        )
        delete_profile(tx, office.clock, OPERATOR, "notebook-cpu-small")
    assert office.row(session_id).state == "ready"
    assert office.row(session_id).profile["idle_stop_s"] == 1800
    with pytest.raises(Refused, match="no profile"):
        office.requested(jane)


def test_a_disabled_user_starts_nothing(office: OfficeForTests) -> None:
    with pytest.raises(Refused, match="not active"):
        office.requested(office.user(status="disabled"))


def test_states_move_only_along_the_table() -> None:
    for old in SessionState:
        for new in SessionState:
            row = SessionRow(state=old.value)
            if may_move(old, new):
                move(row, new)
                assert row.state == new
            else:
                with pytest.raises(Refused):
                    move(row, new)
    # What is over stays so, unless its node tells late that there is something to resume.
    assert TRANSITIONS[SessionState.STOPPED] == TRANSITIONS[SessionState.FAILED] == {SessionState.SUSPENDED}


@pytest.mark.parametrize("state", ["requested", "starting", "ready", "stopping"])
def test_every_live_state_can_end_for_every_reason(office: OfficeForTests, state: str) -> None:
    jane = office.user(max_sessions=100)
    office.backend.has = Capacity(cpu_millis=1_000_000, memory_bytes=1 << 50)
    for reason in StopReason:
        session_id = office.requested(jane)
        office.change(session_id, state=state)
        with office.store.write() as tx:
            assert mark_ended(tx, office.clock, jane, tx.get_one(SessionRow, session_id), reason, "Because.")
        row = office.row(session_id)
        assert row.state in {"stopped", "failed"}
        assert row.token_hash is None
        assert row.stop_reason == reason
