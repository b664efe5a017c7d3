"""Signing in: who is let in, what is counted, and what an attacker can learn."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from people_steps import GOOD, invite, join, recorded

from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import Refused
from nbkeep.people import passwords, signin, users
from nbkeep.store.database import Store
from nbkeep.store.tables import SignInLimitRow

WRONG = "wrong wrong wrong"


def fails(store: Store, clock: ManualClock, name: str, password: str = WRONG, address: str = "") -> Refused:
    with pytest.raises(Refused) as refusal:
        signin.sign_in(store, clock, name, password, address)
    return refusal.value


def test_name_or_address_and_password_let_in(store: Store, clock: ManualClock) -> None:
    join(store, clock, "jane@acme.com", Role.ADMIN)
    for name in ("jane", " Jane ", "jane@acme.com"):
        assert signin.sign_in(store, clock, name, GOOD) == signin.Standing(
            "jane", True, Role.ADMIN, clock.now()
        )
    assert recorded(store, "signin") == ["signin.succeeded"] * 3


def test_a_wrong_password_an_unknown_name_and_a_closed_account_look_alike(
    store: Store, clock: ManualClock
) -> None:
    for email in ("jane@acme.com", "tom@acme.com"):
        join(store, clock, email)
    invite(store, clock, "new@acme.com")
    with store.write() as tx:
        users.change_user(tx, clock, OPERATOR, "tom", status="disabled")
    told = {
        (error.code, error.message, error.remedy, error.status)
        for error in (
            fails(store, clock, "jane"),
            fails(store, clock, "nobody"),
            fails(store, clock, "tom", GOOD),
            fails(store, clock, "new"),
            fails(store, clock, ""),
            fails(store, clock, "x' OR '1'='1"),
        )
    }
    assert len(told) == 1
    assert recorded(store, "signin") == ["signin.failed"] * 6


def test_unknown_names_take_as_long_as_known_ones(sqlite_store: Store, clock: ManualClock) -> None:
    join(sqlite_store, clock, "jane@acme.com")
    fails(sqlite_store, clock, "warm-up")

    def median_s(name: str) -> float:
        times: list[float] = []
        for _ in range(5):
            begun = time.perf_counter()
            fails(sqlite_store, clock, name)
            times.append(time.perf_counter() - begun)
        return statistics.median(times)

    known_s, unknown_s = median_s("jane"), median_s("nobody")
    # An answer without hashing would be ten times faster; a busy machine makes no such difference.
    assert known_s / 3 < unknown_s < known_s * 3


def test_a_success_forgets_wrong_tries_of_that_name(store: Store, clock: ManualClock) -> None:
    join(store, clock, "jane@acme.com")
    for _ in range(2):
        for _ in range(signin.NAME_FAILURES - 1):
            fails(store, clock, "jane")
        signin.sign_in(store, clock, "jane", GOOD)
    assert "signin.locked" not in recorded(store, "signin")


def test_many_names_from_one_address_are_stopped(store: Store, clock: ManualClock) -> None:
    with store.write() as tx:
        tx.add(SignInLimitRow(key="address:203.0.113.7", failed=49, last_at=clock.now()))
    assert fails(store, clock, "name-50", address="203.0.113.7").code == "wrong-password"
    assert fails(store, clock, "name-51", address="203.0.113.7").code == "too-many-tries"
    assert fails(store, clock, "name-52", address="203.0.113.8").code == "wrong-password"
    assert recorded(store, "signin").count("signin.locked") == 1


def test_many_tries_at_once_get_no_more_guesses_than_one_after_another(
    sqlite_store: Store, clock: ManualClock
) -> None:
    join(sqlite_store, clock, "jane@acme.com")

    def guess(_: int) -> str:
        return fails(sqlite_store, clock, "jane").code

    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(guess, range(14)))
    assert codes.count("wrong-password") == signin.NAME_FAILURES
    assert recorded(sqlite_store, "signin").count("signin.failed") == signin.NAME_FAILURES


def test_a_clock_that_was_set_back_does_not_lock_for_longer(store: Store, clock: ManualClock) -> None:
    join(store, clock, "jane@acme.com")
    with store.write() as tx:
        key = signin._name_key("jane")  # pyright: ignore[reportPrivateUsage]
        tx.add(
            SignInLimitRow(
                key=key, failed=10, last_at=clock.now(), locked_until=clock.now() + signin.LOCKED_FOR
            )
        )
    clock.advance(-86400)
    assert signin.sign_in(store, clock, "jane", GOOD).is_active


def test_an_older_hash_is_made_anew_at_sign_in(store: Store, clock: ManualClock) -> None:
    from argon2 import PasswordHasher

    jane = join(store, clock, "jane@acme.com")
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD)
    from nbkeep.store.tables import UserRow

    with store.write() as tx:
        tx.get_one(UserRow, jane.id).password_hash = old
    signin.sign_in(store, clock, "jane", GOOD)
    with store.read() as tx:
        now = tx.get_one(UserRow, jane.id).password_hash
    assert now is not None
    assert not passwords.needs_rehash(now)
    assert passwords.verify_password(now, GOOD)


def test_no_record_holds_what_was_typed(store: Store, clock: ManualClock) -> None:
    from nbkeep.audit.search import Wanted, search

    join(store, clock, "jane@acme.com")
    fails(store, clock, "my secret typed into the name field", "other secret")
    with store.read() as tx:
        assert search(tx, OPERATOR, Wanted(text="secret")).records == []
        assert search(tx, OPERATOR, Wanted(text=GOOD)).records == []
