"""The login of a lease for a connection that begins now: the one that was made for it, or another one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from nbkeep.audit import events, journal
from nbkeep.egress.postgres.credentials import Credential
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.model.ids import new_id
from nbkeep.store.login_tables import DatabaseLoginRow
from nbkeep.store.tables import SecretLeaseRow, SecretRow, UserRow
from nbkeep.vault.envelope import seal, unseal
from nbkeep.vault.master import key_of, newest_key
from nbkeep.vault.place import needed_place
from nbkeep.vault.sources.database import DatabaseEngine
from nbkeep.vault.sources.hashicorp import Unanswered, hashicorp

from . import rules
from .records import (
    bound_to,
    close_login,
    current_login,
    is_known,
    next_number,
    put_sealed,
    sealed_of,
)
from .turns import Turns

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store, Tx
    from nbkeep.vault.values import Binding

    from .rules import Made

ENDED_THERE, UNREADABLE, ORPHANED = "ended-there", "unreadable", "lease-ended"
_STRANGE, _SAME = "vault-strange", "vault-same-role"
_TURN_S = 2.0
_log = logging.getLogger("nbkeep.vault")
_turns = Turns()  # two gateways that ask at once for one lease get one login


class Wanted(NamedTuple):
    """For which lease, by which role of a Vault. `path`: MOUNT/creds/ROLE, as it was sealed."""

    lease_id: str
    path: str
    binding: Binding


@dataclass(frozen=True)
class _Known:
    login_id: str
    number: int
    vault_lease: str
    value: Credential | None
    is_fresh: bool
    is_to_be_asked: bool


def engine_of(settings: Settings) -> DatabaseEngine:
    """Return the engine of the Vault that is connected; raise `Refused` (409) where none is."""
    return DatabaseEngine(hashicorp(needed_place(settings)))


def have_login(store: Store, clock: Clock, settings: Settings, wanted: Wanted) -> tuple[int, str]:
    """Return number and value of a live lease's login, having asked the Vault whether it still counts.

    Raises `Refused` and `Unavailable`: what cannot be renewed or made now is not used. The lease was looked
    at by who asks; here it is looked at again before what was made for it is kept.
    """
    engine = engine_of(settings)
    with _turns.of(wanted.lease_id, _TURN_S):
        known = _known(store, clock, settings, wanted)
        if known is not None and known.value is None:
            _close(store, clock, known, UNREADABLE)
        elif known is not None and known.value is not None:
            still = known.is_fresh
            if known.is_to_be_asked:
                still = renew(store, clock, engine, known.login_id, known.vault_lease)
            if still:
                return known.number, known.value.text
        return _make(store, clock, settings, engine, wanted)


def renew(store: Store, clock: Clock, engine: DatabaseEngine, login_id: str, vault_lease: str) -> bool:
    """Renew a login; tell whether enough is left of it for a connection that begins now.

    Raises `Refused` and `Unavailable`: nothing is changed then. One that has ended is closed.
    """
    now = clock.now()
    lasts_s = engine.renew(vault_lease)
    with store.write() as tx:
        row = tx.get(DatabaseLoginRow, login_id)
        if row is None or row.closing_at is not None:
            return False
        if lasts_s is None:
            close_login(tx, clock.now(), login_id, ENDED_THERE)
            return False
        ends_at = now + timedelta(seconds=lasts_s)
        # Near the Vault's longest time it gives less, and then no more: it is not asked again and again.
        row.renew_at = rules.renew_at(now, lasts_s) if rules.is_whole(row.lasts_s, lasts_s) else None
        row.ends_at, row.asked_at, row.problem = ends_at, now, ""
        return rules.is_fresh(now, ends_at, row.lasts_s)


def _known(store: Store, clock: Clock, settings: Settings, wanted: Wanted) -> _Known | None:
    with store.read() as tx:
        row = current_login(tx, wanted.lease_id)
        if row is None:
            return None
        value = _opened(settings, row, wanted) if row.path == wanted.path else None
        now = clock.now()
        is_fresh = rules.is_fresh(now, row.ends_at, row.lasts_s)
        # A session that spoils its own role asks again and again: that is no work for the Vault.
        is_to_be_asked = row.is_renewable and not (is_fresh and rules.is_recent(now, row.asked_at))
        return _Known(row.id, row.number, row.vault_lease, value, is_fresh, is_to_be_asked)


def _opened(settings: Settings, row: DatabaseLoginRow, wanted: Wanted) -> Credential | None:
    found = sealed_of(row)
    if found is None:
        return None
    try:
        text = unseal(key_of(settings, found.key_id), bound_to(row), row.number, wanted.binding, found)
    except Refused as refusal:  # another master key, or a database that somebody changed
        _log.warning("%s: a login cannot be opened and is replaced: %s", row.id, refusal)
        return None
    return Credential(row.user_name, text)


def _make(
    store: Store, clock: Clock, settings: Settings, engine: DatabaseEngine, wanted: Wanted
) -> tuple[int, str]:
    _turns.check_rested(wanted.lease_id, clock.monotonic_s())
    master = newest_key(settings, may_make=False)
    now = clock.now()  # before it was asked: what lasts from then on ends no later here
    made = _asked(clock, engine, wanted)
    try:
        with store.write() as tx:
            _check_new(tx, wanted, made)
            lease = tx.get_one(SecretLeaseRow, wanted.lease_id)
            row = _row(tx, clock, lease, wanted, made)
            row.made_at, row.asked_at, row.ends_at = now, now, now + timedelta(seconds=made.lasts_s)
            if lease.ended_at is not None:  # while the Vault was asked
                row.closing_at = row.next_try_at = clock.now()
                row.close_reason = ORPHANED
            else:
                row.renew_at = rules.renew_at(now, made.lasts_s) if made.is_renewable else None
                put_sealed(row, seal(master, bound_to(row), row.number, wanted.binding, made.password))
            tx.add(row)
            tx.flush()
            _record(tx, clock, row)
            number, is_over = row.number, row.closing_at is not None
    except Exception as error:  # whatever it is: a login that is on no record would be ended by nobody
        if not isinstance(error, Refused) or error.code != _SAME:  # that one is another session's
            engine.revoke_or_leave(made.vault_lease, wanted.path)
        raise
    if is_over:
        raise Refused("no-lease", "This is no live lease of that session.", "It ended meanwhile.", status=404)
    return number, Credential(made.user, made.password).text


def _asked(clock: Clock, engine: DatabaseEngine, wanted: Wanted) -> Made:
    """Have a login made; where nobody knows whether one was, none is made for this lease for a while."""
    try:
        return engine.make(wanted.path)
    except NbkeepError as error:
        if isinstance(error, Unanswered) or error.code == _STRANGE:
            _log.warning("%s: a login may have been made at %s, which ends by its own time: %s",
                         wanted.lease_id, wanted.path, error)  # fmt: skip
            now_s = clock.monotonic_s()
            _turns.rest(wanted.lease_id, now_s, rules.held_until_s(now_s))
        raise


def _check_new(tx: Tx, wanted: Wanted, made: Made) -> None:
    if is_known(tx, made.vault_lease, made.user):
        raise Refused(_SAME, f"Vault gave a login at {wanted.path} a second time: no two sessions share one.",
                      "Turn off the caching of leases in the Vault agent between, and see that the user "
                      "names of the role are unique.", status=409)  # fmt: skip


def _row(tx: Tx, clock: Clock, lease: SecretLeaseRow, wanted: Wanted, made: Made) -> DatabaseLoginRow:
    return DatabaseLoginRow(
        id=new_id("lgn", clock.now()),
        lease_id=lease.id,
        number=next_number(tx, lease.id),
        session_id=lease.session_id,
        path=wanted.path,
        user_name=made.user,
        vault_lease=made.vault_lease,
        lasts_s=made.lasts_s,
        is_renewable=made.is_renewable,
        closing_at=None,
    )


def _record(tx: Tx, clock: Clock, row: DatabaseLoginRow) -> None:
    lease = tx.get_one(SecretLeaseRow, row.lease_id)
    secret, user = tx.get_one(SecretRow, lease.secret_id), tx.get_one(UserRow, lease.user_id)
    event = events.DatabaseLoginMade(
        session_id=row.session_id, secret_id=secret.id, name=secret.name, lease_id=lease.id, user=user.name,
        login_id=row.id, role=row.path, database_user=row.user_name, until=row.ends_at.isoformat(),
    )  # fmt: skip
    journal.append(tx, clock, SYSTEM, event)


def _close(store: Store, clock: Clock, known: _Known, reason: str) -> None:
    with store.write() as tx:
        close_login(tx, clock.now(), known.login_id, reason)
