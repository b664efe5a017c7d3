"""Inspections of one person: found, listed, forgotten. Nobody sees those of somebody else."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from nbkeep.model.errors import not_found
from nbkeep.rendering.kept import Documents
from nbkeep.store.inspection_tables import InspectionRow
from nbkeep.store.tables import UserRow

from . import rules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.store.interface import Parts


KEEPING = threading.Lock()
"""Documents are there before their row: who keeps one, or deletes what no row names, holds this."""


def documents_of(settings: Settings) -> Documents:
    """Return where documents lie that were looked into: apart from those that leave."""
    return Documents(settings.documents_dir / "inspected")


def find_inspection(tx: Tx, now: datetime, actor: Actor, inspection_id: str) -> InspectionRow:
    """Return one of the actor's own; raise `Refused` (404) for those of others, ended ones, and none."""
    actor.require(rules.SCOPE)
    row = tx.get(InspectionRow, inspection_id[:24])
    if row is None or row.user_id != actor.id or row.ends_at <= now:
        raise not_found(
            "inspection", inspection_id[:60], remedy="They are kept for a week: look into the document again."
        )
    return row


def list_inspections(tx: Tx, now: datetime, actor: Actor) -> Sequence[InspectionRow]:
    """Return the actor's own, newest first."""
    actor.require(rules.SCOPE)
    own = select(InspectionRow).where(InspectionRow.user_id == actor.id, InspectionRow.ends_at > now)
    return tx.scalars(own.order_by(InspectionRow.inspected_at.desc(), InspectionRow.id.desc())).all()


def forget_inspection(parts: Parts, actor: Actor, inspection_id: str) -> None:
    """Forget one of the actor's own, and its document; raises `Refused` (404)."""
    with parts.store.write() as tx:
        row = find_inspection(tx, parts.clock.now(), actor, inspection_id)
        tx.execute(delete(InspectionRow).where(InspectionRow.id == row.id))
    _sweep(parts)


def forget_ended(parts: Parts) -> None:
    """Forget what has ended, and what is too much for one person. Twice is safe.

    Of somebody whom an incident holds everything stays.
    """
    held = select(UserRow.id).where(UserRow.held_by.is_not(None))
    with parts.store.write() as tx:
        over = InspectionRow.ends_at <= parts.clock.now()
        tx.execute(delete(InspectionRow).where(over, InspectionRow.user_id.not_in(held)))
    _sweep(parts)


def _sweep(parts: Parts) -> None:
    """Delete the documents that no row names; also what a killed office left."""
    with KEEPING:
        _sweep_kept(parts)


def _sweep_kept(parts: Parts) -> None:
    documents = documents_of(parts.settings)
    with parts.store.read() as tx:
        named = {
            name
            for row in tx.execute(select(InspectionRow.sha256, InspectionRow.page_sha256))
            for name in row
        }
    for name in documents.names():
        if name not in named:
            documents.forget(name)
