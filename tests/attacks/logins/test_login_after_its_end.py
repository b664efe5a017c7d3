"""Attack: go on with a role after the grant was revoked, the session suspended, its person disabled, an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from connection_grants_parts import ask
from incident_parts import opened
from login_parts import NAME, value_of
from nbkeep.connections import change
from nbkeep.grants.decide import approve_grant
from nbkeep.grants.end import expire_grants, revoke_grant
from nbkeep.model.errors import Refused
from nbkeep.people.users import disable
from nbkeep.sessions.stop import stop_session
from nbkeep.sessions.suspend import suspend_session
from nbkeep.store.tables import UserRow
from nbkeep.vault.change import revoke_secret, source_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from login_parts import Lab
    from nbkeep.model.actor import Actor

pytestmark = pytest.mark.attack


def _ungranted(lab: Lab, jane: Actor, session: str) -> None:
    with lab.office.store.write() as tx:
        change.ungrant_connection(tx, lab.office.clock, lab.ada, NAME, f"user:{jane.name}")


def _stopped(lab: Lab, jane: Actor, session: str) -> None:
    stop_session(lab.office, jane, session)


def _disabled(lab: Lab, jane: Actor, session: str) -> None:
    with lab.office.store.write() as tx:
        disable(tx, lab.office.clock, lab.ada, tx.get_one(UserRow, jane.id), "left")


def _suspended(lab: Lab, jane: Actor, session: str) -> None:
    suspend_session(lab.office, jane, session)


def _incident(lab: Lab, jane: Actor, session: str) -> None:
    opened(lab.office, lab.ada, "session", session)


def _removed(lab: Lab, jane: Actor, session: str) -> None:
    lab.remove()


def _secret_revoked(lab: Lab, jane: Actor, session: str) -> None:
    with lab.office.store.write() as tx:
        revoke_secret(tx, lab.office.clock, source_of(lab.office.settings), lab.ada, f"{NAME}-role")


@pytest.mark.parametrize(
    "end", [_ungranted, _stopped, _suspended, _incident, _disabled, _removed, _secret_revoked]
)
def test_the_role_is_gone_and_what_is_open_is_cut(lab: Lab, end: Callable[[Lab, Actor, str], None]) -> None:
    jane = lab.office.user()
    lab.declare("user:jane")
    session = lab.session(jane)
    db, lease_id = lab.connect(session), lab.lease(session).lease_id
    ((role,),) = db.execute("SELECT current_user").fetchall()
    assert lab.made() == {role}
    end(lab, jane, session)
    (row,) = lab.rows()
    assert row.closing_at is not None  # in the transaction that ended it
    assert (row.sealed, row.wrapped_key) == (None, None)
    assert lab.settle() == 1
    with pytest.raises(psycopg.OperationalError):
        db.execute("SELECT 1")
    assert lab.made() == set()
    with pytest.raises(Refused):
        value_of(lab.office, session, lease_id)
    assert lab.made() == set()


@pytest.mark.parametrize("is_revoked", [True, False])
def test_a_grant_for_a_while_takes_its_role_along(lab: Lab, is_revoked: bool) -> None:
    jane = lab.office.user()
    lab.declare()
    session = lab.session(jane)
    grant = ask(lab.office, jane, session)
    with lab.office.store.write() as tx:
        approve_grant(tx, lab.office.clock, lab.office.settings, lab.ada, grant)
    lab.sync()
    db = lab.connect(session)
    assert len(lab.made()) == 1
    if is_revoked:
        with lab.office.store.write() as tx:
            revoke_grant(tx, lab.office.clock, lab.ada, grant, "no more")
    else:
        lab.office.clock.advance(2 * 3600 + 1)
        lab.office.beat(session)
        expire_grants(lab.office.store, lab.office.clock)
    assert lab.settle() == 1
    assert lab.made() == set()
    with pytest.raises(psycopg.OperationalError):
        db.execute("SELECT 1")
