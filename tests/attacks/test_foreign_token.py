"""An attacker holds somebody's API token, or a token's id: each does what its owner may do, and no more."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from nbkeep.model.actor import OPERATOR, ROLE_SCOPES, Actor, Role
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import Refused
from nbkeep.model.ids import new_id
from nbkeep.people import tokens, users
from nbkeep.store.database import Store
from nbkeep.store.tables import ApiTokenRow, UserRow

pytestmark = pytest.mark.attack


def person(store: Store, clock: ManualClock, name: str, role: Role = Role.USER) -> Actor:
    with store.write() as tx:
        now = clock.now()
        row = UserRow(id=new_id("usr", now), name=name, email=f"{name}@acme.com", role=role.value, status="active",
                      uid_index=len(name), max_sessions=1, home_size_bytes=1, tour_done=False,
                      sessions_valid_from=now, created_at=now)  # fmt: skip
        tx.add(row)
    return Actor(row.id, name, ROLE_SCOPES[role], via="browser")


def token(
    store: Store, clock: ManualClock, owner: Actor, *scopes: str, valid_s: int = 3600
) -> tuple[str, str]:
    with store.write() as tx:
        row, secret = tokens.create_token(tx, clock, owner, "test", scopes or ["self"], valid_s)
    return row.id, secret


def test_nobody_sees_or_ends_another_persons_token(store: Store, clock: ManualClock) -> None:
    jane, mallory = person(store, clock, "jane"), person(store, clock, "mallory")
    token_id, secret = token(store, clock, jane)
    with store.read() as tx:
        assert tokens.list_tokens(tx, clock, mallory) == []
    codes: set[str] = set()
    for wanted in (token_id, "tok_nothing"):
        with pytest.raises(Refused) as refusal, store.write() as tx:
            tokens.revoke_token(tx, clock, mallory, wanted)
        codes.add(refusal.value.code)
    assert codes == {"token-not-found"}
    assert tokens.actor_of_token(store, clock, secret).name == "jane"


def test_a_token_cannot_make_a_stronger_one(store: Store, clock: ManualClock) -> None:
    boss = person(store, clock, "boss", Role.ADMIN)
    _, secret = token(store, clock, boss, "self")
    weak = tokens.actor_of_token(store, clock, secret)
    assert weak.scopes == {"self"}
    with pytest.raises(Refused, match="do not hold"):
        token(store, clock, weak, "admin:users")


def test_a_demoted_admins_token_loses_their_power_at_once(store: Store, clock: ManualClock) -> None:
    boss = person(store, clock, "boss", Role.ADMIN)
    person(store, clock, "second", Role.ADMIN)
    _, secret = token(store, clock, boss, "admin:users", "self")
    with store.write() as tx:
        users.change_user(tx, clock, OPERATOR, "boss", role=Role.USER.value)
    assert tokens.actor_of_token(store, clock, secret).scopes == {"self"}


def test_expired_revoked_and_invented_tokens_are_refused_alike(store: Store, clock: ManualClock) -> None:
    jane = person(store, clock, "jane")
    _, old = token(store, clock, jane, valid_s=60)
    revoked_id, revoked = token(store, clock, jane)
    with store.write() as tx:
        tokens.revoke_token(tx, clock, jane, revoked_id)
    clock.advance(61)
    told: set[str] = set()
    for secret in (old, revoked, "nbk_invented", "", old.upper()):
        with pytest.raises(Refused) as refusal:
            tokens.actor_of_token(store, clock, secret)
        told.add(f"{refusal.value.status} {refusal.value}")
    assert len(told) == 1


def test_the_database_holds_nothing_that_works_as_a_token(store: Store, clock: ManualClock) -> None:
    _, secret = token(store, clock, person(store, clock, "jane"))
    with store.read() as tx:
        row = tx.scalars(select(ApiTokenRow)).one()
    assert secret.startswith(row.prefix)
    assert len(secret) > len(row.prefix) + 32
    for kept in (row.id, row.prefix, row.token_hash):
        with pytest.raises(Refused):
            tokens.actor_of_token(store, clock, kept)
