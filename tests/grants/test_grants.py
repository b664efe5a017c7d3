"""Asking, deciding, and the ends of grants, in whatever order people do them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway_parts import make_gateway
from grants_parts import PROFILE, approve, ask, change, decided, told
from nbkeep.grants import end
from nbkeep.grants.decide import approve_grant, deny_grant, lapse_requests
from nbkeep.grants.records import find_grant, list_grants
from nbkeep.grants.request import request_grant
from nbkeep.grants.rules import LAPSES, MAX_OPEN
from nbkeep.grants.view import grant_view
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.outbox.notices import list_notices
from nbkeep.people.users import change_user
from nbkeep.sessions.policies import session_policy
from nbkeep.sessions.view import own_view

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from office_parts import OfficeForTests


def states(office: OfficeForTests, actor: Actor) -> dict[str, str]:
    now = office.clock.now()
    with office.store.read() as tx:
        pairs = list_grants(tx, actor, now).items
        return {row.id: grant_view(actor, office.settings, now, row, user)["state"] for row, user in pairs}


def test_what_nobody_decides_lapses_and_can_be_asked_for_anew(any_office: OfficeForTests) -> None:
    office, jane = any_office, any_office.user()
    office.user("ada", Role.ADMIN)
    change(office, egress_asklist="huggingface.co")
    session = office.ready(jane)
    first = ask(office, jane, session)
    office.clock.advance(LAPSES.total_seconds() - 60)
    assert lapse_requests(office.store, office.clock) == 0
    office.clock.advance(60)
    assert lapse_requests(office.store, office.clock) == 1
    assert lapse_requests(office.store, office.clock) == 0
    assert states(office, jane) == {first: "denied"}
    with office.store.read() as tx:
        assert any("nobody decided in 14 days" in row.text for row in list_notices(tx, jane))
    assert ask(office, jane, session) != first


def test_access_is_asked_for_granted_used_and_over(any_office: OfficeForTests) -> None:
    office, jane, ada = any_office, any_office.user(), any_office.user("ada", Role.ADMIN)
    change(office, egress_asklist="huggingface.co,*.pypi.org")
    session = office.ready(jane)
    assert not decided(office, session).allowed
    request = ask(office, jane, session)
    assert ask(office, jane, session, lasts="1h") == request  # the open one, as it was
    assert not decided(office, session).allowed
    assert states(office, jane) == states(office, ada) == {request: "requested"}
    approve(office, ada, request, "1h")
    open_ = decided(office, session)
    assert open_.allowed
    assert f"grant {request} of jane until 2026-01-01 01:00 UTC" in open_.reason
    # It is hers, in all her sessions of that profile.
    second = office.ready(jane, name="second")
    assert decided(office, second).allowed
    with office.store.read() as tx:
        hers = session_policy(tx, office.settings, ada, session, office.clock.now())
    assert [rule.id for rule in hers.rules if rule.until] == [request]
    office.clock.advance(3599)
    assert decided(office, session).allowed
    office.clock.advance(1)  # nobody has done anything
    assert not decided(office, session).allowed
    assert states(office, jane) == {request: "expired"}
    assert end.expire_grants(office.store, office.clock) == 1
    assert end.expire_grants(office.store, office.clock) == 0
    assert states(office, jane) == {request: "expired"}
    assert told(office) == ["grant.requested", "grant.approved", "grant.expired"]
    with office.store.read() as tx:
        texts = [row.text for row in list_notices(tx, jane)]
    assert len(texts) == 2
    assert any("ada approved it" in text for text in texts)
    assert ask(office, jane, session) != request


@pytest.mark.parametrize("how", ["deny", "revoke", "withdraw", "withdraw what is granted"])
def test_the_other_ends_close_at_once_and_are_on_record(office: OfficeForTests, how: str) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    change(office, egress_asklist="huggingface.co")
    session = office.ready(jane)
    request = ask(office, jane, session)
    if how in {"revoke", "withdraw what is granted"}:
        approve(office, ada, request)
        assert decided(office, session).allowed
    with office.store.write() as tx:
        if how == "deny":
            deny_grant(tx, office.clock, ada, request, "Use our mirror")
        elif how == "revoke":
            end.revoke_grant(tx, office.clock, ada, request, "No longer needed")
        else:
            end.withdraw_grant(tx, office.clock, jane, request)
    assert not decided(office, session).allowed
    past = {"deny": "denied", "revoke": "revoked"}.get(how, "withdrawn")
    assert told(office)[-1] == f"grant.{past}"
    assert states(office, jane) == {request: past}

    def approve_it(tx: Tx) -> object:
        return approve_grant(tx, office.clock, office.settings, ada, request)

    def deny_it(tx: Tx) -> object:
        return deny_grant(tx, office.clock, ada, request, "again")

    def revoke_it(tx: Tx) -> object:
        return end.revoke_grant(tx, office.clock, ada, request, "again")

    def withdraw_it(tx: Tx) -> object:
        return end.withdraw_grant(tx, office.clock, jane, request)

    for again in (approve_it, deny_it, revoke_it, withdraw_it):
        with pytest.raises(Refused) as refusal, office.store.write() as tx:
            again(tx)
        assert refusal.value.status == 409
    assert states(office, jane) == {request: past}


@pytest.mark.parametrize(
    ("what", "code", "words"),
    [
        ("other.example", "not-on-asklist", "You may ask for: huggingface.co:80,443"),
        ("huggingface.co:22", "not-on-asklist", "You may ask for: huggingface.co:80,443"),
        ("*.huggingface.co", "not-on-asklist", "--egress-asklist +*.huggingface.co"),
        ("bad.pypi.org", "grant-of-denied-host", "No grant opens what is denied"),
        ("evil.example", "grant-of-denied-host", "only an admin can change that rule"),
        ("pypi.org", "no-grant-needed", "Just connect to it"),
        ("127.1", "invalid-egress", "no IP address"),
        ("https://huggingface.co/", "invalid-egress", ""),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(
    office: OfficeForTests, what: str, code: str, words: str
) -> None:
    jane = office.user()
    change(
        office,
        egress_asklist="huggingface.co,*.pypi.org,evil.example",
        egress_denylist="bad.pypi.org,evil.example",
        egress_allowlist="pypi.org",
    )
    session = office.ready(jane)
    with pytest.raises(Refused) as refusal:
        ask(office, jane, session, what)
    assert refusal.value.code == code
    assert words in str(refusal.value)
    assert states(office, jane) == {}


def test_a_request_has_a_reason_a_bounded_time_and_one_place(office: OfficeForTests) -> None:
    jane, joe = office.user(), office.user("joe")
    change(office, egress_asklist="*")
    session = office.ready(jane)

    def request(actor: Actor = jane, /, **other: str) -> str:
        fields = {"reason": "For the paper", "duration": "2h", "session_id": session} | other
        with office.store.write() as tx:
            return request_grant(tx, office.clock, office.settings, actor, "a.example", **fields).id  # pyright: ignore[reportArgumentType]

    for other, status in (
        ({"reason": "  "}, 400),
        ({"reason": "x" * 501}, 400),
        ({"reason": "a\x1b[31mb"}, 400),
        ({"duration": "9h"}, 400),
        ({"duration": "5s"}, 400),
        ({"duration": "soon"}, 400),
        ({"profile": PROFILE}, 400),
        ({"session_id": ""}, 400),
        ({"session_id": "ses_00000000000000000000"}, 404),
        ({"session_id": "", "profile": "none-such"}, 404),
        ({"kind": "moon"}, 400),
    ):
        with pytest.raises(Refused) as refusal:
            request(**other)
        assert (refusal.value.status, bool(refusal.value.remedy)) == (status, True), other
    for actor in (joe, OPERATOR):  # whose session it is not
        with pytest.raises(Refused):
            request(actor)
    assert states(office, jane) == {}
    assert request(session_id="", profile=PROFILE) == request()  # the same place
    for number in range(MAX_OPEN - 1):
        ask(office, jane, session, f"h{number}.example")
    with pytest.raises(Refused) as refusal:
        ask(office, jane, session, "one-more.example")
    assert (refusal.value.status, refusal.value.code) == (409, "too-many-requests")


def test_an_approval_is_of_the_profile_and_the_person_as_they_are_now(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    change(office, egress_asklist="huggingface.co")
    session = office.ready(jane)
    request = ask(office, jane, session)
    change(office, egress_denylist="huggingface.co")
    with pytest.raises(Refused) as refusal:
        approve(office, ada, request)
    assert refusal.value.code == "grant-of-denied-host"
    change(office, egress_denylist="none", egress_asklist="other.example")
    with pytest.raises(Refused) as refusal:
        approve(office, ada, request)
    assert refusal.value.code == "not-on-asklist"
    change(office, egress_asklist="huggingface.co")
    approve(office, ada, request)
    assert decided(office, session).allowed
    change(office, egress_denylist="*.co")  # a profile that denies it later leaves a grant no power
    assert not decided(office, session).allowed
    change(office, egress_denylist="none")
    assert decided(office, session).allowed
    with office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, "jane", status="disabled")
    assert not decided(office, session).allowed


@pytest.mark.parametrize("how", ["approve", "deny", "withdraw"])
def test_who_decides_is_told_that_somebody_waits_until_nobody_does(office: OfficeForTests, how: str) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    others = [office.user("joe"), office.user("gone", Role.ADMIN, status="disabled")]
    change(office, egress_asklist="huggingface.co")

    def notices(actor: Actor) -> list[str]:
        with office.store.read() as tx:
            return [row.text for row in list_notices(tx, actor)]

    request = ask(office, jane, office.ready(jane))
    assert notices(ada) == [
        "jane asks for huggingface.co:80,443 for 2h: Weights to compare with. Decide on the portal's page Access."
    ]
    assert [notices(one) for one in (jane, *others)] == [[], [], []]
    with office.store.write() as tx:
        if how == "approve":
            approve_grant(tx, office.clock, office.settings, ada, request)
        elif how == "deny":
            deny_grant(tx, office.clock, ada, request, "No")
        else:
            end.withdraw_grant(tx, office.clock, jane, request)
    assert notices(ada) == []
    assert len(notices(jane)) == (0 if how == "withdraw" else 1)


def test_a_session_tells_what_it_missed_lately_and_may_ask_for(any_office: OfficeForTests) -> None:
    office, jane, ada = any_office, any_office.user(), any_office.user("ada", Role.ADMIN)
    change(office, egress_asklist="huggingface.co,[2001:db8::1]:443,late.example")
    session = office.ready(jane)
    gateway = make_gateway(office)
    gateway.pull()

    def told_now() -> list[tuple[str, bool]]:
        with office.store.read() as tx:
            view = own_view(tx, office.clock, office.settings, office.row(session))
        return [(one["host"], one["asked"]) for one in view["askable"]]

    assert told_now() == []
    gateway.report(gateway.record(session, "late.example"))
    office.clock.advance(3600)
    for host in ("nowhere.example", "huggingface.co", "huggingface.co", "2001:db8::1"):
        office.clock.advance(1)
        gateway.report(gateway.record(session, host))
    assert told_now() == [("[2001:db8::1]:443", False), ("huggingface.co:443", False)]
    request = ask(office, jane, session)
    assert told_now() == [("[2001:db8::1]:443", False), ("huggingface.co:443", True)]
    approve(office, ada, request)
    assert told_now() == [("[2001:db8::1]:443", False)]
    change(office, egress_asklist="huggingface.co:*")
    gateway.pull()
    gateway.report(
        gateway.record(session, "huggingface.co", 0), gateway.record(session, "HuggingFace.co.", 22)
    )
    assert told_now() == [("HuggingFace.co.:22", False)]
    change(office, egress_asklist="none")
    assert told_now() == []


def test_a_page_of_a_list_goes_on_where_the_one_before_ended(any_office: OfficeForTests) -> None:
    office, jane = any_office, any_office.user()
    change(office, egress_asklist="*")
    session = office.ready(jane)
    made: list[str] = []
    for number in range(5):
        office.clock.advance(number % 2)  # some at the same moment
        made.append(ask(office, jane, session, f"h{number}.example"))
    seen: list[str] = []
    cursor = None
    while True:
        with office.store.read() as tx:
            found = list_grants(tx, jane, office.clock.now(), limit=2, cursor=cursor)
        seen += [row.id for row, _ in found.items]
        if found.next is None:
            break
        cursor = found.next
    assert sorted(seen) == sorted(made)
    assert len(seen) == 5
    with office.store.read() as tx:
        assert find_grant(tx, jane, made[0])[1].name == "jane"
