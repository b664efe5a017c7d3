"""Roles of a database that a Vault makes for sessions: the contract, with its stand-in and with a real one.

The database is a real PostgreSQL in both: what is made, used and dropped there is looked up there.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from connection_parts import look_often
from egress_parts import Authority, serving, wait_for
from kv_server import KvServer
from login_parts import BRIEF_S, NAME, Lab, connected_to_stand_in, prepare_real, settle, stand_in
from nbkeep.connections import change
from nbkeep.model.errors import Refused
from nbkeep.sessions.stop import stop_session
from nbkeep.store.tables import NoticeRow
from nbkeep.vault import change as secrets
from nbkeep.vault.place import needed_place
from nbkeep.vault.sources.database import DatabaseEngine
from nbkeep.vault.sources.hashicorp import hashicorp
from office_parts import office
from postgres_parts import Warehouse, warehouse
from vault_server_parts import connect, real

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from office_parts import OfficeForTests

__all__ = ["office", "real"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Generator[Warehouse]:
    with warehouse(authority) as found:
        yield found


@pytest.fixture
def kv(server: Warehouse) -> Generator[KvServer]:
    with serving(KvServer()) as found:
        stand_in(server, found)
        yield found


@pytest.fixture(params=["stand-in", "openbao"])
def lab(
    request: pytest.FixtureRequest,
    office: OfficeForTests,
    server: Warehouse,
    authority: Authority,
    short_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[Lab]:
    look_often(monkeypatch)
    if request.param == "stand-in":
        kv: KvServer = request.getfixturevalue("kv")
        engine = kv.engine
        assert engine is not None
        engine.roles["brief"] = (BRIEF_S, BRIEF_S)
        made = connected_to_stand_in(office, kv)
    else:
        engine = None
        url, token = request.getfixturevalue("real")
        made = connect(office, url, *prepare_real(url, token, server))
    found = Lab(made, server, short_dir, authority, engine)
    yield found
    found.end()


# The contract


def test_a_session_connects_as_a_role_that_was_not_there_before_and_is_gone_after_it(lab: Lab) -> None:
    jane = lab.office.user()
    lab.declare("user:jane")
    session = lab.session(jane)
    assert (
        lab.made() == set()
    )  # what was made to see whether it works is gone, and nothing is made in advance
    with lab.connect(session) as db:
        ((role,),) = db.execute("SELECT current_user").fetchall()
        assert db.execute("SELECT count(*) FROM orders").fetchone() == (1000,)
        assert lab.made() == {role}
        with lab.connect(session) as again:
            assert again.execute("SELECT current_user").fetchone() == (role,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("DELETE FROM orders")
    stop_session(lab.office, jane, session)
    assert lab.settle() == 1
    assert lab.made() == set()


def test_each_session_has_a_role_of_its_own(lab: Lab) -> None:
    jane = lab.office.user()
    lab.declare("user:jane")
    one, two = lab.session(jane), lab.session(jane, "two")
    with lab.connect(one) as db:
        first = db.execute("SELECT current_user").fetchone()
    with lab.connect(two) as db:
        second = db.execute("SELECT current_user").fetchone()
    assert first != second
    assert len(lab.made()) == 2
    lab.remove()
    assert lab.settle() == 2
    assert lab.made() == set()


def test_a_role_is_renewed_before_it_ends_and_keeps_its_name(lab: Lab) -> None:
    jane = lab.office.user()
    lab.declare("user:jane")
    session = lab.session(jane)
    assert lab.value(session)[0] == 1
    (before,) = lab.rows()
    for _ in range(4):
        lab.office.clock.advance(2401)  # two thirds of an hour
        lab.office.beat(session)
        settle(lab.office)
    (after,) = lab.rows()
    assert after.user_name == before.user_name
    assert after.closing_at is None
    assert after.ends_at > lab.office.clock.now()


def test_at_the_vaults_longest_time_new_connections_get_another_role_and_open_ones_are_cut(lab: Lab) -> None:
    jane = lab.office.user()
    lab.declare("user:jane", role="brief")
    session = lab.session(jane)
    db = lab.connect(session)
    ((first,),) = db.execute("SELECT current_user").fetchall()
    lab.wait(BRIEF_S - 2.5)  # less than a tenth is left, and a Vault tells whole seconds
    lab.gateway.beats.advance(61)
    other = lab.connect(session)  # the first would end at once
    ((second,),) = other.execute("SELECT current_user").fetchall()
    assert first != second
    assert db.execute("SELECT 1").fetchone() == (1,)  # it has not ended yet
    lab.wait(3)
    lab.settle()
    with pytest.raises(psycopg.OperationalError):
        db.execute("SELECT 1")
    assert lab.made() == {second}
    assert other.execute("SELECT 1").fetchone() == (1,)
    lab.remove()
    lab.settle()
    assert lab.made() == set()


def test_one_that_has_ended_at_the_vault_is_not_handed_out_again(lab: Lab) -> None:
    jane = lab.office.user()
    lab.declare("user:jane")
    session = lab.session(jane)
    number, first = lab.value(session)
    (row,) = lab.rows()
    DatabaseEngine(hashicorp(needed_place(lab.office.settings))).revoke(row.vault_lease)  # by somebody else
    assert lab.made() == set()
    assert lab.value(session) == (number, first)  # asked a moment ago
    lab.office.clock.advance(11)
    again, second = lab.value(session)
    assert (number, again) == (1, 2)
    assert first != second
    assert len(lab.made()) == 1
    lab.remove()
    assert lab.settle() == 2  # the first one, too: twice is safe
    assert lab.made() == set()


def test_rotating_it_makes_all_roles_anew(lab: Lab) -> None:
    jane = lab.office.user()
    lab.declare("user:jane")
    session = lab.session(jane)
    db = lab.connect(session)
    ((first,),) = db.execute("SELECT current_user").fetchall()
    with lab.office.store.write() as tx:
        secrets.rotate_secret(
            tx, lab.office.clock, secrets.source_of(lab.office.settings), lab.ada, f"{NAME}-role", ""
        )
    lab.settle()
    with pytest.raises(psycopg.OperationalError):
        db.execute("SELECT 1")
    with lab.connect(session) as db:
        ((second,),) = db.execute("SELECT current_user").fetchall()
    assert lab.made() == {second} != {first}
    lab.remove()
    lab.settle()


def test_a_role_that_the_vault_does_not_have_is_said_when_it_is_declared(lab: Lab) -> None:
    with pytest.raises(Refused, match="Vault makes no login at database/creds/nothing"):
        lab.declare(role="nothing")
    assert lab.made() == set()


# What goes wrong on the way


@pytest.fixture
def faked(
    kv: KvServer, office: OfficeForTests, server: Warehouse, authority: Authority, short_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[Lab]:  # fmt: skip
    look_often(monkeypatch)
    found = Lab(connected_to_stand_in(office, kv), server, short_dir, authority, kv.engine)
    yield found
    found.end()


def test_a_revocation_that_fails_is_kept_told_and_done_by_the_next_office(faked: Lab, kv: KvServer) -> None:
    jane, engine = faked.office.user(), kv.engine
    assert engine is not None
    faked.declare("user:jane")
    session = faked.session(jane)
    faked.value(session)
    engine.is_stuck = True
    stop_session(faked.office, jane, session)
    (row,) = faked.rows()
    assert row.sealed is None  # at once, whatever the Vault does
    for _ in range(4):
        assert faked.settle() == 0
        assert faked.settle() == 0  # it waits before it tries again
        faked.office.clock.advance(60)
    (row,) = faked.rows()
    assert (row.tries, row.closed_at) == (4, None)
    assert len(faked.made()) == 1
    with faked.office.store.read() as tx:
        notices = [one.text for one in tx.query(NoticeRow).all()]
    assert sum("cannot be revoked" in one for one in notices) == 1
    hashicorp.cache_clear()  # another office knows nothing but its database
    engine.is_stuck = False
    assert settle(faked.office) == 1
    assert faked.made() == set()


def test_without_the_vault_nobody_new_connects_and_nothing_else_is_tried(faked: Lab, kv: KvServer) -> None:
    jane = faked.office.user()
    faked.declare("user:jane")
    session = faked.session(jane)
    db = faked.connect(session)
    db.execute("SELECT 1")
    kv.is_sealed = True
    faked.gateway.beats.advance(61)
    faked.office.clock.advance(11)
    with pytest.raises(psycopg.OperationalError, match="the secret warehouse-role cannot be had now"):
        faked.connect(session)
    assert db.execute("SELECT 1").fetchone() == (1,)  # what is open goes on
    kv.is_sealed = False
    with faked.connect(session) as again:
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_a_query_under_way_when_the_lease_ends_is_cut(faked: Lab) -> None:
    jane = faked.office.user()
    faked.declare("user:jane")
    session = faked.session(jane)
    db = faked.connect(session)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            db.execute("SELECT pg_sleep(30)")
        except psycopg.Error as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    with faked.office.store.write() as tx:
        change.ungrant_connection(tx, faked.office.clock, faked.ada, NAME, "user:jane")
    faked.settle()
    asking.join(10)
    assert failed
    wait_for(lambda: faked.made() == set(), "the end of the role")
