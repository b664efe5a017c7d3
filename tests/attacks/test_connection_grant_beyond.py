"""Attack: use a connection that was granted for a while elsewhere, as another, after its end, or after it is another."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from connection_grants_parts import (
    NAME,
    ask,
    declare,
    keep_password,
    leased,
    password_of,
    remove,
    told,
    usable,
)
from connection_parts import Switched, named
from egress_parts import SESSION, NameServer, Raw, read_all, serving, wait_for
from grants_parts import PROFILE, approve
from nbkeep.backends.local.layout import Layout
from nbkeep.doors.gateway import Sessions
from nbkeep.egress.connections import Declared, Told
from nbkeep.egress.gateway import SOCKET_NAME
from nbkeep.egress.policy import Reach, policy_of
from nbkeep.grants.decide import approve_grant
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import Refused
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.store.tables import GrantRow
from office_parts import any_office, office

if TYPE_CHECKING:
    from pathlib import Path

    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]
pytestmark = pytest.mark.attack


def test_it_opens_nothing_in_sessions_of_another_profile_or_of_another_person(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    with office.store.write() as tx:
        other = {"name": "other", "image": "base", "flavor": PROFILE}
        profiles.create_profile(tx, office.clock, OPERATOR, other, known_to(office.settings))
    jane, mallory, ada = office.user("jane"), office.user("mallory"), office.user("ada", Role.ADMIN)
    keep_password(office)
    declare(office)
    hers, elsewhere = office.ready(jane), office.ready(jane, "other", "elsewhere")
    theirs = office.ready(mallory)
    approve(office, ada, ask(office, jane, hers))
    assert usable(office) == leased(office) == {hers}
    lease = dict(dict(told(office).granted)[hers])[NAME]
    assert password_of(office, hers, lease)
    assert not password_of(office, elsewhere, lease)
    assert not password_of(office, theirs, lease)
    later = office.ready(jane, "other", "later")
    assert later not in leased(office) | usable(office)
    with pytest.raises(Refused) as refusal:
        ask(office, mallory, hers)
    assert refusal.value.status == 404


def test_one_of_the_same_name_that_is_declared_anew_is_another(any_office: OfficeForTests) -> None:
    office, jane, ada = any_office, any_office.user("jane"), any_office.user("ada", Role.ADMIN)
    keep_password(office)
    declare(office)
    session = office.ready(jane)
    granted = ask(office, jane, session)
    approve(office, ada, granted)
    waiting = ask(office, jane, session)
    remove(office)
    declare(office)  # at the same moment: no time tells them apart
    assert usable(office) == leased(office) == set()
    with office.store.write() as tx, pytest.raises(Refused) as refusal:
        approve_grant(tx, office.clock, office.settings, ada, waiting)
    assert refusal.value.code == "grant-not-open"


def test_a_grant_that_was_left_behind_is_of_the_one_that_was_there_when_it_was_asked_for(
    office: OfficeForTests,
) -> None:
    jane, ada = office.user("jane"), office.user("ada", Role.ADMIN)
    keep_password(office)
    declare(office)
    session = office.ready(jane)
    granted = ask(office, jane, session)
    approve(office, ada, granted)
    office.clock.advance(1)
    remove(office)
    declare(office)
    with office.store.write() as tx:  # as if its end had been forgotten
        row = tx.get_one(GrantRow, granted)
        row.state = "granted"
    assert usable(office) == set()
    assert told(office).granted == ()


class _Reachable(Switched):
    """A gateway whose sessions have their sockets where the real one puts them."""

    def path(self, session_id: str = SESSION) -> Path:
        return Layout(self.folder).session(session_id).gateway / SOCKET_NAME


def _echo(wire: socket.socket) -> None:
    while data := wire.recv(100):
        wire.sendall(data)


def test_it_ends_at_its_moment_in_the_gateway_itself_while_the_office_is_away(short_dir: Path) -> None:
    clock = ManualClock()
    outside = _Reachable(short_dir, NameServer())
    outside.path().parent.mkdir(parents=True)
    sessions = Sessions(
        Layout(short_dir), outside.gateway, outside.policies, outside.keys, outside.connections, clock
    )
    policy = policy_of(SESSION, Reach("profile p"))

    def take(said: Told) -> None:
        told_over_http = Told.from_json(said.as_json())
        taking = sessions.take([policy], [], told_over_http, 1)
        asyncio.run_coroutine_threadsafe(taking, outside.loop).result(30)

    with serving(Raw(_echo)) as server:
        queue, other = (Declared(one, "tcp", "127.0.0.1", server.port, 6000) for one in ("queue", "other"))
        ends_at = clock.now().replace(minute=1).isoformat()
        granted = ((SESSION, (("queue", ""), ("other", ""))),)
        said = Told((queue, other), granted, {SESSION: {"queue": ends_at}})
        take(said)
        keeping = asyncio.run_coroutine_threadsafe(sessions.keep_open(), outside.loop)
        with outside.connect() as wire, outside.connect() as for_good:
            wire.sendall(named("queue", b"hello"))
            for_good.sendall(named("other", b"hello"))
            assert (wire.recv(5), for_good.recv(5)) == (b"hello", b"hello")
            clock.advance(59)
            wire.sendall(b"again")
            assert wire.recv(5) == b"again"
            clock.advance(1)
            assert wire.recv(5) == b""
            for_good.sendall(b"still")
            assert for_good.recv(5) == b"still"
        assert "the rules changed" in outside.records(1)[0].reason
        assert outside.ask(named("queue", b"hello")) == b""
        take(said)  # as an office says that comes back late: it stays over
        with outside.connect() as wire:
            wire.sendall(named("queue", b"hello"))
            assert read_all(wire) == b""
        assert len([one for one in outside.records(4) if "not granted" in one.reason]) == 2
        keeping.cancel()
        wait_for(lambda: keeping.cancelled() or keeping.done(), "the loop to end")
    outside.end()
