"""A session begins only where the quotas have room: across profiles, for a user, a project, a type of GPU."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from meter_parts import beat, meter_of
from nbkeep.backends.interface import Capacity
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.model.money import MICROCENTS
from nbkeep.model.session import StopReason
from nbkeep.people.projects import add_project, join_project, leave_project, remove_project
from nbkeep.quotas import change
from nbkeep.quotas.book import read
from nbkeep.sessions.end import end_session
from nbkeep.sessions.freeze import freeze_session
from nbkeep.sessions.offers import offers
from nbkeep.sessions.resume import request_resume
from nbkeep.sessions.start import request_session
from nbkeep.sessions.stop import stop_session
from nbkeep.store.quota_tables import QuotaOverrideRow, QuotaRow
from quota_parts import (
    SMALL,
    ends,
    events_of,
    gpu_profile,
    live,
    override,
    set_quota,
    standing,
)

if TYPE_CHECKING:
    from office_parts import OfficeForTests

HOUR_US = 3_600_000_000


def test_a_start_is_refused_with_the_quota_the_numbers_and_when_it_is_back(
    any_office: OfficeForTests,
) -> None:
    jane = any_office.user()
    set_quota(any_office, "hours=1h/day", user="jane")
    session_id = any_office.ready(jane)
    live(any_office, 1800, session_id)
    stop_session(any_office, jane, session_id)
    ends(any_office, jane, session_id)
    second = any_office.ready(jane)
    live(any_office, 1780, second)
    stop_session(any_office, jane, second)
    ends(any_office, jane, second)
    with pytest.raises(Refused) as refused:
        request_session(any_office, jane, SMALL)
    assert refused.value.code == "quota-reached"
    assert "quota of jane is 1 h of compute a day" in refused.value.message
    assert "59.7 min are used" in refused.value.message
    assert "back on 2 January, 00:00 UTC" in refused.value.remedy
    assert "Quotas" in refused.value.remedy
    assert events_of(any_office, "session.refused")[0]["code"] == "quota-reached"


def test_ten_starts_at_once_do_not_overrun(any_office: OfficeForTests) -> None:
    """Each reserves what it may use until anybody looks again: ten minutes of a GPU, out of twenty-five."""
    profile = gpu_profile(any_office)
    jane = any_office.user(max_sessions=50)
    set_quota(any_office, "gpu-a100=25min/day", user="jane")
    begun: list[str] = []
    refused: list[str] = []
    gate = threading.Barrier(10)

    def start() -> None:
        gate.wait()
        try:
            begun.append(request_session(any_office, jane, profile))
        except NbkeepError as error:
            refused.append(error.code)

    threads = [threading.Thread(target=start) for _ in range(10)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(begun) == 3
    assert refused == ["quota-reached"] * 7
    assert standing(any_office, jane).left == 0


def test_what_a_failed_start_has_reserved_returns_at_once(any_office: OfficeForTests) -> None:
    jane = any_office.user()
    set_quota(any_office, "hours=10min/day", user="jane")
    session_id = any_office.requested(jane)
    assert standing(any_office, jane).reserved == HOUR_US // 6
    end_session(any_office, jane, session_id, StopReason.START_FAILED)
    assert standing(any_office, jane).reserved == 0
    any_office.requested(jane)


def test_a_reservation_becomes_what_is_used(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=2h/day", user="jane")
    session_id = office.ready(jane)
    live(office, 240, session_id)
    now = standing(office, jane)
    assert (now.used, now.reserved) == (HOUR_US // 15, HOUR_US // 10)  # 4 and 6 minutes
    live(office, 600, session_id)
    now = standing(office, jane)
    assert (now.used, now.reserved) == (840 * 1_000_000, 0)


def test_gpus_of_a_type_count_across_profiles_and_only_those(office: OfficeForTests) -> None:
    two, other = gpu_profile(office, 2, "two"), gpu_profile(office, 1, "other", "h100")
    jane = office.user(max_sessions=9)
    set_quota(office, "gpu-a100=1h/day", user="jane")
    session_id = office.ready(jane, two)
    live(office, 1740, session_id)  # 58 of 60 GPU-minutes
    stop_session(office, jane, session_id)
    ends(office, jane, session_id)
    with pytest.raises(Refused, match="of GPU \\(a100\\) a day"):
        request_session(office, jane, gpu_profile(office, 4, "four"))
    request_session(office, jane, other)
    request_session(office, jane, SMALL)


def test_so_many_gpus_at_once_and_not_one_more(office: OfficeForTests) -> None:
    three = gpu_profile(office, 3, "three")
    jane = office.user(max_sessions=9)
    set_quota(office, "gpu-a100=5", "sessions=3", user="jane")
    first = request_session(office, jane, three)
    with pytest.raises(Refused) as refused:
        request_session(office, jane, three)
    assert "5 GPUs (a100) at once, 3 are in use, and this needs 3" in refused.value.message
    assert "Stop a session first" in refused.value.remedy
    request_session(office, jane, SMALL)
    request_session(office, jane, SMALL)
    with pytest.raises(Refused, match="3 sessions at once"):
        request_session(office, jane, SMALL)
    end_session(office, jane, first, StopReason.USER)
    request_session(office, jane, three)


def test_everyones_quota_is_each_persons_and_ones_own_comes_first(office: OfficeForTests) -> None:
    jane, joe = office.user(), office.user("joe")
    set_quota(office, "hours=0h/month", everyone=True)
    set_quota(office, "hours=5h/month", user="joe@acme.com")
    with pytest.raises(Refused, match="quota of jane"):
        request_session(office, jane, SMALL)
    request_session(office, joe, SMALL)


def test_a_projects_quota_is_shared_by_its_members(any_office: OfficeForTests) -> None:
    jane, joe, mary = any_office.user(), any_office.user("joe"), any_office.user("mary")
    with any_office.store.write() as tx:
        add_project(tx, any_office.clock, OPERATOR, "nlp")
        for name in ("jane", "joe"):
            join_project(tx, any_office.clock, OPERATOR, "nlp", name)
    set_quota(any_office, "hours=11.5min/day", project="nlp")
    session_id = any_office.ready(jane)
    live(any_office, 660, session_id)
    with pytest.raises(Refused) as refused:
        request_session(any_office, joe, SMALL)
    assert "quota of project nlp" in refused.value.message
    request_session(any_office, mary, SMALL)
    with any_office.store.write() as tx:
        leave_project(tx, any_office.clock, OPERATOR, "nlp", "joe")
    request_session(any_office, joe, SMALL)


def test_a_removed_project_takes_its_quotas_along(office: OfficeForTests) -> None:
    jane = office.user()
    for _ in range(2):
        with office.store.write() as tx:
            add_project(tx, office.clock, OPERATOR, "nlp")
            join_project(tx, office.clock, OPERATOR, "nlp", "jane")
        with office.store.read() as tx:
            assert tx.scalar(select(QuotaRow.id)) is None
        set_quota(office, "hours=0h/day", project="nlp")
        override_id = override(office, 5, project="nlp")
        with office.store.write() as tx:
            remove_project(tx, office.clock, OPERATOR, "nlp")
        with office.store.read() as tx:
            assert tx.get_one(QuotaOverrideRow, override_id).ended_at is not None
    assert len(events_of(office, "quota.removed")) == 2
    request_session(office, jane, SMALL)


def test_cost_is_counted_at_the_prices_of_its_time(office: OfficeForTests) -> None:
    jane = office.user()
    office.backend.has = Capacity(64_000, 1 << 40)
    set_quota(office, "cost=0.10/month", user="jane")  # the small flavor costs 0.10 an hour
    session_id = office.ready(jane)
    live(office, 1800, session_id)
    assert standing(office, jane).used == MICROCENTS // 20
    live(office, 1800, session_id)
    with pytest.raises(Refused, match=r"quota of jane is 0\.10 EUR a month, 0\.10 EUR are used"):
        request_session(office, jane, SMALL)


def test_the_next_month_begins_with_all_of_it(any_office: OfficeForTests) -> None:
    any_office.clock.set(datetime(2026, 1, 31, 23, 30, tzinfo=UTC))
    jane = any_office.user()
    set_quota(any_office, "hours=31min/month", user="jane")
    session_id = any_office.ready(jane)
    live(any_office, 1740, session_id)
    assert any_office.row(session_id).quota_ends_at is None  # it is back before it is used up
    live(any_office, 120, session_id)
    now = standing(any_office, jane)
    assert now.used == 60 * 1_000_000
    assert now.back_at == datetime(2026, 3, 1, tzinfo=UTC)
    request_session(any_office, jane, SMALL)


def test_suspended_and_frozen_sessions_use_nothing(office: OfficeForTests) -> None:
    jane, meter = office.user(), meter_of()
    set_quota(office, "hours=1h/day", "cost=5/day", user="jane")
    session_id, other = office.ready(jane), office.ready(jane)
    live(office, 60, session_id, other, meter=meter)
    rested = office.clock.now() - timedelta(hours=2)
    office.change(session_id, freeze_asked_at=office.clock.now(), is_busy=False, last_work_at=rested)
    freeze_session(office, jane, session_id, is_saved=True)
    stop_session(office, jane, other)
    ends(office, jane, other)
    before = [standing(office, jane, number).used for number in (0, 1)]
    for _ in range(10):
        office.clock.advance(60)
        beat(office, meter)
    assert [standing(office, jane, number).used for number in (0, 1)] == before
    assert office.row(session_id).state == "frozen"


def test_a_resume_is_a_start(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    stop_session(office, jane, session_id)
    ends(office, jane, session_id)
    assert office.row(session_id).state == "suspended"
    set_quota(office, "hours=0h/day", user="jane")
    with pytest.raises(Refused, match="quota of jane"):
        request_resume(office, jane, session_id)
    assert office.row(session_id).state == "suspended"
    override(office, 2, user="jane")
    assert request_resume(office, jane, session_id)


def test_the_portal_says_it_before_the_start(office: OfficeForTests) -> None:
    jane, profile = office.user(), gpu_profile(office)
    set_quota(office, "gpu=0h/month", user="jane")
    verdicts = {offer.profile.name: offer.as_json("EUR")["startable"] for offer in offers(office, jane)}
    assert verdicts[profile] is False
    assert verdicts[SMALL] is True


def test_an_override_raises_and_never_lowers(office: OfficeForTests) -> None:
    jane = office.user()
    set_quota(office, "hours=2h/day", user="jane")
    override(office, 5, "hours=1h/day", user="jane")
    assert standing(office, jane).allowed == 2 * HOUR_US
    override(office, 5, "hours=3h/day", user="jane")
    assert standing(office, jane).allowed == 3 * HOUR_US
    override(office, 1, user="jane")
    assert standing(office, jane).allowed is None
    office.clock.advance(3601)
    assert standing(office, jane).allowed == 3 * HOUR_US


@pytest.mark.parametrize(
    "limit",
    ["", "gpu", "hours=8h", "hours=-1h/day", "hours=1e9h/day", "hours=99999999999h/day", "cost=1", "sessions=2/day",
     "sessions=99999999", "gpu-=1h/day", "gpu-A 100;drop=1h/day", "flavor-x=3", "hours=1h/year", "cost=nan/day",
     "hours=٣h/day", "gpu-a100=inf/day"],
)  # fmt: skip
def test_absurd_limits_are_refused_and_nothing_is_set(office: OfficeForTests, limit: str) -> None:
    office.user()
    with pytest.raises(Refused) as refused:
        set_quota(office, "hours=1h/day", limit, user="jane")
    assert refused.value.status == 400
    assert refused.value.remedy
    with office.store.read() as tx:
        assert tx.scalar(select(QuotaRow.id)) is None


def test_the_largest_limits_work(any_office: OfficeForTests) -> None:
    jane = any_office.user()
    set_quota(any_office, "hours=1000000h/month", "cost=99999999.99999999/month", "gpu=10000", user="jane")
    session_id = any_office.ready(jane)
    live(any_office, 60, session_id)
    assert standing(any_office, jane, 2).used == 60 * 1_000_000


def test_setting_the_same_twice_is_one_record(office: OfficeForTests) -> None:
    office.user()
    set_quota(office, "hours=1h/day", user="jane")
    set_quota(office, "hours=1h/day", user="jane")
    set_quota(office, "hours=2h/day", user="jane")
    found = events_of(office, "quota.set")
    assert [(one["quota"], one["before"]) for one in found] == [
        ("hours=2h/day", "hours=1h/day"),
        ("hours=1h/day", ""),
    ]


def test_an_override_needs_a_reason_and_an_end(office: OfficeForTests) -> None:
    office.user()
    with office.store.write() as tx:
        jane = change.find_subject(tx, user="jane")
        soon = office.clock.now() + timedelta(hours=1)
        for until, reason in (
            (soon, "  "),
            (office.clock.now(), "x"),
            (soon + timedelta(days=400), "x"),
            (soon, "x" * 501),
        ):
            with pytest.raises(Refused):
                change.override(tx, office.clock, OPERATOR, jane, until=until, reason=reason)
        with pytest.raises(Refused, match="Everyone"):
            change.override(
                tx, office.clock, OPERATOR, change.find_subject(tx, everyone=True), until=soon, reason="x"
            )
    with office.store.read() as tx:
        assert tx.scalar(select(QuotaOverrideRow.id)) is None


def test_nobody_has_limits_where_none_are_set(office: OfficeForTests) -> None:
    jane = office.user()
    with office.store.read() as tx:
        assert read(tx, office.clock.now(), [jane.id]).standings(jane.id) == []
    request_session(office, jane, SMALL)
