"""Declared connections that are asked for: from the request to the end, in whatever way it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connection_grants_parts import (
    NAME,
    PASSWORD,
    ask,
    declare,
    keep_password,
    leased,
    password_of,
    remove,
    told,
    usable,
)
from grants_parts import PROFILE, approve, change
from grants_parts import told as on_record
from incident_parts import opened
from nbkeep.audit.search import Wanted, search
from nbkeep.configuration import apply as configuration
from nbkeep.connections import change as connections
from nbkeep.connections import parse
from nbkeep.connections.records import find_connection
from nbkeep.connections.view import connection_view
from nbkeep.grants import end
from nbkeep.grants.decide import deny_grant
from nbkeep.grants.records import find_grant
from nbkeep.incidents.radius import preview
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.outbox.notices import list_notices
from nbkeep.people import projects
from nbkeep.people.users import change_user
from nbkeep.sessions.catalogue import catalogue
from nbkeep.sessions.stop import stop_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests


def _grant(office: OfficeForTests, actor: Actor, to: str) -> None:
    with office.store.write() as tx:
        connections.grant_connection(tx, office.clock, actor, NAME, to)


def _ungrant(office: OfficeForTests, actor: Actor, to: str) -> None:
    with office.store.write() as tx:
        connections.ungrant_connection(tx, office.clock, actor, NAME, to)


def _lease(office: OfficeForTests, session_id: str) -> str:
    return dict(dict(told(office).granted)[session_id])[NAME]


def test_a_connection_is_asked_for_granted_used_and_over(any_office: OfficeForTests) -> None:
    office, jane, ada = any_office, any_office.user(), any_office.user("ada", Role.ADMIN)
    keep_password(office)
    declare(office)
    session = office.ready(jane)
    request = ask(office, jane, session)
    assert ask(office, jane, session, " Warehouse ", lasts="1h") == request  # the open one, as it was
    assert usable(office) == leased(office) == set()
    with office.store.read() as tx:
        assert [row.text for row in list_notices(tx, ada)] == [
            "jane asks for warehouse for 2h: Totals of the quarter. Decide on the portal's page Access."
        ]
    approve(office, ada, request, "1h")
    second = office.ready(jane, name="second")  # it is hers, in all her sessions of that profile
    assert usable(office) == leased(office) == {session, second}
    assert told(office).until == {one: {NAME: "2026-01-01T01:00:00+00:00"} for one in (session, second)}
    lease = _lease(office, session)
    office.clock.advance(3599)
    assert password_of(office, session, lease) == PASSWORD
    office.clock.advance(1)  # nobody has done anything
    assert told(office).granted == ()
    assert password_of(office, session, lease) == ""
    assert end.expire_grants(office.store, office.clock) == 1
    assert end.expire_grants(office.store, office.clock) == 0
    assert leased(office) == set()
    with office.store.read() as tx:
        found = [one["type"] for one in search(tx, OPERATOR, Wanted(), limit=1000).records][::-1]
    kept = [one for one in found if one.startswith(("grant.", "secret.lease"))]
    assert kept == [
        "grant.requested", "grant.approved", "secret.leased", "secret.leased",
        "grant.expired", "secret.lease-ended", "secret.lease-ended",
    ]  # fmt: skip
    assert ask(office, jane, session) != request


def test_one_that_needs_no_password_is_granted_in_the_same_way(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    with office.store.write() as tx:
        place = parse.declared("queue", tcp="mq.acme.local:5672")
        connections.add_connection(tx, office.clock, OPERATOR, place)
    request = ask(office, jane, what="queue", profile=PROFILE)
    approve(office, ada, request)
    session = office.ready(jane)  # begun after it was granted
    assert told(office).granted == ((session, (("queue", ""),)),)
    assert leased(office) == set()


def _revoke(office: OfficeForTests, jane: Actor, ada: Actor, request: str) -> None:
    del jane
    with office.store.write() as tx:
        end.revoke_grant(tx, office.clock, ada, request, "Not needed")


def _withdraw(office: OfficeForTests, jane: Actor, ada: Actor, request: str) -> None:
    del ada
    with office.store.write() as tx:
        end.withdraw_grant(tx, office.clock, jane, request)


def _remove(office: OfficeForTests, jane: Actor, ada: Actor, request: str) -> None:
    del jane, ada, request
    remove(office, "moved")


def _configure(office: OfficeForTests, jane: Actor, ada: Actor, request: str) -> None:
    del jane, request
    document = configuration.read("apiVersion: nbkeep/v1\nkind: Configuration\nconnections: []\n")
    configuration.apply(office.store, office.clock, office.settings, ada, document, dry_run=False)


def _disable(office: OfficeForTests, jane: Actor, ada: Actor, request: str) -> None:
    del request
    with office.store.write() as tx:
        change_user(tx, office.clock, ada, jane.name, status="disabled")


def _incident(office: OfficeForTests, jane: Actor, ada: Actor, request: str) -> None:
    del request
    opened(office, ada, "user", jane.name)


def _stop(office: OfficeForTests, jane: Actor, ada: Actor, request: str) -> None:
    del ada, request
    for session in usable(office):
        stop_session(office, jane, session)


@pytest.mark.parametrize("how", [_revoke, _withdraw, _remove, _configure, _disable, _incident, _stop])
def test_the_other_ends_take_it_at_once_with_its_lease(
    office: OfficeForTests, how: Callable[[OfficeForTests, Actor, Actor, str], None]
) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    office.user("root", Role.ADMIN)
    keep_password(office)
    declare(office)
    session = office.ready(jane)
    request = ask(office, jane, session)
    approve(office, ada, request)
    lease = _lease(office, session)
    how(office, jane, ada, request)
    assert told(office).granted == ()
    assert leased(office) == set()
    assert password_of(office, session, lease) == ""
    still_its_own = how in {_disable, _stop}  # the grant itself is left to its moment, and of no use
    ended = "grant.withdrawn" if how == _withdraw else "grant.revoked"
    assert on_record(office)[-1] == ("grant.approved" if still_its_own else ended)


def test_a_request_is_denied_by_who_decides_and_by_the_removal(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    keep_password(office)
    declare(office)
    session = office.ready(jane)
    first = ask(office, jane, session)
    with office.store.write() as tx:
        deny_grant(tx, office.clock, ada, first, "Use the sample")
    second = ask(office, jane, session)
    remove(office, "moved")
    assert on_record(office) == ["grant.requested", "grant.denied"] * 2
    with office.store.read() as tx:
        row, _ = find_grant(tx, jane, second)
        assert (row.state, row.answer) == ("denied", "the connection was removed: moved")
        assert not [row.text for row in list_notices(tx, ada) if "asks for" in row.text]


def test_what_is_granted_for_good_goes_on_after_what_was_granted_for_a_while(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    keep_password(office)
    declare(office)
    session = office.ready(jane)
    approve(office, ada, ask(office, jane, session))
    lease = _lease(office, session)
    _grant(office, ada, "role:user")
    assert told(office).until == {}  # no end cuts it
    _ungrant(office, ada, "role:user")
    assert told(office).until[session]
    assert _lease(office, session) == lease
    _grant(office, ada, "user:jane")
    office.clock.advance(7200)
    end.expire_grants(office.store, office.clock)
    assert _lease(office, session) == lease


def test_who_leaves_a_project_keeps_what_they_asked_for(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    with office.store.write() as tx:
        projects.add_project(tx, office.clock, ada, "orion")
        projects.join_project(tx, office.clock, ada, "orion", "jane")
    keep_password(office)
    declare(office)
    session = office.ready(jane)
    approve(office, ada, ask(office, jane, session))
    _grant(office, ada, "project:orion")
    with office.store.write() as tx:
        projects.leave_project(tx, office.clock, ada, "orion", "jane")
    assert usable(office) == leased(office) == {session}
    assert told(office).until[session]


@pytest.mark.parametrize(
    ("what", "code", "words"),
    [
        ("other", "no-connection", "`nbkeep connection list`"),
        ("No Name", "invalid-name", "is not a name for a connection"),
        ("warehouse", "no-grant-needed", "granted for good already"),
        ("denied", "grant-of-denied-host", "No grant opens what is denied"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(
    office: OfficeForTests, what: str, code: str, words: str
) -> None:
    jane = office.user()
    keep_password(office)
    declare(office, "user:jane")
    with office.store.write() as tx:
        place = parse.declared("denied", tcp="hr.acme.local:7000")
        connections.add_connection(tx, office.clock, OPERATOR, place)
    change(office, egress_denylist="*.acme.local")
    with pytest.raises(Refused) as refusal:
        ask(office, jane, office.ready(jane), what)
    assert refusal.value.code == code
    assert words in str(refusal.value)
    assert "hr.acme" not in str(refusal.value)  # where it leads is told to nobody who may not use it
    assert on_record(office) == []


def test_two_people_agree_for_no_longer_than_may_be_and_on_what_is_still_there(
    office: OfficeForTests,
) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    keep_password(office)
    declare(office)
    with pytest.raises(Refused) as refusal:
        ask(office, jane, office.ready(jane), lasts="9h")
    assert refusal.value.code == "invalid-duration"
    own = ask(office, ada, profile=PROFILE)
    with pytest.raises(Refused) as refusal:
        approve(office, ada, own)
    assert refusal.value.code == "self-approval"
    request = ask(office, jane, profile=PROFILE)
    for nobody in (jane, office.user("joe")):
        with pytest.raises(Refused):
            approve(office, nobody, request)
    _grant(office, ada, "user:jane")
    with pytest.raises(Refused) as refusal:
        approve(office, ada, request)
    assert refusal.value.code == "no-grant-needed"
    assert usable(office)  # by the grant for good
    _ungrant(office, ada, "user:jane")
    assert not usable(office)
    approve(office, ada, request)
    assert usable(office)


def test_it_is_shown_to_who_has_it_and_to_nobody_else(office: OfficeForTests) -> None:
    jane, john, ada = office.user(), office.user("john"), office.user("ada", Role.ADMIN)
    keep_password(office)
    declare(office)
    session = office.ready(jane)
    approve(office, ada, ask(office, jane, session))
    now = office.clock.now()
    with office.store.read() as tx:
        row = find_connection(tx, jane, NAME)
        hers, his = (connection_view(tx, now, one, row) for one in (jane, john))
        panel = catalogue(tx, office.clock, office.settings, office.row(session))["connections"]
        radius = preview(tx, office.clock, ada, "user", "jane")["could"]
    assert (hers["is_granted"], hers["host"]) == (False, "warehouse.acme.local")
    assert hers["for_a_while"] == [{"profile": PROFILE, "until": "2026-01-01T02:00:00+00:00"}]
    assert (his["host"], his["for_a_while"]) == (None, [])
    assert [(one["is_granted"], one["database"]) for one in panel] == [(True, "sales")]
    assert radius["connections"] == [NAME]
    assert [one["name"] for one in radius["secrets"]] == ["pw"]
