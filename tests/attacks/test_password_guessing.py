"""An attacker guesses passwords: ten wrong ones lock the name, whether it exists or not, and the journal tells."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from nbkeep.audit.search import Wanted, search
from nbkeep.model.actor import OPERATOR, ROLE_SCOPES, Actor, Role
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import Refused
from nbkeep.people import invitations, signin, users
from nbkeep.store.database import Store
from nbkeep.store.tables import UserRow

pytestmark = pytest.mark.attack
GOOD = "marmot lends seven kites"


def answer(store: Store, clock: ManualClock, name: str, password: str) -> tuple[str, int, str]:
    try:
        signin.sign_in(store, clock, name, password, "203.0.113.7")
    except Refused as refusal:
        return refusal.code, refusal.status, str(refusal)
    return "signed-in", 200, ""


@pytest.fixture
def jane(store: Store, clock: ManualClock) -> str:
    with store.write() as tx:
        _, link = users.invite(tx, clock, OPERATOR, "jane@acme.com", home_size_bytes=1)
    return invitations.accept(store, clock, link.token, GOOD)


def test_after_ten_wrong_passwords_even_the_right_one_is_refused_for_15_minutes(
    store: Store, clock: ManualClock, jane: str
) -> None:
    said = {answer(store, clock, jane, f"guess number {n}") for n in range(10)}
    assert len(said) == 1
    assert answer(store, clock, jane, GOOD)[:2] == ("too-many-tries", 429)
    clock.advance(14 * 60)
    assert answer(store, clock, "jane@acme.com", GOOD)[0] == "too-many-tries"  # the address is no way around
    clock.advance(61)
    assert answer(store, clock, jane, GOOD)[0] == "signed-in"
    with store.read() as tx:
        found = search(tx, OPERATOR, Wanted(type="signin"), limit=1000).records
    assert [record["type"] for record in found[::-1]] == ["signin.failed"] * 10 + [
        "signin.locked",
        "signin.succeeded",
    ]
    assert all(record["actor"]["address"] == "203.0.113.7" for record in found)


def test_a_name_that_does_not_exist_is_locked_in_the_same_words(
    store: Store, clock: ManualClock, jane: str
) -> None:
    known = [answer(store, clock, jane, f"guess {n}") for n in range(12)]
    unknown = [answer(store, clock, "nobody", f"guess {n}") for n in range(12)]
    assert known == unknown


def test_an_admins_reset_link_unlocks(store: Store, clock: ManualClock, jane: str) -> None:
    for n in range(10):
        answer(store, clock, jane, f"guess {n}")
    with store.write() as tx:
        link = invitations.make_reset_link(tx, clock, OPERATOR, jane)
    invitations.accept(store, clock, link.token, "another good sentence")
    assert answer(store, clock, jane, "another good sentence")[0] == "signed-in"


def test_a_stolen_cookie_gives_no_more_guesses_at_the_old_password(
    store: Store, clock: ManualClock, jane: str
) -> None:
    with store.read() as tx:
        row = tx.scalars(select(UserRow).where(UserRow.name == jane)).one()
    thief = Actor(row.id, jane, ROLE_SCOPES[Role.USER], via="browser")
    for n in range(10):
        with pytest.raises(Refused, match="not right"):
            users.change_password(store, clock, thief, f"guess {n}", "another good sentence")
    with pytest.raises(Refused, match="Too many"):
        users.change_password(store, clock, thief, GOOD, "another good sentence")


def test_the_lock_survives_a_restart_of_the_office(
    store: Store, store_url: str, clock: ManualClock, jane: str
) -> None:
    for n in range(10):
        answer(store, clock, jane, f"guess {n}")
    restarted = Store(store_url)
    assert answer(restarted, clock, jane, GOOD)[0] == "too-many-tries"
    restarted.close()
