"""What sessions installed, which of it nobody has looked at, and who approved what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version
from sqlalchemy import and_, func, select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, invalid
from nbkeep.store.package_tables import PackageApprovalRow, PackageInstallRow
from nbkeep.store.tables import UserRow

from .pages import normalised
from .records import touch_facts

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx


def installs_of(tx: Tx, actor: Actor, session_id: str, limit: int) -> list[dict[str, Any]]:
    """Return what a session fetched and was refused, newest first: your own, or any with `network:read`.

    "Not yours" and "not there" answer alike: with nothing.
    """
    query = select(PackageInstallRow).where(PackageInstallRow.session_id == session_id)
    if not actor.may("network:read"):
        actor.require("sessions")
        query = query.where(PackageInstallRow.user_id == actor.id)
    newest = query.order_by(PackageInstallRow.at.desc(), PackageInstallRow.id.desc()).limit(limit)
    approved = _approved(tx)
    return [_install(row, is_approved=(row.name, row.version) in approved) for row in tx.scalars(newest)]


def unreviewed(tx: Tx, actor: Actor, limit: int) -> list[dict[str, Any]]:
    """Return versions that sessions installed and nobody has approved, the latest first."""
    actor.require("network:read")
    is_same = and_(
        PackageApprovalRow.name == PackageInstallRow.name,
        PackageApprovalRow.version == PackageInstallRow.version,
    )
    query = (
        select(
            PackageInstallRow.name,
            PackageInstallRow.version,
            func.count(PackageInstallRow.session_id.distinct()),
            func.min(UserRow.name),
            func.count(PackageInstallRow.user_id.distinct()),
            func.min(PackageInstallRow.at),
            func.max(PackageInstallRow.at),
        )
        .join(UserRow, PackageInstallRow.user_id == UserRow.id)
        .outerjoin(PackageApprovalRow, is_same)
        .where(PackageInstallRow.outcome == "installed", PackageApprovalRow.name.is_(None))
        .group_by(PackageInstallRow.name, PackageInstallRow.version)
        .order_by(func.max(PackageInstallRow.at).desc(), PackageInstallRow.name)
        .limit(limit)
    )
    return [
        {
            "name": name,
            "version": version,
            "sessions": sessions,
            "users": users,
            "user": user if users == 1 else "",
            "first_at": first.isoformat(),
            "last_at": last.isoformat(),
        }
        for name, version, sessions, user, users, first, last in tx.execute(query)
    ]


def approvals(tx: Tx, actor: Actor) -> list[dict[str, Any]]:
    """Return what is approved, by name."""
    actor.require("network:read")
    query = select(PackageApprovalRow).order_by(PackageApprovalRow.name, PackageApprovalRow.version)
    return [_approval(row) for row in tx.scalars(query)]


def approve(tx: Tx, clock: Clock, actor: Actor, package: str) -> dict[str, Any]:
    """Approve `NAME==VERSION`; running sessions may fetch it within a second. Twice is safe."""
    actor.require("admin:profiles")
    name, version = _parsed(package)
    row = tx.get(PackageApprovalRow, (name, version))
    if row is None:
        row = PackageApprovalRow(
            name=name, version=version, approved_by=actor.name[:60], approved_at=clock.now()
        )
        tx.add(row)
        touch_facts(tx, clock)
        journal.append(tx, clock, actor, events.PackageApproved(name=name, version=version))
    return _approval(row)


def revoke(tx: Tx, clock: Clock, actor: Actor, package: str) -> None:
    """Take an approval back; raises `Refused` (404) where there is none."""
    actor.require("admin:profiles")
    name, version = _parsed(package)
    row = tx.get(PackageApprovalRow, (name, version))
    if row is None:
        raise Refused("approval-not-found", f"{name}=={version} is not approved.",
                      "See `nbkeep packages approved`.", status=404)  # fmt: skip
    tx.delete(row)
    touch_facts(tx, clock)
    journal.append(tx, clock, actor, events.PackageRevoked(name=name, version=version))


def _parsed(package: str) -> tuple[str, str]:
    name, equals, version = package.partition("==")
    found = normalised(name.strip())
    if not equals or not found or len(package) > 200:  # as long as the table's columns
        raise invalid(
            "package", f"{package[:100]!r} is no version of a package.", "Write it like numpy==1.26.4."
        )
    try:
        return found, str(Version(version.strip()))
    except InvalidVersion as error:
        raise invalid(
            "package", f"{version[:100]!r} is no version.", "Write it like numpy==1.26.4."
        ) from error


def _approved(tx: Tx) -> set[tuple[str, str]]:
    return {
        (name, version)
        for name, version in tx.execute(select(PackageApprovalRow.name, PackageApprovalRow.version))
    }


def _approval(row: PackageApprovalRow) -> dict[str, Any]:
    return {"name": row.name, "version": row.version, "approved_by": row.approved_by,
            "approved_at": row.approved_at.isoformat()}  # fmt: skip


def _install(row: PackageInstallRow, *, is_approved: bool) -> dict[str, Any]:
    return {
        "id": row.id,
        "session_id": row.session_id,
        "at": row.at.isoformat(),
        "name": row.name,
        "version": row.version,
        "file": row.file,
        "index": row.index,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "outcome": row.outcome,
        "reason": row.reason,
        "approved": is_approved,
    }
