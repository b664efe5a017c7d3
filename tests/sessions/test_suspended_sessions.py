"""Suspend and resume: nothing kept is lost by a race, a crash or a rule; nothing is resumed that may not be."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from nbkeep.doors.worker import Worker
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.model.session import StopReason
from nbkeep.profiles.known import Known, known_to
from nbkeep.profiles.profiles import change_profile, delete_profile
from nbkeep.sessions.end import end_session
from nbkeep.sessions.launch import launch
from nbkeep.sessions.marks import mark_ready
from nbkeep.sessions.resume import request_resume, resume_session
from nbkeep.sessions.stop import stop_session
from nbkeep.sessions.suspend import saved_state, suspend_session
from nbkeep.sessions.view import session_line
from nbkeep.store.tables import JournalRow, NoticeRow, SessionRow, UserRow
from office_parts import OfficeForTests, assert_looks_absent

SMALL, LARGE = "notebook-cpu-small", "notebook-cpu-large"


def journal(office: OfficeForTests, session_id: str) -> list[str]:
    with office.store.read() as tx:
        query = select(JournalRow.type).where(JournalRow.session_id == session_id)
        return list(tx.scalars(query.order_by(JournalRow.seq)))


def end(office: OfficeForTests, actor: Actor, session_id: str, reason: StopReason = StopReason.USER) -> None:
    """Let the processes be gone and be told so, as the hub's spawner does."""
    office.backend.running.pop(session_id, None)
    end_session(office, actor, session_id, reason)


def suspended(office: OfficeForTests, jane: Actor, name: str | None = None) -> str:
    session_id = office.ready(jane, name=name)
    suspend_session(office, jane, session_id)
    office.backend.saves(jane.name, session_id, office.clock.now())
    end(office, jane, session_id)
    assert office.row(session_id).state == "suspended"
    return session_id


def env_of(office: OfficeForTests, session_id: str) -> dict[str, str]:
    row = office.row(session_id)
    with office.store.read() as tx:
        user = tx.get_one(UserRow, row.user_id).name
    answer = launch(office, user=user, server_name=row.name, session_id=session_id, profile=None, env={})
    return answer["launch"]["server_env"]


