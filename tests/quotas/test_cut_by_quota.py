"""Who comes near a quota is warned, and at its end the session is suspended with its variables."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from meter_parts import beat, meter_of
from nbkeep.doors.worker import clocks, stops
from nbkeep.meter import prices
from nbkeep.meter.homes import set_size
from nbkeep.meter.values import HOME
from nbkeep.model.actor import OPERATOR, SYSTEM, Role
from nbkeep.model.errors import Refused
from nbkeep.model.money import MICROCENTS
from nbkeep.model.session import StopReason
from nbkeep.people.projects import add_project, join_project
from nbkeep.people.users import change_user
from nbkeep.quotas import ask, change
from nbkeep.quotas.book import read
from nbkeep.quotas.watch import watch
from nbkeep.sessions.diagnose import diagnose_session
from nbkeep.sessions.end import end_session
from nbkeep.sessions.kept import ORDERLY
from nbkeep.sessions.offers import offers
from nbkeep.sessions.resume import request_resume
from nbkeep.sessions.view import session_line
from nbkeep.store.tables import ProfileRow
from quota_parts import SMALL, ends, events_of, live, look, override, set_quota, standing, told

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests


def warning(office: OfficeForTests, session_id: str) -> dict[str, object] | None:
    row = office.row(session_id)
    return session_line(office.clock, office.settings, row, "jane")["warning"]


def test_a_person_is_warned_at_four_fifths_once_and_before_the_cut(any_office: OfficeForTests) -> None:
    jane = any_office.user()
    set_quota(any_office, "hours=2h/day", user="jane")
    session_id = any_office.ready(jane)
    live(any_office, 5700, session_id)
    assert told(any_office, jane) == []
    live(any_office, 120, session_id)
    assert len(told(any_office, jane)) == 1
    assert "80 % used: the quota of jane is 2 h of compute a day" in told(any_office, jane)[0]
    assert warning(any_office, session_id) is None
    live(any_office, 800, session_id)
    warned = warning(any_office, session_id)
    assert warned is not None
    assert warned["kind"] == "quota"
    assert warned["extendable"] is False
    assert "back on 2 January" in str(warned["text"])
    assert len(told(any_office, jane)) == 2
    assert [one["percent"] for one in events_of(any_office, "quota.warned")] == [80]
    assert len(events_of(any_office, "quota.cut-announced")) == 1


def test_at_its_end_a_session_is_suspended_and_its_page_says_when_it_is_back(
    any_office: OfficeForTests,
) -> None:
    jane = any_office.user()
    set_quota(any_office, "hours=1h/day", user="jane")
    session_id = any_office.ready(jane)
    assert live(any_office, 3580, session_id) == 0
    assert live(any_office, 40, session_id) == 1
    assert any_office.row(session_id).state == "stopping"
    ends(any_office, jane, session_id)
    row = any_office.row(session_id)
    assert (row.state, row.stop_reason) == ("suspended", "quota")
    found = diagnose_session(any_office, jane, session_id)
    assert found["code"] == "quota"
    assert "Suspended because a quota is used up." in found["message"]
    assert "The quota of jane is 1 h of compute a day. It is back on 2 January" in found["message"]
    assert "ask for more" in found["remedy"]
    with pytest.raises(Refused, match="quota of jane"):
        request_resume(any_office, jane, session_id)
    any_office.clock.set(datetime(2026, 1, 2, 0, 0, 1, tzinfo=UTC))
    assert request_resume(any_office, jane, session_id)
    assert any_office.row(session_id).quota_ends_at is None


def test_two_sessions_use_a_quota_twice_as_fast(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=1h/day", user="jane")
    first, second = office.ready(jane), office.ready(jane)
    assert live(office, 1760, first, second) == 0
    assert live(office, 60, first, second) == 2


def test_a_quota_lowered_under_what_is_used_gives_two_minutes(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=5h/day", user="jane")
    session_id = office.ready(jane)
    live(office, 3600, session_id)
    set_quota(office, "hours=30min/day", user="jane")
    assert look(office) == 0
    warned = warning(office, session_id)
    assert warned is not None
    assert "2 min" in str(warned["text"])
    assert live(office, 110, session_id) == 0
    assert live(office, 20, session_id) == 1


def test_an_override_that_ends_is_foreseen_and_cuts_after_a_warning(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=30min/day", user="jane")
    override_id = override(office, 1.5, user="jane")
    session_id = office.ready(jane)
    assert live(office, 4740, session_id) == 0
    assert warning(office, session_id) is None
    live(office, 120, session_id)
    assert warning(office, session_id) is not None  # ten minutes before its end
    assert live(office, 520, session_id) == 0
    assert live(office, 60, session_id) == 1
    assert override_id


def test_an_override_that_is_taken_back_gives_notice(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=30min/day", user="jane")
    override_id = override(office, 9, user="jane")
    session_id = office.ready(jane)
    live(office, 3600, session_id)
    with office.store.write() as tx:
        change.end_override(tx, office.clock, OPERATOR, override_id)
        change.end_override(tx, office.clock, OPERATOR, override_id)
    assert len(events_of(office, "quota.override-ended")) == 1
    assert live(office, 110, session_id) == 0
    assert live(office, 30, session_id) == 1


def test_an_override_saves_a_session_that_was_about_to_be_cut(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=1h/day", user="jane")
    session_id = office.ready(jane)
    live(office, 3500, session_id)
    assert warning(office, session_id) is not None
    override(office, 8, "hours=3h/day", user="jane")
    assert warning(office, session_id) is None
    assert [one for one in told(office, jane) if "ends at" in one] == []
    assert live(office, 3600, session_id) == 0


def test_a_removed_quota_cuts_nobody(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=1h/day", user="jane")
    session_id = office.ready(jane)
    live(office, 3550, session_id)
    with office.store.write() as tx:
        change.remove_quotas(tx, office.clock, OPERATOR, change.find_subject(tx, user="jane"), [])
    assert live(office, 300, session_id) == 0
    assert warning(office, session_id) is None


def test_a_projects_quota_cuts_all_who_use_it_and_nobody_else(office: OfficeForTests) -> None:
    jane, joe, mary = office.user(), office.user("joe"), office.user("mary")
    with office.store.write() as tx:
        add_project(tx, office.clock, OPERATOR, "nlp")
        for name in ("jane", "joe"):
            join_project(tx, office.clock, OPERATOR, "nlp", name)
    set_quota(office, "hours=1h/day", project="nlp")
    sessions = [office.ready(jane), office.ready(joe), office.ready(mary)]
    assert live(office, 1830, *sessions) == 2
    assert [office.row(one).state for one in sessions] == ["stopping", "stopping", "ready"]


def test_a_disabled_person_is_stopped_for_that_and_told_nothing_of_quotas(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=1h/day", user="jane")
    session_id = office.ready(jane)
    live(office, 60, session_id)
    with office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, "jane", status="disabled")
    assert stops.stop_disabled_users(office) == 1
    live(office, 3600, session_id)
    assert office.row(session_id).stop_reason == "user-disabled"


def test_a_jump_of_the_clock_cuts_nobody_at_once(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=1h/day", user="jane")
    session_id = office.ready(jane)
    clocks.check(office, "boot")
    live(office, 3300, session_id)
    clocks.check(office, "boot")
    before = office.row(session_id).quota_ends_at
    assert before is not None
    office.clock.set(office.clock.now() + timedelta(minutes=30))
    clocks.check(office, "boot")
    assert look(office) == 0
    assert live(office, 240, session_id) == 0
    assert live(office, 120, session_id) == 1


def test_two_workers_at_once_tell_once(any_office: OfficeForTests) -> None:
    jane = any_office.user()
    set_quota(any_office, "hours=1h/day", user="jane")
    session_id = any_office.ready(jane)
    live(any_office, 2800, session_id)
    set_quota(any_office, "hours=50min/day", user="jane")
    gate = threading.Barrier(4)

    def round_() -> None:
        gate.wait()
        watch(any_office.store, any_office.clock, "EUR")
        stops.stop_what_is_due(any_office)

    threads = [threading.Thread(target=round_) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(told(any_office, jane)) == 2  # four fifths, and the cut
    live(any_office, 300, session_id)
    assert len(events_of(any_office, "session.stop-requested")) == 1


def _ask(office: OfficeForTests, jane: Actor, reason: str = "a paper") -> str:
    with office.store.write() as tx:
        return ask.ask(tx, office.clock, jane, "hours/day", reason=reason).id


def test_who_asks_is_answered_and_resumes(any_office: OfficeForTests) -> None:
    jane, admin = any_office.user(), any_office.user("root", Role.ADMIN)
    set_quota(any_office, "hours=1h/day", user="jane")
    session_id = any_office.ready(jane)
    live(any_office, 3630, session_id)
    ends(any_office, jane, session_id)
    request_id = _ask(any_office, jane)
    assert _ask(any_office, jane, "again") == request_id
    with any_office.store.write() as tx:
        until = any_office.clock.now() + timedelta(hours=4)
        ask.give(tx, any_office.clock, admin, request_id, until=until, limit="hours=3h/day")
    assert any("You may use more" in one for one in told(any_office, jane))
    assert request_resume(any_office, jane, session_id)
    with any_office.store.write() as tx, pytest.raises(Refused) as twice:
        ask.deny(tx, any_office.clock, admin, request_id, reason="no")
    assert twice.value.status == 409


def test_a_denial_says_why(office: OfficeForTests) -> None:
    jane, admin = office.user(), office.user("root", Role.ADMIN)
    set_quota(office, "hours=1h/day", user="jane")
    request_id = _ask(office, jane)
    with office.store.write() as tx:
        ask.deny(tx, office.clock, admin, request_id, reason="the month is over soon")
    assert "the month is over soon" in told(office, jane)[0]
    assert events_of(office, "quota.request-decided")[0]["given"] is False


def test_without_kept_variables_a_cut_is_an_orderly_end_and_all_of_it_is_counted(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    set_quota(office, "hours=1h/day", user="jane")
    with office.store.write() as tx:
        tx.get_one(ProfileRow, SMALL).keep_state = False
    session_id = office.ready(jane)
    assert live(office, 3620, session_id) == 1
    office.backend.die(session_id, "quota")
    end_session(office, SYSTEM, session_id, StopReason.QUOTA)
    row = office.row(session_id)
    assert (row.state, row.stop_reason) == ("stopped", "quota")


def test_every_reason_of_an_end_is_an_orderly_one_or_a_failure() -> None:
    failures = {
        "start-failed", "start-timeout", "server-died", "sandbox-died", "out-of-memory", "image-missing",
        "no-capacity", "volume-offline", "host-restarted",
    }  # fmt: skip
    assert {one.value for one in set(StopReason) - ORDERLY} == failures


def test_a_changed_limit_takes_no_answer_away(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=1h/day", user="jane")
    with office.store.write() as tx:
        asked = ask.ask(tx, office.clock, jane, "hours/day", reason="the paper")
        ask.deny(tx, office.clock, OPERATOR, asked.id, reason="next week")
    set_quota(office, "sessions=3", everyone=True)
    assert [one for one in told(office, jane) if "The answer is no: next week" in one]


def test_an_override_that_was_taken_back_is_said_and_its_notice_goes(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=1h/day", user="jane")
    override_id = override(office, 9, "hours=5h/day", user="jane")
    assert [one for one in told(office, jane) if "You may use more until" in one]
    with office.store.write() as tx:
        change.end_override(tx, office.clock, OPERATOR, override_id)
    assert told(office, jane) == ["What you were given beyond your quota was taken back: hours=5h/day."]


def test_a_cut_that_comes_much_earlier_is_announced_anew(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=1h/day", user="jane")
    first = office.ready(jane)
    live(office, 3060, first)
    (before,) = [one for one in told(office, jane) if "ends at" in one]
    second = office.ready(jane)
    live(office, 30, first, second)
    now = [one for one in told(office, jane) if "ends at" in one]
    assert len(now) == 2
    assert before not in now


def test_a_home_costs_what_it_holds_now_not_when_it_is_settled(office: OfficeForTests) -> None:
    jane = office.user()
    meter = meter_of()
    with office.store.write() as tx:
        prices.set_price(tx, office.clock, OPERATOR, HOME, "1", None, "EUR")
    beat(office, meter)
    with office.store.write() as tx:
        assert set_size(tx, office.clock, jane.id, 10**9)
    set_quota(office, "cost=100/month", user="jane")
    for _ in range(5):
        office.clock.advance(3600)
        beat(office, meter)
    assert standing(office, jane).used == 5 * MICROCENTS


def test_the_operator_of_the_host_has_no_quota_and_sees_profiles(office: OfficeForTests) -> None:
    set_quota(office, "hours=1h/day", everyone=True)
    assert [one.profile.name for one in offers(office, OPERATOR)]
    with office.store.read() as tx:
        assert read(tx, office.clock.now(), [OPERATOR.id]).standings(OPERATOR.id) == []
