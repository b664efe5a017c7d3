"""Idle stop, maximum length, warnings, keep working: pure rules, then with a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.model.errors import Refused
from nbkeep.model.verdict import Refuse
from nbkeep.sessions.extend import extend_session
from nbkeep.sessions.limits import (
    Clockwork,
    Extension,
    can_extend_until,
    extend,
    first_end,
    idle_stop_at,
    moved_end,
    stop_due,
    warn_before_s,
    warning,
)
from office_parts import OfficeForTests

T0 = datetime(2026, 3, 1, tzinfo=UTC)
WORK = Clockwork(
    idle_stop_s=1800, max_session_s=28800, max_extension_s=14400, ready_at=T0, last_work_at=T0, is_busy=False,
    idle_kept_until=None, ends_at=T0 + timedelta(hours=8), extended_s=0,
)  # fmt: skip


def at(**delta: Any) -> datetime:
    return T0 + timedelta(**delta)


def test_idle_is_counted_from_the_last_work() -> None:
    assert idle_stop_at(WORK) == at(minutes=30)
    assert idle_stop_at(replace(WORK, last_work_at=at(minutes=10))) == at(minutes=40)
    assert idle_stop_at(replace(WORK, is_busy=True)) is None
    assert idle_stop_at(replace(WORK, ready_at=None)) is None


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (at(minutes=19, seconds=59), None),
        (at(minutes=20), "idle"),
        (at(minutes=29), "idle"),
        (at(hours=7, minutes=49), "idle"),
    ],
)
def test_the_idle_warning_comes_ten_minutes_before(now: datetime, kind: str | None) -> None:
    told = warning(WORK, now)
    assert (told.kind if told else None) == kind


def test_the_end_is_warned_of_ten_minutes_before_even_while_busy() -> None:
    busy = replace(WORK, is_busy=True)
    assert warning(busy, at(hours=7, minutes=49)) is None
    told = warning(busy, at(hours=7, minutes=50))
    assert told is not None
    assert (told.kind, told.extendable, told.at) == ("max-session", True, at(hours=8))
    spent = replace(busy, extended_s=14400)
    last = warning(spent, at(hours=7, minutes=50))
    assert last is not None
    assert not last.extendable
    assert "save your work" in last.text


def test_short_limits_warn_proportionally() -> None:
    assert warn_before_s(60) == (20, 4)
    assert warn_before_s(300) == (100, 20)


def test_keep_working_restarts_the_idle_countdown_and_leaves_a_far_end_alone() -> None:
    given_ = extend(WORK, at(minutes=25))
    assert given_ == Extension(at(minutes=55), at(hours=8), 0)


def test_keep_working_near_the_end_adds_an_hour_until_the_policy_is_used_up() -> None:
    work, now = WORK, at(hours=7, minutes=55)
    for hour in range(1, 5):
        given_ = extend(work, now)
        assert isinstance(given_, Extension)
        assert given_.ends_at == at(hours=8 + hour)
        work = replace(work, ends_at=given_.ends_at, extended_s=given_.extended_s)
        now += timedelta(hours=1)
    refused = extend(work, now)
    assert isinstance(refused, Refuse)
    assert "4 h" in refused.message
    assert can_extend_until(work) == work.ends_at


def test_a_profile_without_extension_says_so() -> None:
    refused = extend(replace(WORK, max_extension_s=0), at(hours=7, minutes=55))
    assert isinstance(refused, Refuse)
    assert "8 h" in refused.message


@given(
    idle_s=st.integers(60, 86400), max_s=st.integers(60, 86400), worked_s=st.integers(0, 86400),
    now_s=st.integers(0, 200000), extra_s=st.integers(0, 20000), presses=st.integers(1, 20),
)  # fmt: skip
def test_nobody_ever_gets_more_than_the_policy_or_is_stopped_unwarned(
    idle_s: int, max_s: int, worked_s: int, now_s: int, extra_s: int, presses: int
) -> None:
    work = replace(WORK, idle_stop_s=idle_s, max_session_s=max_s, max_extension_s=extra_s,
                   last_work_at=at(seconds=worked_s), ends_at=at(seconds=max_s))  # fmt: skip
    now = at(seconds=now_s)
    if stop_due(work, now):
        told = warning(work, now)
        assert told is not None
        assert told.at <= now
    for _ in range(presses):
        given_ = extend(work, now)
        if isinstance(given_, Extension):
            assert work.ends_at is not None
            assert given_.ends_at >= work.ends_at
            work = replace(work, idle_kept_until=given_.idle_kept_until, ends_at=given_.ends_at,
                           extended_s=given_.extended_s)  # fmt: skip
    assert work.ends_at is not None
    assert work.ends_at <= at(seconds=max_s + extra_s)


# An approval that ends three hours in, of a session that would go on for eight, and four more on request.
APPROVED = replace(WORK, is_busy=True, ends_at=at(hours=3), approved_until=at(hours=3))


def test_an_approval_ends_a_session_before_its_profile_does() -> None:
    assert first_end(T0, 28800, at(hours=3)) == at(hours=3)
    assert first_end(T0, 28800, at(hours=9)) == first_end(T0, 28800, None) == at(hours=8)
    assert stop_due(APPROVED, at(hours=3)) == "approval"
    assert can_extend_until(APPROVED) == at(hours=3)
    no = extend(APPROVED, at(hours=2, minutes=55))
    assert isinstance(no, Refuse)
    assert no.code == "approval-ends"
    for minutes, words in ((50, "in 10 min"), (58, "in 2 min")):
        told = warning(APPROVED, at(hours=2, minutes=minutes))
        assert told is not None
        assert (told.kind, told.extendable) == ("max-session", False)
        assert f"The approval for this session ends and it ends {words}" in told.text


def test_where_both_end_at_once_it_is_the_one_that_could_not_go_on() -> None:
    both = replace(APPROVED, ends_at=at(hours=8), approved_until=at(hours=8))
    assert stop_due(both, at(hours=8)) == "approval"
    spent = replace(both, ends_at=at(hours=12), approved_until=at(hours=12), extended_s=14400)
    assert stop_due(spent, at(hours=12)) == "max-session"
    no = extend(spent, at(hours=12))
    assert isinstance(no, Refuse)
    assert no.code == "extension-used-up"


def test_what_the_platform_gives_back_stays_within_the_approval() -> None:
    hour, two = timedelta(hours=1), timedelta(minutes=2)
    assert moved_end(at(hours=3), hour, at(hours=1), None) == at(hours=4)
    assert moved_end(at(hours=3), hour, at(hours=1), at(hours=9)) == at(hours=4)
    assert moved_end(at(hours=3), hour, at(hours=1), at(hours=3)) == at(hours=3)
    assert moved_end(at(hours=3), 4 * hour, at(hours=5), at(hours=3)) == at(hours=5) + two


@given(
    max_s=st.integers(60, 30000),
    extra_s=st.integers(0, 30000),
    approved=st.lists(st.integers(1, 80000), min_size=1, max_size=8),
    steps=st.lists(st.integers(0, 8000), max_size=12),
)
def test_keep_working_never_reaches_beyond_the_approval(
    max_s: int, extra_s: int, approved: list[int], steps: list[int]
) -> None:
    """Nor beyond the profile, however approvals come, and what it says that can be reached is reached."""
    until: datetime = at(seconds=approved[0])
    work: Clockwork = replace(WORK, max_session_s=max_s, max_extension_s=extra_s, is_busy=True, approved_until=until,
                   ends_at=first_end(T0, max_s, until))  # fmt: skip
    now: datetime = T0
    for number, step in enumerate(steps):
        assert work.ends_at is not None
        now = min(now + timedelta(seconds=step), work.ends_at)
        until = max(until, at(seconds=approved[number % len(approved)]))
        work = replace(work, approved_until=until)
        latest = can_extend_until(work)
        given_ = extend(work, now)
        if isinstance(given_, Extension):
            assert latest is not None
            assert work.ends_at is not None
            assert work.ends_at <= given_.ends_at <= min(until, latest)
            work = replace(work, ends_at=given_.ends_at, extended_s=given_.extended_s)
        else:
            assert latest == work.ends_at
    assert work.ends_at is not None
    assert work.ends_at <= min(until, at(seconds=max_s + extra_s))
    assert work.extended_s <= extra_s


def test_keep_working_is_recorded_and_refused_before_the_session_is_ready(office: OfficeForTests) -> None:
    jane = office.user()
    starting, _ = office.launched(jane)
    with office.store.write() as tx, pytest.raises(Refused):
        extend_session(tx, office.clock, jane, starting)
    session_id = office.ready(jane)
    office.clock.advance(25 * 60)
    with office.store.write() as tx:
        extend_session(tx, office.clock, jane, session_id)
    assert office.row(session_id).idle_kept_until == office.clock.now() + timedelta(minutes=30)


def test_somebody_else_cannot_keep_a_session(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    mallory = office.user("mallory")
    with office.store.write() as tx, pytest.raises(Refused) as caught:
        extend_session(tx, office.clock, mallory, session_id)
    assert caught.value.status == 404
