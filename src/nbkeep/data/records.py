"""Reading the catalogue: one by name, all, and what the gateways of live sessions are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.model.errors import not_found
from nbkeep.model.session import LIVE, SessionState
from nbkeep.store.data_tables import DatasetRow
from nbkeep.store.tables import ProfileRow, SecretLeaseRow, SessionRow

from .rules import ADMIN, SEE
from .values import Reader, Source, Told

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

    # When live grants end, by the name of the dataset; of each user in sessions of each profile.
    Granted = Mapping[tuple[str, str], Mapping[str, tuple[datetime, datetime]]]

_READING = frozenset(state.value for state in LIVE - {SessionState.STOPPING})


def source_of(row: DatasetRow) -> Source:
    """Return a dataset as gateways know it."""
    return Source(row.id, row.name, row.classification, row.host, row.port, row.bucket, row.prefix,
                  row.region, tuple(row.samples), row.secret_id or "")  # fmt: skip


def list_datasets(tx: Tx, actor: Actor) -> list[DatasetRow]:
    """Return all datasets, by name: everybody with sessions may know of them, to ask for them."""
    if not actor.may(ADMIN):
        actor.require(SEE)
    return list(tx.scalars(select(DatasetRow).order_by(DatasetRow.name)))


def find_dataset(tx: Tx, actor: Actor, which: str) -> DatasetRow:
    """Return a dataset by name or id; raises `Refused` (404)."""
    found = next((row for row in list_datasets(tx, actor) if which in {row.name, row.id}), None)
    if found is None:
        raise not_found("dataset", which[:60])
    return found


def ceiling_of(tx: Tx, profile_name: str) -> str:
    """Return the class that sessions of a profile are cleared for as it is now, "" where it is gone."""
    profile = tx.get(ProfileRow, profile_name)
    return profile.classification if profile is not None else ""


def live_readers(tx: Tx, granted: Granted, only: str = "") -> Told:
    """Return all datasets, and what decides for each live session; `only`: the id of the one that matters.

    `granted`: by the user's id and the profile's name, for each dataset when its grant was asked for and when
    it ends. One that was asked for before the dataset was published was for another one of that name.
    """
    rows = list(tx.scalars(select(DatasetRow).order_by(DatasetRow.name)))
    if not rows:
        return Told()
    secrets = [row.secret_id for row in rows if row.secret_id]
    leases: dict[str, dict[str, str]] = {}
    found = select(SecretLeaseRow.session_id, SecretLeaseRow.secret_id, SecretLeaseRow.id)
    for session_id, secret_id, lease_id in tx.execute(
        found.where(SecretLeaseRow.ended_at.is_(None), SecretLeaseRow.secret_id.in_(secrets))
    ):
        leases.setdefault(session_id, {})[secret_id] = lease_id
    cleared = tx.execute(select(ProfileRow.name, ProfileRow.classification))
    ceilings = {row.name: row.classification for row in cleared}
    began = {row.name: row.created_at for row in rows}
    sessions = select(SessionRow.id, SessionRow.user_id, SessionRow.profile_name)
    sessions = sessions.where(SessionRow.quarantine.is_(False))
    if only:
        sessions = sessions.where(SessionRow.id == only)
    readers: dict[str, Reader] = {}
    for session_id, user_id, profile in tx.execute(
        sessions.where(SessionRow.state.in_(_READING), SessionRow.held_by.is_(None)).order_by(SessionRow.id)
    ):
        mine = granted.get((user_id, profile), {})
        until = {
            name: ends_at.isoformat()
            for name, (asked_at, ends_at) in mine.items()
            if name in began and asked_at >= began[name]
        }
        readers[session_id] = Reader(ceilings.get(profile, ""), until, leases.get(session_id, {}))
    return Told(tuple(source_of(row) for row in rows), readers)
