"""Approvals of flavors: asked for, given, used up to their end, extended, taken away."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from flavor_parts import FLAVOR, LARGE, another_profile, ask_to_start, mark, revoke
from grants_parts import PROFILE, approve, told
from nbkeep.backends.interface import Capacity
from nbkeep.doors.worker import stops
from nbkeep.doors.worker.clocks import shift_deadlines
from nbkeep.grants import end
from nbkeep.grants.decide import deny_grant
from nbkeep.model.actor import SYSTEM, Actor, Role
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.model.session import StopReason
from nbkeep.outbox.notices import list_notices
from nbkeep.profiles.flavors import change_flavor, list_flavors
from nbkeep.sessions.end import end_session
from nbkeep.sessions.extend import extend_session
from nbkeep.sessions.launch import launch
from nbkeep.sessions.marks import mark_ready
from nbkeep.sessions.offers import offers
from nbkeep.sessions.resume import request_resume
from nbkeep.sessions.start import request_session
from nbkeep.sessions.view import session_line, session_view
from nbkeep.store.tables import SessionRow

if TYPE_CHECKING:
    from office_parts import OfficeForTests

MINUTE_S, HOUR_S = 60, 3600


def refused_start(office: OfficeForTests, actor: Actor, profile: str = PROFILE) -> Refused:
    with pytest.raises(Refused) as refusal:
        request_session(office, actor, profile)
    return refusal.value


def works(office: OfficeForTests, session: str, seconds: float) -> int:
    """Let a session compute for a while; return how many were stopped then."""
    office.clock.advance(seconds)
    office.beat(session, busy=True)
    return stops.stop_what_is_due(office)


def ends_at(office: OfficeForTests, session: str) -> datetime | None:
    return office.row(session).ends_at


def left(office: OfficeForTests, session: str) -> timedelta | None:
    at = ends_at(office, session)
    return at - office.clock.now() if at is not None else None


def warned(office: OfficeForTests, session: str) -> tuple[str, bool, str] | None:
    line = session_line(office.clock, office.settings, office.row(session), "jane")
    one = line["warning"]
    return (one["kind"], one["extendable"], one["text"]) if one else None


def keep_working(office: OfficeForTests, actor: Actor, session: str) -> None:
    with office.store.write() as tx:
        extend_session(tx, office.clock, actor, session)


def suspends(office: OfficeForTests, actor: Actor, session: str) -> None:
    """Let the processes of a session end that was told to, with its variables saved."""
    office.backend.saves(actor.name, session, office.clock.now())
    office.backend.running.pop(session, None)
    end_session(office, SYSTEM, session, StopReason.USER)


def notices(office: OfficeForTests, actor: Actor) -> str:
    with office.store.read() as tx:
        return "\n".join(row.text for row in list_notices(tx, actor))


def test_an_approval_is_asked_for_given_used_and_over(any_office: OfficeForTests) -> None:
    office, jane, ada = any_office, any_office.user(), any_office.user("ada", Role.ADMIN)
    mark(office)
    refusal = refused_start(office, jane)
    assert (refusal.code, refusal.status) == ("needs-approval", 403)
    assert f"sessions of {PROFILE} need an approval (flavor {FLAVOR}), and there is none" in refusal.message
    assert f"nbkeep grant request --flavor {FLAVOR} --profile {PROFILE}" in refusal.remedy
    request = ask_to_start(office, jane)
    assert ask_to_start(office, jane, "1h") == request  # the open one, as it was
    assert f"jane asks for sessions of {PROFILE} ({FLAVOR}) for 2h: The last run." in notices(office, ada)
    assert f"the request {request} waits for an answer" in refused_start(office, jane).message
    approve(office, ada, request, "1h")
    assert f"You may start sessions of {PROFILE} ({FLAVOR}) for 1h: ada approved it." in notices(office, jane)
    session = office.ready(jane)
    assert left(office, session) == timedelta(hours=1)
    assert works(office, session, 49 * MINUTE_S) == 0
    assert warned(office, session) is None
    works(office, session, MINUTE_S)
    kind, extendable, text = warned(office, session) or ("", True, "")
    assert (kind, extendable) == ("max-session", False)
    assert "The approval for this session ends and it is suspended in 10 min." in text
    assert "Ask for a longer approval" in text
    works(office, session, 8 * MINUTE_S)
    assert "in 2 min" in (warned(office, session) or ("", True, ""))[2]
    with pytest.raises(Refused) as no:
        keep_working(office, jane, session)
    assert no.value.code == "approval-ends"
    assert works(office, session, 2 * MINUTE_S) == 1
    assert office.row(session).stop_reason == StopReason.APPROVAL
    suspends(office, jane, session)
    row = office.row(session)
    assert row.state == "suspended"
    line = session_line(office.clock, office.settings, row, "jane")
    assert line["stop"]["message"] == "Suspended because the approval for it was over."
    assert "Resume it once you have another approval" in line["stop"]["remedy"]
    assert end.expire_grants(office.store, office.clock) == 1
    assert told(office) == ["grant.requested", "grant.approved", "grant.expired"]
    assert refused_start(office, jane).code == "needs-approval"
    with pytest.raises(Refused) as no:
        request_resume(office, jane, session)
    assert no.value.code == "needs-approval"
    approve(office, ada, ask_to_start(office, jane))
    assert request_resume(office, jane, session)
    assert office.row(session).approved_until == office.clock.now() + timedelta(hours=2)


def test_keeping_on_reaches_as_far_as_the_newest_approval(any_office: OfficeForTests) -> None:
    office, jane, ada = any_office, any_office.user(), any_office.user("ada", Role.ADMIN)
    other = another_profile(office, max_session="1h", max_extension="2h")
    mark(office)
    approve(office, ada, ask_to_start(office, jane, "30min", other))
    session = office.ready(jane, other)
    assert left(office, session) == timedelta(minutes=30)
    works(office, session, 25 * MINUTE_S)
    approve(office, ada, ask_to_start(office, jane, "90min", other))  # until 1:55
    assert left(office, session) == timedelta(minutes=5)  # it is for its user to say so
    assert (warned(office, session) or ("", False, ""))[1]
    keep_working(office, jane, session)
    assert left(office, session) == timedelta(minutes=35)  # the hour of its profile: no extension
    assert office.row(session).extended_s == 0
    works(office, session, 30 * MINUTE_S)
    keep_working(office, jane, session)
    assert left(office, session) == timedelta(minutes=60)
    assert office.row(session).extended_s == 55 * MINUTE_S
    works(office, session, 55 * MINUTE_S)
    with pytest.raises(Refused) as no:
        keep_working(office, jane, session)
    assert no.value.code == "approval-ends"
    approve(office, ada, ask_to_start(office, jane, "8h", other))
    keep_working(office, jane, session)
    works(office, session, 60 * MINUTE_S)
    keep_working(office, jane, session)
    assert office.row(session).extended_s == 2 * HOUR_S
    works(office, session, 5 * MINUTE_S)
    with pytest.raises(Refused) as no:
        keep_working(office, jane, session)
    assert no.value.code == "extension-used-up"
    assert works(office, session, HOUR_S) == 1
    assert office.row(session).stop_reason == StopReason.MAX_SESSION


def test_a_revoked_approval_leaves_two_minutes_to_the_sessions_it_was_for(any_office: OfficeForTests) -> None:
    office, jane, joe = any_office, any_office.user(), any_office.user("joe")
    ada = office.user("ada", Role.ADMIN)
    other = another_profile(office)
    before = office.ready(jane, name="before")
    mark(office)
    request = ask_to_start(office, jane)
    approve(office, ada, request)
    approve(office, ada, ask_to_start(office, joe))
    approve(office, ada, ask_to_start(office, jane, profile=other))
    running = office.ready(jane, name="running")
    starting, _ = office.launched(jane, name="starting")
    elsewhere = office.ready(office.user("jim"), LARGE, name="elsewhere")
    his = office.ready(joe)
    revoke(office, ada, request)
    two = timedelta(minutes=2)
    assert left(office, running) == two
    assert "in 2 min" in (warned(office, running) or ("", True, ""))[2]
    assert left(office, before) == timedelta(hours=8)
    assert left(office, his) == timedelta(hours=2)
    assert left(office, elsewhere) == timedelta(hours=8)
    assert f"sessions of {PROFILE} ({FLAVOR}) was ended by ada: The GPUs are needed" in notices(office, jane)
    refusal = refused_start(office, jane)
    assert "the last one was turned down or ended by ada: The GPUs are needed." in refusal.message
    office.clock.advance(30)
    with office.store.write() as tx:
        mark_ready(tx, office.clock, jane, tx.get_one(SessionRow, starting))
    assert left(office, starting) == timedelta(seconds=90)
    with pytest.raises(Refused):
        keep_working(office, jane, running)
    office.beat(running, busy=True)
    office.clock.advance(90)
    assert stops.stop_what_is_due(office) == 2
    assert {office.row(one).state for one in (running, starting)} == {"stopping"}
    assert {office.row(one).state for one in (before, his, elsewhere)} == {"ready"}


def test_a_session_that_rests_in_memory_ends_with_its_approval_too(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    mark(office)
    request = ask_to_start(office, jane)
    approve(office, ada, request)
    session = office.ready(jane)
    office.change(session, state="frozen", frozen_at=office.clock.now())
    revoke(office, ada, request)
    assert (
        session_line(office.clock, office.settings, office.row(session), "jane")["frozen_until"]
        == (office.clock.now() + timedelta(minutes=2)).isoformat()
    )
    office.clock.advance(2 * MINUTE_S)
    assert stops.stop_what_is_due(office) == 1
    assert office.row(session).stop_reason == StopReason.APPROVAL


def test_who_has_another_approval_keeps_it_when_one_is_taken(any_office: OfficeForTests) -> None:
    office, jane, ada = any_office, any_office.user(), any_office.user("ada", Role.ADMIN)
    mark(office)
    first = ask_to_start(office, jane, "1h")
    approve(office, ada, first)
    longer = ask_to_start(office, jane, "3h")
    approve(office, ada, longer)
    session = office.ready(jane)
    assert left(office, session) == timedelta(hours=3)
    revoke(office, ada, longer)
    assert left(office, session) == timedelta(hours=1)
    asked = ask_to_start(office, jane, "4h")
    with office.store.write() as tx:
        end.withdraw_grant(tx, office.clock, jane, asked)  # only a request: nothing of it was used
    assert left(office, session) == timedelta(hours=1)
    with office.store.write() as tx:
        end.withdraw_grant(tx, office.clock, jane, first)
    assert left(office, session) == timedelta(minutes=2)
    assert told(office)[-1] == "grant.withdrawn"


def test_what_runs_when_a_flavor_is_marked_goes_on_and_its_resume_is_asked_about(
    any_office: OfficeForTests,
) -> None:
    office, jane, ada = any_office, any_office.user(), any_office.user("ada", Role.ADMIN)
    session = office.ready(jane)
    mark(office)
    assert left(office, session) == timedelta(hours=8)
    works(office, session, 7 * HOUR_S + 55 * MINUTE_S)
    keep_working(office, jane, session)
    assert works(office, session, 30 * MINUTE_S) == 0
    request = ask_to_start(office, jane, "30min")
    approve(office, ada, request)
    revoke(office, ada, request)
    assert left(office, session) == timedelta(minutes=35)
    assert works(office, session, HOUR_S) == 1
    assert office.row(session).stop_reason == StopReason.MAX_SESSION
    suspends(office, jane, session)
    with pytest.raises(Refused) as no:
        request_resume(office, jane, session)
    assert no.value.code == "needs-approval"
    mark(office, needs=False)
    assert request_resume(office, jane, session)
    assert office.row(session).approved_until is None


def test_who_is_denied_reads_why_on_the_offer_and_in_the_refusal(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    mark(office)
    request = ask_to_start(office, jane)
    with office.store.write() as tx:
        deny_grant(tx, office.clock, ada, request, "Use the small one")
    assert "ended by ada: Use the small one" in refused_start(office, jane).message
    assert f"request for sessions of {PROFILE} ({FLAVOR}) was denied by ada: Use" in notices(office, jane)
    (offer,) = offers(office, jane, PROFILE)
    assert offer.as_json("EUR")["approval"] == {
        "state": "none", "until": None, "request": None, "refused": "ada: Use the small one",
    }  # fmt: skip
    office.clock.advance(1)
    asked = ask_to_start(office, jane)
    (offer,) = offers(office, jane, PROFILE)
    assert (offer.standing.word, offer.standing.approval.waiting) == ("waiting", asked)
    approve(office, ada, asked)
    (offer,) = offers(office, jane, PROFILE)
    assert offer.as_json("EUR")["approval"]["state"] == "granted"
    assert offer.as_json("EUR")["startable"]
    (unmarked,) = offers(office, jane, LARGE)
    assert unmarked.as_json("EUR")["approval"] is None


def test_only_what_is_needed_is_asked_for(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    for flavor, code in ((FLAVOR, "no-grant-needed"), (LARGE, "not-its-flavor"), (" ", "invalid-flavor")):
        with pytest.raises(Refused) as refusal:
            ask_to_start(office, jane, flavor=flavor)
        assert (refusal.value.code, bool(refusal.value.remedy)) == (code, True)
    mark(office)
    with pytest.raises(Refused):
        ask_to_start(office, jane, "9h")
    request = ask_to_start(office, jane)
    mark(office, needs=False)
    with pytest.raises(Refused) as refusal:
        approve(office, ada, request)
    assert refusal.value.code == "no-grant-needed"


def test_ten_starts_at_once_with_an_approval_that_ends(any_office: OfficeForTests) -> None:
    """Each is admitted before the end, or refused; none runs beyond it, however the clock moves between."""
    office, jane, ada = any_office, any_office.user(max_sessions=50), any_office.user("ada", Role.ADMIN)
    office.backend.has = Capacity(64_000, 1 << 40)
    mark(office)
    approve(office, ada, ask_to_start(office, jane, "10s"))
    until = office.clock.now() + timedelta(seconds=10)
    begun: list[str] = []
    refused: list[str] = []
    gate = threading.Barrier(11)

    def start() -> None:
        gate.wait()
        try:
            begun.append(request_session(office, jane, PROFILE))
        except NbkeepError as error:
            refused.append(error.code)

    def passes() -> None:
        gate.wait()
        for _ in range(12):
            office.clock.advance(1)
            with office.store.write():  # takes its turn among them
                pass

    threads = [threading.Thread(target=start) for _ in range(10)] + [threading.Thread(target=passes)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(begun) + len(refused) == 10
    assert set(refused) <= {"needs-approval"}
    for session in begun:
        assert office.row(session).requested_at < until
        assert office.row(session).approved_until == until
    assert refused_start(office, jane).code == "needs-approval"
    with office.store.write() as tx:
        for session in begun:  # what was admitted gets ready after the end: it does not stay
            row = tx.get_one(SessionRow, session)
            row.state = "starting"
            mark_ready(tx, office.clock, jane, row)
            assert row.ends_at == until


def test_starts_and_a_revocation_at_once(any_office: OfficeForTests) -> None:
    """Whoever comes first: after the revocation nothing of it runs longer than two minutes."""
    office, jane, ada = any_office, any_office.user(max_sessions=50), any_office.user("ada", Role.ADMIN)
    office.backend.has = Capacity(64_000, 1 << 40)
    mark(office)
    request = ask_to_start(office, jane)
    approve(office, ada, request)
    gate = threading.Barrier(11)

    def start() -> None:
        gate.wait()
        try:
            request_session(office, jane, PROFILE)
        except NbkeepError:
            return

    def take() -> None:
        gate.wait()
        revoke(office, ada, request)

    threads = [threading.Thread(target=start) for _ in range(10)] + [threading.Thread(target=take)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    latest = office.clock.now() + timedelta(minutes=2)
    with office.store.read() as tx:
        found = tx.scalars(select(SessionRow)).all()
    assert all(one.approved_until == latest for one in found)
    assert refused_start(office, jane).code == "needs-approval"


def test_a_clock_that_jumps_moves_no_session_beyond_its_approval(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    mark(office)
    approve(office, ada, ask_to_start(office, jane, "1h"))
    session = office.ready(jane)
    until = ends_at(office, session)
    for by, expected in ((-600.0, -600), (1800.0, 0)):
        office.clock.advance(1)
        with office.store.write() as tx:
            shift_deadlines(tx, office.clock.now(), timedelta(seconds=by))
        assert until is not None
        assert ends_at(office, session) == until + timedelta(seconds=expected)
    office.clock.advance(2 * HOUR_S)  # as after a jump that passed the end of the approval
    with office.store.write() as tx:
        shift_deadlines(tx, office.clock.now(), timedelta(hours=2))
    assert left(office, session) == timedelta(minutes=2)


def test_jupyterlab_proposes_a_larger_profile_once_it_is_approved(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    office.backend.has = Capacity(64_000, 1 << 40)
    session = office.ready(jane)

    def larger() -> set[str]:
        with office.store.read() as tx:
            view = session_view(tx, office.clock, office.settings, tx.get_one(SessionRow, session))
        return {one["name"] for one in view["larger_profiles"]}

    assert LARGE in larger()
    mark(office, LARGE)
    assert LARGE not in larger()
    request = ask_to_start(office, jane, profile=LARGE, flavor=LARGE)
    assert LARGE not in larger()
    approve(office, ada, request)
    assert LARGE in larger()
    revoke(office, ada, request)
    assert LARGE not in larger()


def test_nobody_gives_way_to_who_may_not_start(office: OfficeForTests) -> None:
    """A frozen session is put on disk for somebody who wants to work, and has an approval for it."""
    jane, joe = office.user(), office.user("joe")
    session = office.ready(joe)
    memory = office.row(session).profile["memory_bytes"]
    office.backend.has = Capacity(64_000, memory * 9 // 10)
    office.change(session, state="frozen", frozen_at=office.clock.now())
    mark(office)
    assert refused_start(office, jane).code == "needs-approval"
    assert office.row(session).state == "frozen"
    mark(office, needs=False)
    assert refused_start(office, jane).code == "no-capacity"
    assert office.row(session).state == "stopping"


def test_what_no_host_could_run_is_not_asked_for_first(office: OfficeForTests) -> None:
    jane = office.user()
    with office.store.write() as tx:
        names = [one.name for one in list_flavors(tx, jane) if one.gpu_count]
        for name in names:
            change_flavor(tx, office.clock, SYSTEM, name, {"needs_approval": True})
    assert names
    refusal = refused_start(office, jane, names[0])
    assert refusal.code == "no-capacity"
    assert "this host has none" in refusal.message


def test_the_hub_launches_what_was_admitted_and_its_end_holds(office: OfficeForTests) -> None:
    """What was admitted with an approval is launched after its end, too, and ends at once."""
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    mark(office)
    approve(office, ada, ask_to_start(office, jane, "10s"))
    session = office.requested(jane)
    office.clock.advance(20)
    launch(
        office, user="jane", server_name=office.row(session).name, session_id=session, profile=None, env={}
    )
    with office.store.write() as tx:
        mark_ready(tx, office.clock, jane, tx.get_one(SessionRow, session))
    assert stops.stop_what_is_due(office) == 1
    assert office.row(session).stop_reason == StopReason.APPROVAL
