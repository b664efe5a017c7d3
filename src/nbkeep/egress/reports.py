"""What gateways report, on its way into a table: once each, within bounds, of sessions that were admitted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import select

from nbkeep.model.errors import invalid
from nbkeep.store.model_tables import ModelCallRow
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.package_tables import PackageInstallRow
from nbkeep.store.tables import SessionRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

MAX_BATCH = 1000
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_Row = TypeVar("_Row", ConnectionRow, PackageInstallRow, ModelCallRow)


class RecordError(ValueError):
    """One record can never be taken; its words say why."""


@dataclass(frozen=True)
class Owner:
    """The session that a record is about, and the login name of its person."""

    session: SessionRow
    user: str


@dataclass
class Taken(Generic[_Row]):
    """How many records are in the table now, which were not before, and which never will be, with why."""

    accepted: int = 0
    fresh: list[tuple[_Row, Owner]] = field(default_factory=list[tuple[_Row, Owner]])
    refused: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


def take(
    tx: Tx,
    records: Sequence[Mapping[str, Any]],
    kind: type[_Row],
    make: Callable[[Mapping[str, Any], str, Owner], _Row],
) -> Taken[_Row]:
    """Put the records of a gateway into a table. A repeat counts as accepted and changes nothing.

    `make` returns the row of a record with its id and owner, or raises `RecordError`. A record that is
    malformed, or speaks of a session that this office did not admit, is refused by itself, so that it holds
    up no other. Raises `Refused` (400) for more than `MAX_BATCH` at once.
    """
    if len(records) > MAX_BATCH:
        raise invalid(
            "records", f"{len(records)} records at once are too many.", f"Send at most {MAX_BATCH}."
        )
    taken, rows = Taken[_Row](), dict[str, tuple[_Row, Owner]]()
    owners = _owners(tx, {_name(one.get("session_id")) for one in records})
    for record in records:
        try:
            row_id, owner = _identified(record, owners)
            rows.setdefault(row_id, (make(record, row_id, owner), owner))
        except RecordError as finding:
            taken.refused.append({"id": text(record.get("id"), 64), "why": str(finding)})
        else:
            taken.accepted += 1
    known = set(tx.scalars(select(kind.id).where(kind.id.in_(rows))))
    taken.fresh = [pair for row_id, pair in rows.items() if row_id not in known]
    tx.add_all(row for row, _ in taken.fresh)
    tx.flush()
    return taken


def moment(value: object, owner: Owner, clock: Clock) -> datetime:
    """Return when it was: not before the session, where retention would take it, nor in the future."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise RecordError("at is not a moment with a time zone")
    return max(min(at, clock.now()), owner.session.requested_at)


def text(value: object, longest: int) -> str:
    """Return text that both databases hold and no reader stumbles over: strangers write hosts and names."""
    found = value if isinstance(value, str) else ""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in found[:longest])


def _owners(tx: Tx, session_ids: set[str]) -> dict[str, Owner]:
    query = select(SessionRow, UserRow.name).join(UserRow, SessionRow.user_id == UserRow.id)
    found = tx.execute(query.where(SessionRow.id.in_(session_ids)))
    return {session.id: Owner(session, user) for session, user in found}


def _identified(record: Mapping[str, Any], owners: Mapping[str, Owner]) -> tuple[str, Owner]:
    row_id, owner = _name(record.get("id")), owners.get(_name(record.get("session_id")))
    if not row_id:
        raise RecordError("the id is not 1 to 64 letters, digits and _ . : -")
    if owner is None:
        raise RecordError("there is no such session")
    return row_id, owner


def _name(value: object) -> str:
    """Return what can be looked for; "" for what nothing is called."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""
