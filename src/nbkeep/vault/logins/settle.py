"""Looks after made logins: renews those of live leases; revokes the others, and tries until that is done.

Each is looked at by itself: what fails with one holds up no other. A killed office finds all of it again.
What hangs is a database behind the Vault, hence a path: of each one after the other, paths beside each other.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import NbkeepError
from nbkeep.outbox.notices import tell_scope, withdraw
from nbkeep.store.login_tables import DatabaseLoginRow
from nbkeep.store.tables import SecretLeaseRow, SecretRow, UserRow
from nbkeep.vault.place import needed_place
from nbkeep.vault.rules import ADMIN
from nbkeep.vault.sources.hashicorp import Unanswered, hashicorp

from . import rules
from .have import ORPHANED, engine_of, renew
from .records import close_login, failing, open_logins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx
    from nbkeep.store.interface import Parts

    from .records import Open

EXPIRED = "expired"
_AT_ONCE = 4
_ROUND_S = 10.0  # nothing is begun after that: what became due meanwhile has its turn
_WIDTH, _TELL_WIDTH = 400, 900
_TELL_AFTER = 3  # tries: what passes in seconds is nobody's business
_NOTICE = "database-logins"
_TOLD = "Roles that Vault made for sessions which have ended cannot be revoked; nbkeep goes on trying."
_log = logging.getLogger("nbkeep.vault")


def revoke_new(parts: Parts) -> int:
    """Revoke what is to end, of paths where nothing has failed; return how many were. Twice is safe."""
    with parts.store.read() as tx:
        found = open_logins(tx)
    if not found:
        return 0
    _close_what_is_over(parts.store, parts.clock, found)
    return _revoked(parts, are_ailing=False)


def revoke_again(parts: Parts) -> int:
    """Revoke what is to end and due, of paths where something has failed; return how many were."""
    return _revoked(parts, are_ailing=True)


def renew_due(parts: Parts) -> None:
    """Renew what is due."""
    with parts.store.read() as tx:
        found = open_logins(tx)
    now = parts.clock.now()
    due = [one for one in found if not one.closing_at and one.renew_at and one.renew_at <= now]
    due.sort(key=lambda one: (one.has_problem, one.renew_at))
    _by_path(parts, due, _renew)


def keep_signed_in(parts: Parts) -> None:
    """Keep nbkeep's token: when it ends, the Vault revokes what was made by it."""
    with parts.store.read() as tx:
        is_needed = any(one.closing_at is None for one in open_logins(tx))
    if not is_needed:
        return
    try:
        hashicorp(needed_place(parts.settings)).keep_signed_in()
    except NbkeepError as error:
        _log.warning("nbkeep's token for Vault cannot be kept: %s", error)


# Each in a loop of its own: none waits for another.
ROUNDS: tuple[tuple[str, Callable[[Parts], object]], ...] = (
    ("end of database logins", revoke_new),
    ("late end of database logins", revoke_again),
    ("renewal of database logins", renew_due),
    ("token for Vault", keep_signed_in),
)


def _close_what_is_over(store: Store, clock: Clock, found: list[Open]) -> None:
    now = clock.now()
    over = [
        (one.id, ORPHANED if one.lease_ended_at else EXPIRED)
        for one in found
        if one.closing_at is None and (one.lease_ended_at or one.ends_at <= now)
    ]
    if over:
        with store.write() as tx:
            for login_id, reason in over:
                close_login(tx, now, login_id, reason)


def _revoked(parts: Parts, *, are_ailing: bool) -> int:
    with parts.store.read() as tx:
        found = [one for one in open_logins(tx) if one.closing_at]
    ailing = {one.path for one in found if one.tries}
    now = parts.clock.now()
    due = [
        one
        for one in found
        if (one.path in ailing) == are_ailing and one.next_try_at and one.next_try_at <= now
    ]
    due.sort(key=lambda one: (one.tries, one.next_try_at))
    return _by_path(parts, due, _revoke)


