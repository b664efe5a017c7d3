"""Publish datasets and take them out. Each is one transaction with its audit records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused
from nbkeep.model.ids import new_id
from nbkeep.store.data_tables import DatasetRow
from nbkeep.store.tables import SecretRow
from nbkeep.vault import change as secrets
from nbkeep.vault import leases
from nbkeep.vault.records import person_named
from nbkeep.vault.values import Binding

from . import parse, rules
from .records import find_dataset

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .values import Source

MOST = 500


def binding_for(source: Source) -> Binding:
    """Return what the secret of a dataset must have been sealed for."""
    return Binding((f"{source.host}:{source.port}",), "s3", source.region, "s3")


def add_dataset(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    wanted: Source,
    *,
    purpose: str,
    owner: str,
    secret: str | None = None,
) -> DatasetRow:
    """Publish a dataset; sessions that run already may read what is theirs within a second.

    `owner`: the name of who decides about requests. `secret`: name or id of the keys that read it, sealed for
    exactly this host and region; none for what anybody may read. What a dataset is stays: another place is
    another dataset. Raises `Refused`: 400, 403, 404, 409.
    """
    actor.require(rules.ADMIN)
    said, person = parse.purpose(purpose), person_named(tx, owner)
    if person.status != "active":
        raise Refused("owner-not-active", f"The account of {owner} is {person.status}, and decides nothing.",
                      "Name somebody who signs in, or wait until they have accepted their invitation.",
                      status=409)  # fmt: skip
    if tx.scalar(select(DatasetRow.id).where(DatasetRow.name == wanted.name)) is not None:
        raise Refused(
            "dataset-exists",
            f"There is a dataset named {wanted.name!r}.",
            f"Choose another name, or take that one out: `nbkeep dataset remove {wanted.name}`.",
            status=409,
        )
    if (tx.scalar(select(func.count()).select_from(DatasetRow)) or 0) >= MOST:
        raise Refused("too-many-datasets", f"There are {MOST} datasets, the most there can be.",
                      "Take one out that is not needed.", status=409)  # fmt: skip
    now = clock.now()
    row = DatasetRow(
        id=new_id("dat", now),
        name=wanted.name,
        classification=wanted.classification,
        purpose=said,
        owner_id=person.id,
        host=wanted.host,
        port=wanted.port,
        bucket=wanted.bucket,
        prefix=wanted.prefix,
        region=wanted.region,
        samples=list(wanted.samples),
        secret_id=None,
        created_at=now,
        created_by=actor.name,
    )
    tx.add(row)
    tx.flush()
    if secret:
        found = secrets.grant_through(tx, clock, actor, secret, binding_for(wanted), wanted.name)
        row.secret_id = found.id
        tx.flush()
    event = events.DatasetPublished(
        dataset_id=row.id,
        name=row.name,
        classification=row.classification,
        owner=person.name,
        purpose=said,
        place=f"s3://{row.bucket}/{row.prefix}",
        host=f"{row.host}:{row.port}",
        samples=list(row.samples),
        secret_id=row.secret_id or "",
    )
    journal.append(tx, clock, actor, event)
    if row.secret_id:
        leases.begin_for_running(tx, clock, actor, tx.get_one(SecretRow, row.secret_id))
    return row


def remove_dataset(tx: Tx, clock: Clock, actor: Actor, which: str, reason: str = "") -> None:
    """Take a dataset out; what is being read is cut within a second. Its secret and its objects stay.

    Grants of it hold for nothing any more: another dataset of that name has to be asked for anew.
    """
    row = find_dataset(tx, actor, which)
    if not rules.may_change(actor, row.owner_id):
        actor.require(rules.ADMIN)
    secret = tx.get(SecretRow, row.secret_id) if row.secret_id else None
    event = events.DatasetRemoved(dataset_id=row.id, name=row.name, reason=reason.strip()[:500])
    tx.delete(row)
    tx.flush()
    if secret is not None:
        secrets.ungrant_through(tx, clock, actor, secret, row.name)
    journal.append(tx, clock, actor, event)
