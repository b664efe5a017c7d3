"""An admin's visit, notices, what sessions report, and diagnosis."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from nbkeep.backends.interface import Status, Volume
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from nbkeep.model.session import SessionState, StopReason
from nbkeep.outbox.notices import dismiss_notice, list_notices
from nbkeep.sessions.access import grant_access, may_enter
from nbkeep.sessions.diagnose import diagnose_session
from nbkeep.sessions.reports import take_reports
from nbkeep.sessions.stop import stop_session
from nbkeep.store.tables import JournalRow, SessionRow, UserRow
from office_parts import OfficeForTests

NAME = "notebook-cpu-small"


def test_an_admin_enters_only_with_a_reason_for_an_hour_and_the_user_reads_it(office: OfficeForTests) -> None:
    jane, boss = office.user(), office.user("boss", Role.ADMIN)
    session_id = office.ready(jane)

    def enters(admin: str = "boss", owner: str = "jane", name: str = NAME):
        with office.store.read() as tx:
            return may_enter(tx, office.clock, admin, owner, name)

    assert not enters()
    for reason in ("", "   ", "abc", "x" * 501):
        with office.store.write() as tx, pytest.raises(Refused, match="reason"):
            grant_access(tx, office.clock, boss, session_id, reason)
    with office.store.write() as tx:
        grant_access(tx, office.clock, boss, session_id, "Ticket 4711: kernel hangs")
        assert "Ticket 4711" in list_notices(tx, jane)[0].text
    assert enters()
    assert not enters(admin="jane")
    assert not enters(name="other")
    assert not enters(owner="boss")
    office.clock.advance(3601)
    assert not enters()


def test_a_visit_ends_with_the_session_and_with_the_role(office: OfficeForTests) -> None:
    jane, boss = office.user(), office.user("boss", Role.ADMIN)
    session_id = office.ready(jane)
    with office.store.write() as tx:
        grant_access(tx, office.clock, boss, session_id, "Ticket 4711")
        tx.get_one(UserRow, boss.id).role = "notebook.user"
    with office.store.read() as tx:
        assert not may_enter(tx, office.clock, "boss", "jane", NAME)
    with office.store.write() as tx:
        tx.get_one(UserRow, boss.id).role = "notebook.admin"
    stop_session(office, jane, session_id)
    office.change(session_id, state="stopped")
    office.ready(jane)  # the next session under the same name is another one
    with office.store.read() as tx:
        assert not may_enter(tx, office.clock, "boss", "jane", NAME)


def test_a_user_cannot_take_leave_even_for_the_own_session(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    with office.store.write() as tx, pytest.raises(Refused) as caught:
        grant_access(tx, office.clock, jane, session_id, "I would like to")
    assert caught.value.code == "missing-scope"


def test_somebody_elses_notice_cannot_be_put_away(office: OfficeForTests) -> None:
    jane, boss = office.user(), office.user("boss", Role.ADMIN)
    session_id = office.ready(jane)
    with office.store.write() as tx:
        grant_access(tx, office.clock, boss, session_id, "Ticket 4711")
        notice = list_notices(tx, jane)[0]
        with pytest.raises(Refused):
            dismiss_notice(tx, office.clock, boss.id, notice.id)
        dismiss_notice(tx, office.clock, jane.id, notice.id)
        dismiss_notice(tx, office.clock, jane.id, notice.id)
        tx.flush()
        assert list_notices(tx, jane) == []


def report(office: OfficeForTests, session_id: str, *events: Any):
    with office.store.write() as tx:
        return take_reports(tx, office.clock, tx.get_one(SessionRow, session_id), events)


def records(office: OfficeForTests, kind: str):
    with office.store.read() as tx:
        return [
            json.loads(one) for one in tx.scalars(select(JournalRow.record).where(JournalRow.type == kind))
        ]


EXECUTION = {
    "id": "e1",
    "type": "execution.started",
    "execution_id": "x1",
    "kernel_id": "k1",
    "code_sha256": "ab",
}


def test_an_event_delivered_twice_is_recorded_once(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    assert report(office, session_id, EXECUTION) == 1
    assert report(office, session_id, EXECUTION, {**EXECUTION, "id": "e2"}) == 2
    assert len(records(office, "execution.started")) == 2
    assert records(office, "execution.started")[0]["actor"]["name"] == "jane"


def test_code_is_kept_only_where_the_profile_says_so(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    report(office, session_id, {**EXECUTION, "code": "secret = 1"})
    assert records(office, "execution.started")[0]["data"]["code"] is None
    office.change(session_id, profile={**office.row(session_id).profile, "record_code": True})
    report(office, session_id, {**EXECUTION, "id": "e2", "code": "x = 1"})
    assert records(office, "execution.started")[1]["data"]["code"] == "x = 1"


@pytest.mark.parametrize(
    "kind", ["session.ended", "user.role-changed", "audit.exported", "", None, "x" * 1000]
)
def test_a_session_cannot_write_the_offices_own_kinds_of_record(
    office: OfficeForTests, kind: str | None
) -> None:
    session_id = office.ready(office.user())
    with pytest.raises(Refused):
        report(office, session_id, {**EXECUTION, "type": kind, "user": "jane"})


def test_a_session_cannot_report_for_another_one(office: OfficeForTests) -> None:
    first, second = office.ready(office.user()), office.ready(office.user("john"))
    report(office, first, {**EXECUTION, "session_id": second})
    assert records(office, "execution.started")[0]["session_id"] == first


@pytest.mark.parametrize(
    "odd", ["\ud800", "x" * 10_000, float("nan"), 10**40, {"a": 1}, ["b"], "line\nbreak\x00", None]
)
def test_an_odd_value_loses_no_record(office: OfficeForTests, odd: object) -> None:
    session_id = office.ready(office.user())
    report(office, session_id, {**EXECUTION, "notebook": odd})
    assert len(records(office, "execution.started")) == 1


@pytest.mark.parametrize(
    "bad", [{"id": ""}, {"id": "a b"}, {"id": 7}, {"id": "x" * 65}, {"execution_id": ...}]
)
def test_a_malformed_report_is_refused_whole(office: OfficeForTests, bad: dict[str, Any]) -> None:
    session_id = office.ready(office.user())
    second = {key: value for key, value in {**EXECUTION, "id": "e9", **bad}.items() if value is not ...}
    with pytest.raises(Refused):
        report(office, session_id, EXECUTION, second)
    assert records(office, "execution.started") == []


@pytest.mark.parametrize("reason", list(StopReason))
def test_every_reason_is_told_in_one_line_with_what_to_do(office: OfficeForTests, reason: StopReason) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    office.change(session_id, state="failed", stop_reason=reason.value, stop_detail="Two\nlines.")
    told = diagnose_session(office, jane, session_id)
    assert told["code"] == reason.value
    assert told["message"]
    assert "\n" not in told["message"]
    assert told["remedy"]


@pytest.mark.parametrize("state", list(SessionState))
@pytest.mark.parametrize("away", [False, True])
def test_a_diagnosis_is_never_empty(office: OfficeForTests, state: SessionState, *, away: bool) -> None:
    jane = office.user()
    session_id = office.requested(jane)
    office.change(session_id, state=state.value)
    office.backend.is_away = away
    office.clock.advance(300)
    told = diagnose_session(office, jane, session_id)
    assert told["message"]
    assert told["findings"]


def test_a_diagnosis_names_memory_home_and_silence(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    office.backend.running[session_id] = Status(
        alive=True, memory_used_bytes=int(7.9 * (1 << 30)), oom_kills=2
    )
    office.backend.volumes["jane"] = Volume("xfs", 10 << 30, int(9.9 * (1 << 30)), 1 << 20)
    office.clock.advance(200)
    codes = [one["code"] for one in diagnose_session(office, jane, session_id)["findings"]]
    assert codes[0] == "kernel-out-of-memory"
    assert {"memory-nearly-full", "home-nearly-full", "silent"} <= set(codes)


def test_somebody_elses_session_cannot_be_diagnosed(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    with pytest.raises(Refused) as caught:
        diagnose_session(office, office.user("mallory"), session_id)
    assert caught.value.status == 404
