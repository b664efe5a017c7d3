"""Made logins in the database: which one counts for a lease, which are to be looked after; closing them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from nbkeep.store.login_tables import DatabaseLoginRow
from nbkeep.store.tables import SecretLeaseRow
from nbkeep.vault.envelope import Sealed

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from nbkeep.store.database import Tx


def current_login(tx: Tx, lease_id: str) -> DatabaseLoginRow | None:
    """Return the login that new connections of a lease get, None where another one has to be made."""
    query = select(DatabaseLoginRow).where(
        DatabaseLoginRow.lease_id == lease_id, DatabaseLoginRow.closing_at.is_(None)
    )
    return tx.scalars(query.order_by(DatabaseLoginRow.number.desc()).limit(1)).first()


def is_known(tx: Tx, vault_lease: str, user_name: str) -> bool:
    """Tell whether a login is on record already: what is given twice would be two sessions' own."""
    query = select(DatabaseLoginRow.id).where(
        (DatabaseLoginRow.vault_lease == vault_lease)
        | ((DatabaseLoginRow.user_name == user_name) & DatabaseLoginRow.closed_at.is_(None))
    )
    return tx.scalar(query.limit(1)) is not None


def next_number(tx: Tx, lease_id: str) -> int:
    """Return the number of a lease's next login."""
    query = select(func.max(DatabaseLoginRow.number)).where(DatabaseLoginRow.lease_id == lease_id)
    return (tx.scalar(query) or 0) + 1


def numbers(tx: Tx, lease_ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return, of each lease, the number of the login that counts and of the oldest that has not ended.

    Where none counts, both are the number of the next one.
    """
    query = select(DatabaseLoginRow.lease_id, DatabaseLoginRow.number, DatabaseLoginRow.closing_at).where(
        DatabaseLoginRow.lease_id.in_(lease_ids)
    )
    found: dict[str, tuple[int, int]] = dict.fromkeys(lease_ids, (1, 1))
    live: dict[str, list[int]] = {}
    for lease_id, number, closing_at in tx.execute(query):
        highest = max(number + 1, found[lease_id][0])
        found[lease_id] = (highest, highest)
        if closing_at is None:
            live.setdefault(lease_id, []).append(number)
    return found | {lease_id: (max(these), min(these)) for lease_id, these in live.items()}


def logins_of(tx: Tx, lease_ids: Collection[str]) -> dict[str, DatabaseLoginRow]:
    """Return the logins that count, by lease."""
    query = select(DatabaseLoginRow).where(
        DatabaseLoginRow.lease_id.in_(lease_ids), DatabaseLoginRow.closing_at.is_(None)
    )
    return {row.lease_id: row for row in tx.scalars(query.order_by(DatabaseLoginRow.number))}


def close_logins(tx: Tx, now: datetime, lease_id: str, reason: str) -> None:
    """Have all logins of a lease revoked; their passwords are deleted here at once. Twice is safe."""
    query = update(DatabaseLoginRow).where(
        DatabaseLoginRow.lease_id == lease_id, DatabaseLoginRow.closing_at.is_(None)
    )
    tx.execute(query.values(_closing(now, reason)), execution_options={"synchronize_session": "fetch"})


def close_login(tx: Tx, now: datetime, login_id: str, reason: str) -> None:
    """Have one revoked. Twice is safe."""
    query = update(DatabaseLoginRow).where(
        DatabaseLoginRow.id == login_id, DatabaseLoginRow.closing_at.is_(None)
    )
    tx.execute(query.values(_closing(now, reason)), execution_options={"synchronize_session": "fetch"})


@dataclass(frozen=True)
class Open:
    """A login that the Vault is not known to have ended. `lease_ended_at`: of the session's lease."""

    id: str
    path: str
    vault_lease: str
    tries: int
    has_problem: bool
    ends_at: datetime
    renew_at: datetime | None
    closing_at: datetime | None
    next_try_at: datetime | None
    lease_ended_at: datetime | None


def open_logins(tx: Tx) -> list[Open]:
    """Return them."""
    row = DatabaseLoginRow
    query = select(row.id, row.path, row.vault_lease, row.tries, row.problem != "", row.ends_at, row.renew_at,
                   row.closing_at, row.next_try_at, SecretLeaseRow.ended_at)  # fmt: skip
    query = query.join(SecretLeaseRow, SecretLeaseRow.id == row.lease_id).where(row.closed_at.is_(None))
    return [Open(*one) for one in tx.execute(query.order_by(row.id))]


def failing(tx: Tx, tries: int) -> int:
    """Return how many could not be revoked in as many tries."""
    query = select(func.count()).where(
        DatabaseLoginRow.closed_at.is_(None),
        DatabaseLoginRow.closing_at.is_not(None),
        DatabaseLoginRow.tries >= tries,
    )
    return tx.scalar(query) or 0


def put_sealed(row: DatabaseLoginRow, found: Sealed) -> None:
    """Keep what was sealed."""
    row.master_key_id = found.key_id
    row.wrapped_key = base64.b64encode(found.wrapped).decode()
    row.sealed = base64.b64encode(found.sealed).decode()


def sealed_of(row: DatabaseLoginRow) -> Sealed | None:
    """Return what was sealed, None where it is deleted."""
    if row.sealed is None or row.wrapped_key is None or row.master_key_id is None:
        return None
    return Sealed(row.master_key_id, base64.b64decode(row.wrapped_key), base64.b64decode(row.sealed))


def bound_to(row: DatabaseLoginRow) -> str:
    """Return what a login is sealed for, beside the secret's binding: no row can take another's place."""
    return f"{row.id} {row.lease_id} {row.session_id} {row.user_name}"


def _closing(now: datetime, reason: str) -> dict[str, object]:
    return {"closing_at": now, "close_reason": reason, "next_try_at": now, "master_key_id": None,
            "wrapped_key": None, "sealed": None}  # fmt: skip
