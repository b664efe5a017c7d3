"""Accounts: inviting, changing, disabling people."""

from __future__ import annotations

import pytest
from people_steps import GIB, GOOD, invite, join, recorded
from sqlalchemy import select

from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import Refused
from nbkeep.people import invitations, records, tokens, users
from nbkeep.store.database import Store
from nbkeep.store.tables import UserRow


def test_an_invited_person_becomes_active_with_the_first_password(store: Store, clock: ManualClock) -> None:
    jane = join(store, clock, "Jane.Doe@acme.com")
    assert jane.name == "jane-doe"
    with store.read() as tx:
        assert records.get_user(tx, OPERATOR, "jane-doe").status == "active"
    assert recorded(store) == ["user.invited", "user.activated", "user.password-changed"]


def test_names_are_made_unique_by_a_number_and_uid_indices_never_repeat(
    store: Store, clock: ManualClock
) -> None:
    for domain in ("acme.com", "acme.de", "acme.fr"):
        invite(store, clock, f"jane@{domain}")
    with store.read() as tx:
        rows = list(tx.scalars(select(UserRow).order_by(UserRow.uid_index)))
    assert [row.name for row in rows] == ["jane", "jane-2", "jane-3"]
    assert [row.uid_index for row in rows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("email", "name", "code"),
    [
        ("jane@acme.com", None, "email-taken"),
        ("JANE@acme.com", None, "email-taken"),
        ("other@acme.com", "jane", "name-taken"),
        ("other@acme.com", "Jane!", "invalid-name"),
        ("other@acme.com", "9lives", "invalid-name"),
        ("no address", None, "invalid-email"),
    ],
)
def test_a_bad_invitation_is_refused_and_changes_nothing(
    store: Store, clock: ManualClock, email: str, name: str | None, code: str
) -> None:
    invite(store, clock, "jane@acme.com")
    before = recorded(store)
    with pytest.raises(Refused) as refusal, store.write() as tx:
        users.invite(tx, clock, OPERATOR, email, home_size_bytes=GIB, name=name)
    assert refusal.value.code == code
    assert recorded(store) == before


def test_the_last_active_admin_can_be_neither_disabled_nor_demoted(store: Store, clock: ManualClock) -> None:
    boss = join(store, clock, "boss@acme.com", Role.ADMIN)
    invite(store, clock, "waiting@acme.com", Role.ADMIN)  # an admin who never came does not count
    for status, role in (("disabled", None), (None, Role.USER)):
        with pytest.raises(Refused) as refusal, store.write() as tx:
            users.change_user(tx, clock, boss, "boss", status=status, role=role)
        assert (refusal.value.code, refusal.value.status) == ("last-admin", 409)
    join(store, clock, "second@acme.com", Role.ADMIN)
    with store.write() as tx:
        assert users.change_user(tx, clock, boss, "boss", role=Role.USER.value).role == Role.USER.value


def test_disabling_ends_tokens_and_links_and_enabling_brings_back_the_account(
    store: Store, clock: ManualClock
) -> None:
    jane = join(store, clock, "jane@acme.com")
    with store.write() as tx:
        _, token = tokens.create_token(tx, clock, jane, "work", ["sessions"], 3600)
    with store.write() as tx:
        link = invitations.make_reset_link(tx, clock, OPERATOR, "jane")
    clock.advance(60)
    with store.write() as tx:
        users.change_user(tx, clock, OPERATOR, "jane", status="disabled", reason="left the company")
    with pytest.raises(Refused, match="does not work"):
        tokens.actor_of_token(store, clock, token)
    with pytest.raises(Refused, match="taken back"):
        invitations.accept(store, clock, link.token, GOOD)
    with store.write() as tx:
        row = users.change_user(tx, clock, OPERATOR, "jane", status="active")
    assert (row.status, row.sessions_valid_from) == ("active", clock.now())
    assert recorded(store)[-3:] == ["token.revoked", "user.disabled", "user.enabled"]


def test_a_change_that_changes_nothing_leaves_no_record(store: Store, clock: ManualClock) -> None:
    join(store, clock, "jane@acme.com")
    before = recorded(store)
    with store.write() as tx:
        users.change_user(tx, clock, OPERATOR, "jane", role=Role.USER.value, max_sessions=3, status="active")
    assert recorded(store) == before
    with store.write() as tx:
        users.change_user(tx, clock, OPERATOR, "jane", max_sessions=0)
    assert recorded(store)[-1] == "user.limits-changed"


def test_people_see_themselves_and_nobody_else(store: Store, clock: ManualClock) -> None:
    jane = join(store, clock, "jane@acme.com")
    invite(store, clock, "tom@acme.com")
    with store.read() as tx:
        assert records.get_user(tx, jane, "jane").name == "jane"
        with pytest.raises(Refused) as not_hers:
            records.get_user(tx, jane, "tom")
        with pytest.raises(Refused) as not_there:
            records.get_user(tx, jane, "nobody")
        with pytest.raises(Refused, match="admin:users"):
            records.list_users(tx, jane)
    assert not_hers.value.code == not_there.value.code == "user-not-found"


def test_lists_page_by_name_and_find_by_part_of_name_or_address(store: Store, clock: ManualClock) -> None:
    for name in ("ann", "bob", "cid", "dora", "eve_1"):
        invite(store, clock, f"{name}@acme.com")
    with store.read() as tx:
        first = records.list_users(tx, OPERATOR, limit=2)
        second = records.list_users(tx, OPERATOR, limit=2, cursor=first.next)
        third = records.list_users(tx, OPERATOR, limit=2, cursor=second.next)
        assert [row.name for page in (first, second, third) for row in page.rows] == [
            "ann", "bob", "cid", "dora", "eve-1"]  # fmt: skip
        assert third.next is None
        assert [row.name for row in records.list_users(tx, OPERATOR, text="eve_").rows] == ["eve-1"]
        assert records.list_users(tx, OPERATOR, text="%").rows == []
        assert records.count_users(tx, OPERATOR) == {"invited": 5, "active": 0, "disabled": 0}


def test_the_first_admin_gets_links_until_one_was_used(store: Store, clock: ManualClock) -> None:
    with store.write() as tx:
        first = users.invite_first_admin(tx, clock, OPERATOR, home_size_bytes=GIB)
    with store.write() as tx:
        second = users.invite_first_admin(tx, clock, OPERATOR, home_size_bytes=GIB)
    assert first is not None
    assert second is not None
    with pytest.raises(Refused, match="replaced"):
        invitations.accept(store, clock, first[1].token, GOOD)
    assert invitations.accept(store, clock, second[1].token, GOOD) == "admin"
    with store.write() as tx:
        assert users.invite_first_admin(tx, clock, OPERATOR, home_size_bytes=GIB) is None


def test_changing_ones_password_needs_the_old_one_and_ends_browser_sessions(
    store: Store, clock: ManualClock
) -> None:
    jane = join(store, clock, "jane@acme.com")
    with pytest.raises(Refused, match="not right"):
        users.change_password(store, clock, jane, "wrong old password", "another good sentence")
    clock.advance(10)
    users.change_password(store, clock, jane, GOOD, "another good sentence")
    with store.read() as tx:
        assert records.get_user(tx, jane, "jane").sessions_valid_from == clock.now()