def _by_path(parts: Parts, due: Iterable[Open], act: Callable[[Parts, Open], bool]) -> int:
    """Return how many were done, each path's in this order until one gets no answer."""
    paths: dict[str, list[Open]] = {}
    for one in due:
        paths.setdefault(one.path, []).append(one)
    until_s = parts.clock.monotonic_s() + _ROUND_S

    def go(those: list[Open]) -> int:
        count = 0
        for one in those:
            if parts.clock.monotonic_s() >= until_s:
                break
            try:
                count += act(parts, one)
            except Unanswered:  # the next ones of this path would wait as long
                break
            except Exception:  # noqa: BLE001  what cannot be noted of one keeps nobody from the others
                _log.exception("%s: it cannot be noted what became of it", one.id)
        return count

    if not paths:
        return 0
    with ThreadPoolExecutor(_AT_ONCE, "nbkeep-logins") as pool:
        return sum(pool.map(go, paths.values()))


def _revoke(parts: Parts, one: Open) -> bool:
    problem, silence = _tried(one.id, lambda: engine_of(parts.settings).revoke(one.vault_lease))
    is_done = _note_revoked(parts, one.id, problem)
    if silence is not None:
        raise silence
    return is_done


def _note_revoked(parts: Parts, login_id: str, problem: str) -> bool:
    with parts.store.write() as tx:
        row = tx.get(DatabaseLoginRow, login_id)
        if row is None or row.closed_at is not None:
            return False
        row.tries += 1
        row.problem = problem[:_WIDTH]
        now = parts.clock.now()
        if problem:
            row.next_try_at = rules.try_again_at(now, row.tries)
            if row.tries == 1:
                _record(tx, parts.clock, row, problem)
            if row.tries == _TELL_AFTER and failing(tx, _TELL_AFTER) == 1:
                tell_scope(tx, parts.clock, ADMIN, _NOTICE, f"{_TOLD} {problem}"[:_TELL_WIDTH])
            return False
        row.closed_at, row.next_try_at = now, None
        _record(tx, parts.clock, row)
        if row.tries > _TELL_AFTER and not failing(tx, _TELL_AFTER):
            withdraw(tx, parts.clock, _NOTICE)
    return True


def _renew(parts: Parts, one: Open) -> bool:
    problem, silence = _tried(
        one.id, lambda: renew(parts.store, parts.clock, engine_of(parts.settings), one.id, one.vault_lease)
    )
    if problem:
        with parts.store.write() as tx:
            row = tx.get(DatabaseLoginRow, one.id)
            if row is not None and row.renew_at is not None:
                row.problem, row.renew_at = problem[:_WIDTH], rules.renew_again_at(parts.clock.now())
    if silence is not None:
        raise silence
    return not problem


def _tried(login_id: str, act: Callable[[], object]) -> tuple[str, Unanswered | None]:
    """Return what is wrong, "" where nothing is; and the silence, where nothing was answered."""
    try:
        act()
    except NbkeepError as error:
        _log.warning("%s: %s", login_id, error)
        return str(error), error if isinstance(error, Unanswered) else None
    except Exception as error:  # noqa: BLE001  a fault of ours must not keep the others from being revoked
        _log.exception("%s: a fault in nbkeep", login_id)
        return f"a fault in nbkeep ({type(error).__name__}); see its log", None
    return "", None


def _record(tx: Tx, clock: Clock, row: DatabaseLoginRow, problem: str = "") -> None:
    lease = tx.get_one(SecretLeaseRow, row.lease_id)
    secret, user = tx.get_one(SecretRow, lease.secret_id), tx.get_one(UserRow, lease.user_id)
    about = {
        "session_id": row.session_id, "secret_id": secret.id, "name": secret.name, "lease_id": lease.id,
        "user": user.name, "login_id": row.id, "role": row.path, "database_user": row.user_name,
        "reason": row.close_reason or "",
    }  # fmt: skip
    event = (
        events.DatabaseLoginNotRevoked(**about, problem=problem)
        if problem
        else events.DatabaseLoginRevoked(**about, tries=row.tries)
    )
    journal.append(tx, clock, SYSTEM, event)
