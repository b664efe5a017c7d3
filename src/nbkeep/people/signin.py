"""Signing in with name and password, under limits by name and by address that live in the database.

Invariant: a try is counted before its password is looked at, so that many at once do not get more guesses
than one after another. Names that do not exist are counted, locked and timed like those that do.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from nbkeep.audit import events, journal
from nbkeep.model.actor import Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.store.tables import SignInLimitRow, UserRow

from .passwords import hash_password, needs_rehash, verify_password

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

NAME_FAILURES = 10  # wrong passwords for one name …
ADDRESS_FAILURES = 50  # … or from one address (a company may share one), until nothing is taken
LOCKED_FOR = timedelta(minutes=15)


@dataclass(frozen=True)
class Standing:
    """What the hub must know of a person: may they be signed in, and in which role."""

    name: str
    is_active: bool
    role: Role
    valid_from: datetime  # sign-ins from before this moment are over

    @property
    def is_admin(self) -> bool:
        """Whether the hub, too, should treat them as an admin."""
        return self.role is Role.ADMIN


def sign_in(store: Store, clock: Clock, name: str, password: str, address: str = "") -> Standing:
    """Return the person whose name (or e-mail address) and password these are.

    Raises `Refused`: 401 with one message for every wrong pair, 429 after too many of them. Takes about
    50 ms, none of it inside a transaction.
    """
    name = name.strip().lower()[:254]
    with store.write() as tx:
        user = _find(tx, name)
        keys = _keys(user, name, address)
        for key, most in keys:
            _count(tx, clock, key, most)
    stored = user.password_hash if user and user.status == "active" else None
    right = verify_password(stored, password)
    fresh = hash_password(password) if right and stored and needs_rehash(stored) else None
    with store.write() as tx:
        # Anew: the account may have been disabled, or its password changed, while we were hashing.
        user = _find(tx, name)
        if right and user is not None and user.status == "active" and user.password_hash == stored:
            user.password_hash = fresh or user.password_hash
            return _welcome(tx, clock, user, keys, address)
        _record_failure(tx, clock, user, keys, address)
    raise Refused("wrong-password", "Name and password do not belong together.",
                  "Check both; an admin can send you a link for a new password.", status=401)  # fmt: skip


def confirm_password(store: Store, clock: Clock, actor: Actor, password: str) -> None:
    """Let somebody who is signed in show that they know their password; raise `Refused` (403, 429) if not.

    Counted like a sign-in: who holds a stolen cookie or token gets no more guesses than anybody else.
    """
    with store.write() as tx:
        user = tx.get(UserRow, actor.id)
        keys = _keys(user, actor.name, actor.address)
        for key, most in keys:
            _count(tx, clock, key, most)
    right = verify_password(user.password_hash if user else None, password)
    with store.write() as tx:
        if right and user is not None:
            forget_failures(tx, user)
            return
        _record_failure(tx, clock, user, keys, actor.address)
    raise Refused("wrong-password", "The old password is not right.",
                  "An admin can send you a link for a new one.")  # fmt: skip


def standing(tx: Tx, name: str) -> Standing | None:
    """Return how a person stands now (the hub asks again and again), or None for nobody."""
    user = tx.scalar(select(UserRow).where(UserRow.name == name))
    return _standing(user) if user else None


def forget_failures(tx: Tx, user: UserRow) -> None:
    """Unlock a person, as a new password does. Twice is safe."""
    row = tx.get(SignInLimitRow, _name_key(user.name))
    if row is not None:
        tx.delete(row)


def forget_old_limits(tx: Tx, clock: Clock) -> None:
    """Delete counters that no longer count; the office's clean-up calls this. Twice is safe."""
    for row in tx.scalars(
        select(SignInLimitRow).where(SignInLimitRow.last_at < clock.now() - 2 * LOCKED_FOR)
    ):
        tx.delete(row)


def _find(tx: Tx, name: str) -> UserRow | None:
    return tx.scalar(select(UserRow).where(or_(UserRow.name == name, UserRow.email == name)))


def _keys(user: UserRow | None, name: str, address: str) -> list[tuple[str, int]]:
    keys = [(_name_key(user.name if user else name), NAME_FAILURES)]
    if address:
        keys.append((f"address:{address[:64]}", ADDRESS_FAILURES))
    return keys


def _name_key(name: str) -> str:
    # Hashed: what people type into the field may be a password.
    return "name:" + hashlib.sha256(name.encode()).hexdigest()


def _count(tx: Tx, clock: Clock, key: str, most: int) -> None:
    now = clock.now()
    row = tx.get(SignInLimitRow, key)
    if row is None:
        row = SignInLimitRow(key=key, failed=0, last_at=now)
        tx.add(row)
    elif _is_over(row, now):
        row.failed, row.locked_until = 0, None
    if row.locked_until is not None or row.failed >= most:
        raise Refused("too-many-tries", "Too many wrong passwords.",
                      "Wait 15 minutes, or ask an admin for a link that sets a new password.",
                      status=429)  # fmt: skip
    row.failed += 1
    row.last_at = now
    tx.flush()


def _is_over(row: SignInLimitRow, now: datetime) -> bool:
    ends = row.locked_until or row.last_at + LOCKED_FOR
    # A clock that was set back must not lock anybody for longer than the rule says.
    return ends <= now or ends > now + LOCKED_FOR


def _welcome(tx: Tx, clock: Clock, user: UserRow, keys: list[tuple[str, int]], address: str) -> Standing:
    for key, most in keys:
        row = tx.get(SignInLimitRow, key)
        if row is not None:
            # One's own success must not give an attacker at the same address new guesses at other names.
            row.failed = 0 if most == NAME_FAILURES else max(0, row.failed - 1)
    user.last_seen_at = clock.now()
    actor = Actor(user.id, user.name, frozenset(), via="browser", address=address)
    journal.append(tx, clock, actor, events.SignInSucceeded(user=user.name))
    return _standing(user)


def _record_failure(
    tx: Tx, clock: Clock, user: UserRow | None, keys: list[tuple[str, int]], address: str
) -> None:
    actor = Actor("anonymous", "anonymous", frozenset(), via="browser", address=address)
    name = user.name if user else ""
    reason = "unknown-name" if user is None else "wrong-password" if user.status == "active" else "not-active"
    journal.append(tx, clock, actor, events.SignInFailed(user=name, reason=reason))
    for key, most in keys:
        row = tx.get(SignInLimitRow, key)
        if row is not None and row.failed >= most and row.locked_until is None:
            row.locked_until = clock.now() + LOCKED_FOR
            journal.append(tx, clock, actor, _locked(row, name, address, by_name=most == NAME_FAILURES))


def _locked(row: SignInLimitRow, name: str, address: str, *, by_name: bool) -> events.SignInLocked:
    until = row.locked_until.isoformat() if row.locked_until else ""
    return events.SignInLocked(
        user=name if by_name else "", address="" if by_name else address, until=until, failed=row.failed
    )


def _standing(user: UserRow) -> Standing:
    return Standing(user.name, user.status == "active", Role(user.role), user.sessions_valid_from)
