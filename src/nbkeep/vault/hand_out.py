"""The one way by which a value leaves the vault: to a gateway, for a live lease of a live session."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from nbkeep.model.errors import Refused
from nbkeep.model.session import LIVE, SessionState
from nbkeep.store.tables import SecretLeaseRow, SecretRow, SessionRow

from .leases import leases_of
from .logins.have import Wanted, have_login
from .records import binding_of
from .references import role_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.interface import Parts

    from .interface import Source

_NO_LEASE = "no-lease"
_SEEN_EVERY = timedelta(seconds=30)  # a hint for people, not worth a write for each request


_log = logging.getLogger("nbkeep.vault")


class HandedOut(NamedTuple):
    """What gives a value, to be called after the transaction, and which version it is.

    `login`: of what the value is a login that a Vault makes for the lease; then `give` alone gives one.
    """

    version: int
    value: Callable[[], str]
    login: Wanted | None = None


def hand_out(tx: Tx, source: Source, now: datetime, session_id: str, lease_id: str) -> HandedOut:
    """Return what gives a lease's value.

    Raises `Refused` (404) alike for all that is no live lease of that session. Everything is looked at anew:
    the session runs, its person is active and still granted, the secret stands.
    """
    lease = tx.get(SecretLeaseRow, lease_id)
    session = tx.get(SessionRow, session_id)
    if lease is None or session is None or lease.session_id != session.id or not _runs(session):
        raise _no_lease()
    if not any(found.lease_id == lease_id for found, _ in leases_of(tx, session, now)):
        raise _no_lease()
    secret = tx.get_one(SecretRow, lease.secret_id)
    binding = binding_of(secret)
    value = source.fetch(tx, secret.id, secret.version, binding)
    # By which role is what was sealed, not what stands in the database.
    path = role_path(value()) if role_path(binding.source) else None
    return HandedOut(secret.version, value, Wanted(lease_id, path, binding) if path else None)


def give(parts: Parts, found: HandedOut) -> tuple[int, str]:
    """Return version and value of what was handed out; not within a transaction, it may ask over the network.

    Raises `Refused` and `Unavailable`, in words that may be told to a session.
    """
    if found.login is None:
        return found.version, found.value()
    try:
        return have_login(parts.store, parts.clock, parts.settings, found.login)
    except Refused as refusal:
        if refusal.code == _NO_LEASE:
            raise
        _log.warning("%s: no login can be had for it: %s", found.login.lease_id, refusal)
        raise Refused("secret-not-there", "No role of the database can be had for this session.",
                      "Tell an admin.", status=409) from None  # fmt: skip


def is_use_noted(tx: Tx, clock: Clock, lease_id: str) -> bool:
    """Tell whether the last use that is on record is a recent one."""
    last = tx.get_one(SecretLeaseRow, lease_id).last_used_at
    return last is not None and clock.now() - last < _SEEN_EVERY


def note_use(tx: Tx, clock: Clock, lease_id: str) -> None:
    """Keep when a lease, and its secret, were last used."""
    lease = tx.get_one(SecretLeaseRow, lease_id)
    lease.last_used_at = clock.now()
    tx.get_one(SecretRow, lease.secret_id).last_used_at = clock.now()


def _runs(session: SessionRow) -> bool:
    state = SessionState(session.state)
    return state in LIVE and state != SessionState.STOPPING


def _no_lease() -> Refused:
    return Refused(_NO_LEASE, "This is no live lease of that session.", "It ended, or never was.", status=404)
