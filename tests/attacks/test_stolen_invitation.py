"""An attacker has an old link, or the database: used, replaced, expired and guessed links set no password."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import Refused
from nbkeep.people import invitations, signin, users
from nbkeep.store.database import Store
from nbkeep.store.tables import InvitationRow, UserRow

pytestmark = pytest.mark.attack
GOOD, EVIL = "marmot lends seven kites", "evil marmot takes the kites"


@pytest.fixture
def link(store: Store, clock: ManualClock) -> invitations.Link:
    with store.write() as tx:
        return users.invite(tx, clock, OPERATOR, "jane@acme.com", home_size_bytes=1)[1]


def refused(store: Store, clock: ManualClock, token: str) -> str:
    with pytest.raises(Refused) as refusal:
        invitations.accept(store, clock, token, EVIL)
    return refusal.value.code


def test_a_link_works_for_72_hours_and_no_longer(
    store: Store, clock: ManualClock, link: invitations.Link
) -> None:
    clock.advance(72 * 3600)
    assert refused(store, clock, link.token) == "link-expired"
    with pytest.raises(Refused, match="too old"), store.read() as tx:
        invitations.look(tx, clock, link.token)


def test_a_used_link_sets_no_second_password(
    store: Store, clock: ManualClock, link: invitations.Link
) -> None:
    invitations.accept(store, clock, link.token, GOOD)
    assert refused(store, clock, link.token) == "link-used"
    assert signin.sign_in(store, clock, "jane", GOOD).is_active


def test_of_two_who_use_a_link_at_once_one_wins(
    store: Store, clock: ManualClock, link: invitations.Link
) -> None:
    def use(password: str) -> str:
        try:
            return invitations.accept(store, clock, link.token, password)
        except Refused as refusal:
            return refusal.code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(use, [GOOD, EVIL])) == ["jane", "link-used"]


def test_a_newer_link_ends_the_older_one(store: Store, clock: ManualClock, link: invitations.Link) -> None:
    with store.write() as tx:
        invitations.make_reset_link(tx, clock, OPERATOR, "jane")
    assert refused(store, clock, link.token) == "link-replaced"


@pytest.mark.parametrize("token", ["", "x", "%", "' OR 1=1 --", "A" * 43, "\x00"])
def test_guessed_links_are_unknown(
    store: Store, clock: ManualClock, link: invitations.Link, token: str
) -> None:
    assert refused(store, clock, token) == "link-unknown"


def test_the_database_holds_nothing_that_works_as_a_link(
    store: Store, clock: ManualClock, link: invitations.Link
) -> None:
    with store.read() as tx:
        row = tx.scalars(select(InvitationRow)).one()
        kept = [str(getattr(row, column.key)) for column in InvitationRow.__table__.columns]
    assert link.token not in kept
    for value in kept:
        assert refused(store, clock, value) == "link-unknown"


def test_a_link_of_a_disabled_person_does_not_let_them_back_in(
    store: Store, clock: ManualClock, link: invitations.Link
) -> None:
    with store.write() as tx:
        users.change_user(tx, clock, OPERATOR, "jane", status="disabled")
    assert refused(store, clock, link.token) == "link-replaced"
    with store.read() as tx:
        assert tx.scalars(select(UserRow)).one().password_hash is None
