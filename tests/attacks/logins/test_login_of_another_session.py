"""Attack: use the role that was made for another session, by one's own socket, by its lease, or in its row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from egress_parts import read_all
from login_parts import value_of
from nbkeep.model.errors import Refused
from nbkeep.store.login_tables import DatabaseLoginRow

if TYPE_CHECKING:
    from login_parts import Lab

pytestmark = pytest.mark.attack


def test_a_session_without_a_grant_gets_no_role_by_its_own_socket(lab: Lab) -> None:
    jane, john = lab.office.user(), lab.office.user("john")
    lab.declare("user:jane")
    hers, his = lab.session(jane), lab.session(john)
    with lab.connect(hers) as db:
        ((role,),) = db.execute("SELECT current_user").fetchall()
    with lab.raw(his) as sock:
        assert b"is not granted to you" in read_all(sock)
    with lab.raw(his, user=str(role)) as sock:
        assert b"is not granted to you" in read_all(sock)
    assert lab.made() == {role}


def test_the_lease_of_another_session_gives_nothing(lab: Lab) -> None:
    jane, john = lab.office.user(), lab.office.user("john")
    lab.declare("user:jane", "user:john")
    hers, his = lab.session(jane), lab.session(john)
    lab.value(hers)
    with pytest.raises(Refused) as refusal:
        value_of(lab.office, his, lab.lease(hers).lease_id)
    assert refusal.value.status == 404


def test_a_role_whose_row_was_moved_to_another_lease_is_replaced(lab: Lab) -> None:
    """Who may write to the database does not hand Jane's role to John."""
    jane, john = lab.office.user(), lab.office.user("john")
    lab.declare("user:jane", "user:john")
    hers, his = lab.session(jane), lab.session(john)
    _, first = lab.value(hers)
    with lab.office.store.write() as tx:
        row = tx.query(DatabaseLoginRow).one()
        row.lease_id, row.session_id = lab.lease(his).lease_id, his
    _, second = lab.value(his)
    assert json.loads(first)["user"] != json.loads(second)["user"]
    assert json.loads(first)["password"] not in second
