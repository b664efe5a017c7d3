"""Datasets, connections, places reached and providers of models, as the inventory shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, func, select

from nbkeep.shares.records import audiences_of
from nbkeep.shares.values import ANYONE
from nbkeep.store.data_tables import DatasetReadRow, DatasetRow
from nbkeep.store.model_tables import ModelCallRow, ModelProviderRow
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.share_tables import ShareRow
from nbkeep.store.tables import ConnectionGrantRow, DeclaredConnectionRow

from .values import LOOKS_BACK, Thing, level_of

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts
    from nbkeep.store.database import Tx

    from .values import Owners


def datasets(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Return the catalogue."""
    now = parts.clock.now()
    reads = {
        dataset_id: (count, last)
        for dataset_id, count, last in tx.execute(
            select(DatasetReadRow.dataset_id, func.count(), func.max(DatasetReadRow.first_at)).group_by(
                DatasetReadRow.dataset_id
            )
        )
    }
    found: list[Thing] = []
    for row in tx.scalars(select(DatasetRow)):
        owner = owners.get(row.owner_id)
        count, last = reads.get(row.id, (0, None))
        unowned = (
            "" if owner and owner.is_active else "Its owner is not active: publish it with another owner."
        )
        level, todo = level_of(now, expires_at=None, unowned=unowned)
        found.append(
            Thing(
                "datasets",
                "dataset",
                row.id,
                row.name,
                owner=owner.name if owner else "",
                purpose=row.purpose,
                classification=row.classification,
                exposure=f"{row.host}:{row.port}, read by {count} sessions",
                created_at=row.created_at,
                last_used_at=last,
                level=level,
                todo=todo,
                details={"bucket": row.bucket, "prefix": row.prefix},
            )
        )
    return found


def shares(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Return documents that others may look at."""
    now = parts.clock.now()
    rows = tx.scalars(select(ShareRow).where(ShareRow.revoked_at.is_(None), ShareRow.expires_at > now)).all()
    audiences = audiences_of(tx)
    found: list[Thing] = []
    for row in rows:
        owner, audience = owners.get(row.owner_id), audiences.get(row.id, [])
        unowned = ""
        if owner is None or not owner.is_active:
            unowned = "Its owner is not active, and it shows nothing: `nbkeep share revoke ID --reason …`."
        attention = ""
        if ANYONE in audience and parts.settings.share_with_anyone and row.classification != "public":
            attention = "Whoever has its link sees it: ask its owner whether it must be."
        level, todo = level_of(now, expires_at=None, unowned=unowned, attention=attention)
        found.append(
            Thing(
                "shares",
                row.kind,
                row.id,
                row.title,
                owner=row.owner,
                purpose=row.description[:200],
                classification=row.classification,
                exposure=", ".join(audience[:5]) + (f" and {len(audience) - 5} more" if audience[5:] else ""),
                created_at=row.created_at,
                last_used_at=row.last_viewed_at,
                expires_at=row.expires_at,
                level=level,
                todo=todo,
                details={"sha256": row.sha256, "form": row.form, "views": row.views, "for": audience},
            )
        )
    return found


def connections(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Return the declared connections, and when each was last used within 30 days."""
    now = parts.clock.now()
    active = {one.name for one in owners.values() if one.is_active}
    granted: dict[str, list[str]] = {}
    for connection_id, grantee in tx.execute(
        select(ConnectionGrantRow.connection_id, ConnectionGrantRow.grantee)
    ):
        granted.setdefault(connection_id, []).append(grantee)
    hosts = select(DeclaredConnectionRow.host)
    used = {
        (host, port): last
        for host, port, last in tx.execute(
            select(ConnectionRow.host, ConnectionRow.port, func.max(ConnectionRow.at))
            .where(
                ConnectionRow.protocol.in_(("tcp", "postgres")),
                ConnectionRow.host.in_(hosts),  # with the time, what an index is read by
                ConnectionRow.at >= now - LOOKS_BACK,
            )
            .group_by(ConnectionRow.host, ConnectionRow.port)
        )
    }
    found: list[Thing] = []
    for row in tx.scalars(select(DeclaredConnectionRow)):
        to = sorted(granted.get(row.id, []))
        is_known = row.created_by in active or row.created_by == "operator"
        attention = ""
        if row.tls == "off" and row.kind == "postgres":
            attention = "Its traffic is not encrypted: declare it anew with TLS."
        elif not to:
            attention = "It is granted to nobody: remove it, with `nbkeep connection remove`."
        unowned = "" if is_known else f"{row.created_by}, who declared it, is not active: find an owner."
        level, todo = level_of(now, expires_at=None, unowned=unowned, attention=attention)
        found.append(
            Thing(
                "connections",
                row.kind,
                row.id,
                row.name,
                owner=row.created_by,
                purpose=f"{row.host}:{row.port}{' ' + row.database_name if row.database_name else ''}",
                exposure=", ".join(to[:5]) + (f" and {len(to) - 5} more" if len(to) > 5 else ""),
                created_at=row.created_at,
                last_used_at=used.get((row.host, row.port)),
                level=level,
                todo=todo,
                details={"tls": row.tls, "role": row.role, "granted_to": to},
            )
        )
    return found


def endpoints(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Return the hosts that sessions reached in the last 30 days."""
    del owners
    now = parts.clock.now()
    row = ConnectionRow
    dry = func.sum(case((row.would_block, 1), else_=0))
    query = (
        select(row.host, row.port, func.count(), func.count(func.distinct(row.user_id)),
               func.sum(row.bytes_out), func.sum(row.bytes_in), dry, func.min(row.at), func.max(row.at))
        .where(row.allowed.is_(True), row.at >= now - LOOKS_BACK)
        .group_by(row.host, row.port)
    )  # fmt: skip
    found: list[Thing] = []
    for host, port, count, people, sent, got, unruled, first, last in tx.execute(query):
        unowned = (
            ""
            if not unruled
            else (
                f"{int(unruled)} times let through by a trial alone: allow it in a profile, or end the trial."
            )
        )
        level, todo = level_of(now, expires_at=None, unowned=unowned)
        found.append(
            Thing(
                "endpoints",
                "host",
                f"{host}:{port}",
                f"{host}:{port}",
                purpose=f"reached {count} times in 30 days",
                exposure=f"{people} people",
                created_at=first,
                last_used_at=last,
                level=level,
                todo=todo,
                details={
                    "connections": count,
                    "people": people,
                    "bytes_out": int(sent),
                    "bytes_in": int(got),
                },
            )
        )
    return found


def model_providers(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Return the providers of models."""
    del owners
    now = parts.clock.now()
    used = {
        provider: (count, people, last)
        for provider, count, people, last in tx.execute(
            select(
                ModelCallRow.provider,
                func.count(),
                func.count(func.distinct(ModelCallRow.user_id)),
                func.max(ModelCallRow.at),
            )
            .where(ModelCallRow.day >= f"{now - LOOKS_BACK:%Y-%m-%d}")
            .group_by(ModelCallRow.provider)
        )
    }
    found: list[Thing] = []
    for row in tx.scalars(select(ModelProviderRow)):
        count, people, last = used.get(row.name, (0, 0, None))
        found.append(
            Thing(
                "model-providers",
                row.kind,
                row.name,
                row.name,
                owner="operator",
                purpose=f"{count} calls in 30 days",
                exposure=f"{row.host}:{row.port}, {people} people",
                created_at=row.added_at,
                last_used_at=last,
            )
        )
    return found