def test_a_session_is_suspended_resumed_and_suspended_again(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user()
    session_id = suspended(office, jane)
    row = office.row(session_id)
    assert row.kept_until == office.clock.now() + timedelta(days=7)
    line = session_line(office.clock, office.settings, row, "jane")
    assert line["is_resumable"]
    assert line["kept"] == {
        "saved_at": office.clock.now().isoformat(),
        "until": (office.clock.now() + timedelta(days=7)).isoformat(),
        "is_over_limit": False, "bytes": 1 << 20, "kernels": 1, "kept": 3, "lost": 1,
    }  # fmt: skip
    assert "Resume it" in line["stop"]["remedy"]
    assert line["stop"]["message"].startswith("Suspended by its user")

    office.clock.advance(3600)
    resume_session(office, jane, session_id)
    row = office.row(session_id)
    assert (row.state, row.run, row.stop_reason, row.ended_at, row.ends_at) == (
        "requested",
        2,
        None,
        None,
        None,
    )
    assert env_of(office, session_id)["NBKEEP_RESUME"] == "1"
    with office.store.write() as tx:
        mark_ready(tx, office.clock, jane, tx.get_one(SessionRow, session_id))
    assert office.row(session_id).ends_at == office.clock.now() + timedelta(hours=8)

    stop_session(office, jane, session_id)
    again = office.backend.saves("jane", session_id, office.clock.now())
    end(office, jane, session_id)
    row = office.row(session_id)
    assert row.kept is not None
    assert row.kept["saved_at"] == again.saved_at
    assert journal(office, session_id) == [
        "session.requested", "session.started", "session.ready", "session.stop-requested", "session.ended",
        "session.suspended", "session.resumed", "session.started", "session.ready", "session.stop-requested",
        "session.ended", "session.suspended",
    ]  # fmt: skip


def test_a_suspended_session_holds_no_place_and_costs_nothing_but_keeps_what_it_cost(
    office: OfficeForTests,
) -> None:
    jane = office.user(max_sessions=1)
    session_id = office.ready(jane)
    office.clock.advance(3600)
    office.backend.saves("jane", session_id, office.clock.now())
    end(office, jane, session_id)
    office.clock.advance(7200)
    other = office.ready(jane, name="other")
    with pytest.raises(Refused, match="max_sessions"):
        resume_session(office, jane, session_id)
    end(office, jane, other)
    resume_session(office, jane, session_id)
    assert office.row(session_id).spent_micros == 100_000


def test_ten_resumes_at_once_are_one(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user()
    session_id = suspended(office, jane)
    gate = threading.Barrier(10)

    def go(_: int) -> bool:
        gate.wait()
        return request_resume(office, jane, session_id)

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(go, range(10))) == [False] * 9 + [True]
    assert office.row(session_id).run == 2
    assert journal(office, session_id).count("session.resumed") == 1


def test_a_name_that_a_live_session_has_taken_refuses_the_resume_and_a_new_start_takes_another(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    session_id = suspended(office, jane)
    assert office.row(office.requested(jane)).name == f"{SMALL}-2"
    taken = office.requested(jane, name=SMALL)
    with pytest.raises(Refused) as refused:
        resume_session(office, jane, session_id)
    assert (refused.value.code, refused.value.status) == ("name-taken", 409)
    assert journal(office, session_id)[-1] == "session.refused"
    stop_session(office, jane, taken)
    resume_session(office, jane, session_id)


def test_a_changed_or_deleted_profile_leaves_the_snapshot_but_a_switched_off_one_refuses(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    session_id = suspended(office, jane)
    with office.store.write() as tx:
        change_profile(
            tx,
            office.clock,
            OPERATOR,
            SMALL,
            {"idle_stop": "5min", "enabled": False},
            known_to(office.settings),
        )
    with pytest.raises(Refused, match="switched off"):
        resume_session(office, jane, session_id)
    with office.store.write() as tx:
        change_profile(
            tx,
            office.clock,
            OPERATOR,
            SMALL,
            {"enabled": True, "roles": "notebook.admin"},
            known_to(office.settings),
        )
    with pytest.raises(Refused, match="not for the role"):
        resume_session(office, jane, session_id)
    with office.store.write() as tx:
        delete_profile(tx, office.clock, OPERATOR, SMALL)
    resume_session(office, jane, session_id)
    assert office.row(session_id).profile["idle_stop_s"] == 1800


def test_a_resume_on_another_flavor_takes_its_limits_and_its_price(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = suspended(office, jane)
    resume_session(office, jane, session_id, LARGE)
    row = office.row(session_id)
    assert (row.profile_name, row.profile["memory_bytes"]) == (LARGE, 32 << 30)


def test_what_does_not_fit_is_refused_with_the_numbers(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane, profile=LARGE)
    office.backend.saves("jane", session_id, office.clock.now(), size_bytes=20 << 30)
    end(office, jane, session_id)
    with pytest.raises(Refused, match=r"20 GiB are kept; .* has 8 GiB"):
        resume_session(office, jane, session_id, SMALL)
    (office.settings.images_dir / "torch").mkdir()
    with office.store.write() as tx:
        change_profile(tx, office.clock, OPERATOR, SMALL, {"image": "torch"}, Known(frozenset({"torch"})))
    with pytest.raises(Refused, match="image base"):
        resume_session(office, jane, session_id, SMALL)
    with pytest.raises(Refused) as refused:
        resume_session(office, jane, session_id, "no-such")
    assert refused.value.status == 404
    assert office.row(session_id).state == "suspended"


def test_a_session_whose_profile_keeps_nothing_cannot_be_suspended(office: OfficeForTests) -> None:
    jane = office.user()
    with office.store.write() as tx:
        change_profile(tx, office.clock, OPERATOR, SMALL, {"keep_state": False}, known_to(office.settings))
    session_id = office.ready(jane)
    with pytest.raises(Refused) as refused:
        suspend_session(office, jane, session_id)
    assert refused.value.code == "state-not-kept"
    assert json.loads(env_policy(office, jane))["keep"] is False
    stop_session(office, jane, session_id)
    end(office, jane, session_id)
    assert office.row(session_id).state == "stopped"


def env_policy(office: OfficeForTests, jane: Actor) -> str:
    return env_of(office, office.requested(jane, name="other"))["NBKEEP_STATE_POLICY"]


def test_each_user_has_a_key_of_their_own_which_stays(office: OfficeForTests) -> None:
    jane, tom = office.user("jane"), office.user("tom")
    keys = [env_of(office, office.requested(one))["NBKEEP_STATE_KEY"] for one in (jane, jane, tom)]
    assert keys[0] == keys[1] != keys[2]
    assert "NBKEEP_RESUME" not in env_of(office, office.requested(jane))


def test_an_admin_suspends_with_a_reason_and_resumes_for_the_owner_and_nobody_else_sees_it(
    office: OfficeForTests,
) -> None:
    jane, boss, eve = office.user("jane"), office.user("boss", Role.ADMIN), office.user("eve")
    session_id = office.ready(jane)
    suspend_session(office, boss, session_id, detail="The host is being repaired.")
    office.backend.saves("jane", session_id, office.clock.now())
    end(office, jane, session_id)
    with office.store.read() as tx:
        text = tx.scalar(select(NoticeRow.text).where(NoticeRow.user_id == jane.id))
    assert text is not None
    assert "boss" in text
    assert "being repaired" in text
    assert "Resume it" in text
    for act in (resume_session, suspend_session, saved_state):
        assert_looks_absent(partial(act, office, eve), session_id)
    assert "session.refused" not in journal(office, session_id)
    resume_session(office, boss, session_id)
    assert office.hub.servers[("jane", SMALL)] == session_id


def test_a_user_disabled_meanwhile_resumes_nothing(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = suspended(office, jane)
    with office.store.write() as tx:
        tx.get_one(UserRow, jane.id).status = "disabled"
    with pytest.raises(Refused, match="not active"):
        resume_session(office, jane, session_id)


def test_a_resume_that_does_not_start_leaves_the_state(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = suspended(office, jane)
    office.hub.is_away = True
    with pytest.raises(Unavailable):
        resume_session(office, jane, session_id)
    row = office.row(session_id)
    assert (row.state, row.stop_reason) == ("suspended", "start-failed")
    office.hub.is_away = False
    resume_session(office, jane, session_id)
    stop_session(office, jane, session_id)  # before the hub comes to it
    assert office.row(session_id).state == "suspended"


def test_late_news_of_the_run_before_ends_no_resumed_session(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = suspended(office, jane)
    resume_session(office, jane, session_id)
    assert not end_session(office, jane, session_id, StopReason.SERVER_DIED, run=1)
    assert office.row(session_id).state == "requested"


def test_a_node_that_was_away_at_the_end_is_asked_again(office: OfficeForTests) -> None:
    jane = office.user()
    worker = Worker(office, boot_id="boot-1")
    session_id = office.ready(jane)
    stop_session(office, jane, session_id)
    office.backend.saves("jane", session_id, office.clock.now())
    office.backend.running.clear()
    office.backend.is_away = True
    end(office, jane, session_id)
    assert (office.row(session_id).state, office.row(session_id).state_pending) == ("stopped", True)
    worker.round()
    office.backend.is_away = False
    worker.round()
    assert (office.row(session_id).state, office.row(session_id).state_pending) == ("suspended", False)


def test_a_restarted_host_leaves_what_was_saved_before(office: OfficeForTests) -> None:
    jane = office.user()
    Worker(office, boot_id="boot-1").round()
    session_id, unsaved = office.ready(jane), office.ready(jane)
    office.backend.saves("jane", session_id, office.clock.now())
    office.backend.running.clear()
    office.clock.advance(600)
    worker = Worker(office, boot_id="boot-2")
    for _ in range(4):
        worker.round()
    row = office.row(session_id)
    assert (row.state, row.stop_reason) == ("suspended", "host-restarted")
    saved_at = office.clock.now() - timedelta(seconds=600)
    assert (
        f"variables of {saved_at.day} {saved_at:%B, %H:%M} UTC"
        in session_line(office.clock, office.settings, row, "jane")["stop"]["remedy"]
    )
    assert office.row(unsaved).state == "failed"
    resume_session(office, jane, session_id)


def test_retention_deletes_and_a_resume_that_comes_first_keeps(office: OfficeForTests) -> None:
    jane = office.user()
    worker = Worker(office, boot_id="boot-1")
    worker.round()
    old, used = suspended(office, jane, "old"), suspended(office, jane, "used")
    for _ in range(7):
        office.clock.advance(86_400 - 1)
        worker.round()
    resume_session(office, jane, used)
    office.clock.advance(60)
    worker.round()
    assert office.row(old).state == "stopped"
    assert list(office.backend.kept["jane"]) == [used]
    assert journal(office, old)[-1] == "session.state-deleted"
    assert office.row(used).state == "requested"
    with pytest.raises(Refused) as refused:
        resume_session(office, jane, old)
    assert refused.value.code == "nothing-kept"


@pytest.mark.parametrize("by", ["count", "bytes"])
def test_beyond_the_limit_the_oldest_goes_a_day_after_its_user_was_told(
    any_office: OfficeForTests, by: str
) -> None:
    office = any_office
    limit = {"max_suspended_sessions": 2} if by == "count" else {"max_suspended_bytes": (2 << 20) + 1}
    office.settings = replace(office.settings, **limit)
    jane = office.user()
    worker = Worker(office, boot_id="boot-1")
    made: list[str] = []
    for name in ("a", "b", "c", "d"):
        made.append(suspended(office, jane, name))
        office.clock.advance(60)
        worker.round()
    a, b, _, d = made
    told = [
        session_line(office.clock, office.settings, office.row(one), "jane")["kept"]["is_over_limit"]
        for one in made
    ]
    assert told == [True, True, False, False]
    day_after = office.clock.now() + timedelta(days=1)
    assert (office.row(b).kept_until or office.row(a).requested_at + timedelta(days=9)) <= day_after
    with office.store.read() as tx:
        texts = list(tx.scalars(select(NoticeRow.text).where(NoticeRow.kind == "state-over-limit")))
    assert len(texts) == 2
    assert "Resume it, or discard others" in texts[0]

    # Room is made for one of the two: it is kept as long as the others.
    stop_session(office, jane, d, discard=True)
    office.clock.advance(60)
    worker.round()
    assert office.row(b).over_limit_since is None
    office.clock.advance(86_400)
    worker.round()
    assert [office.row(one).state for one in made] == ["stopped", "suspended", "suspended", "stopped"]
    with office.store.read() as tx:
        query = select(JournalRow.record).where(
            JournalRow.session_id == a, JournalRow.type == "session.state-deleted"
        )
        assert [json.loads(one)["data"]["reason"] for one in tx.scalars(query)] == ["limit"]
    resume_session(office, jane, b)


def test_what_is_given_up_cannot_be_resumed_while_the_node_is_away(office: OfficeForTests) -> None:
    jane = office.user()
    worker = Worker(office, boot_id="boot-1")
    session_id = suspended(office, jane)
    office.backend.is_away = True
    stop_session(office, jane, session_id, discard=True)
    office.backend.is_away = False
    with pytest.raises(Refused, match="being deleted"):
        resume_session(office, jane, session_id)
    worker.round()
    assert office.row(session_id).state == "stopped"
    assert office.backend.kept["jane"] == {}


def test_a_stop_with_discard_keeps_nothing(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    stop_session(office, jane, session_id, discard=True)
    office.backend.saves("jane", session_id, office.clock.now())
    end(office, jane, session_id)
    assert office.row(session_id).state == "stopped"
    assert office.backend.kept["jane"] == {}


def test_the_state_of_a_running_session_is_asked_of_the_node(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    assert saved_state(office, jane, session_id) == {}
    office.backend.saves("jane", session_id, office.clock.now())
    assert saved_state(office, jane, session_id)["kernels"][0]["lost"] == [
        {"name": "sock", "reason": "A socket cannot be kept."}
    ]
    office.backend.is_away = True
    assert saved_state(office, jane, session_id) == {}


def test_a_session_of_an_earlier_release_keeps_nothing_and_ends_as_before(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    profile = {key: value for key, value in office.row(session_id).profile.items() if "state" not in key}
    office.change(session_id, profile=profile)
    stop_session(office, jane, session_id)
    end(office, jane, session_id)
    assert office.row(session_id).state == "stopped"
    assert session_line(office.clock, office.settings, office.row(session_id), "jane")["keeps_state"] is False
