"""Looks at tables and settings, one function a fact. They read, count and say it; none of them rounds up."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, select

from nbkeep.egress.parse import parse_rule
from nbkeep.model.grantee import EVERYONE, ROLE
from nbkeep.store.audit_tables import CheckpointRow, ForwardRow
from nbkeep.store.data_tables import DatasetRow
from nbkeep.store.meter_tables import MeterDayRow, MeterIntervalRow
from nbkeep.store.model_tables import ModelCallRow
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.package_tables import AdvisoryRow
from nbkeep.store.project_tables import ProjectRow
from nbkeep.store.tables import (
    ApiTokenRow,
    DeclaredConnectionRow,
    ProfileRow,
    SecretGrantRow,
    SecretLeaseRow,
    SecretRow,
    SecretVersionRow,
    UserRow,
)

from .values import Found, Status

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.store.database import Tx

    from .values import Scene

YOUNG_DAYS = 90
_DAY_S = 86400
_WIDE_PREFIX = 8  # 10.0.0.0/8 is a network of an organisation; what is larger is none


def checkpoints(tx: Tx, scene: Scene) -> Found:
    """Signatures under the journal."""
    return _there(_count(tx, CheckpointRow.seq, *_within(CheckpointRow.at, scene)), "checkpoints were signed")


def forwards(tx: Tx, _scene: Scene) -> Found:
    """Destinations; one that fails or is paused lacks records."""
    rows = list(tx.scalars(select(ForwardRow)))
    well = sum(not row.paused and row.failing_since is None and row.last_ok_at is not None for row in rows)
    return _of(
        well,
        len(rows),
        "destinations have taken records and neither fail nor are paused",
        "the journal is sent nowhere",
    )


def connections(tx: Tx, scene: Scene) -> Found:
    """Count attempts to reach hosts."""
    there = _within(ConnectionRow.at, scene)
    count = _count(tx, ConnectionRow.id, *there)
    refused = _count(tx, ConnectionRow.id, *there, ConnectionRow.allowed.is_(False))
    found = _there(count, f"connections are on record, {refused} of them refused")
    return _kept(found, scene, scene.settings.connections_retention_s)


def usage(tx: Tx, scene: Scene) -> Found:
    """Days of the meter."""
    days = MeterDayRow.day >= scene.span.first.isoformat(), MeterDayRow.day <= scene.span.last.isoformat()
    count = tx.scalar(select(func.count()).select_from(MeterDayRow).where(*days)) or 0
    running = _count(
        tx, MeterIntervalRow.id, MeterIntervalRow.ended_at.is_(None), MeterIntervalRow.began_at < scene.until
    )
    return _there(
        count + running, f"sums by day, person and resource are on record ({running} still running)"
    )


def model_calls(tx: Tx, scene: Scene) -> Found:
    """Count calls of models."""
    found = _there(
        _count(tx, ModelCallRow.id, *_within(ModelCallRow.at, scene)), "calls of models are on record"
    )
    return _kept(found, scene, scene.settings.model_calls_retention_s)


def people(tx: Tx, _scene: Scene) -> Found:
    """Accounts that work."""
    by_role = select(UserRow.role, func.count()).where(UserRow.status == "active").group_by(UserRow.role)
    roles: dict[str, int] = {str(role): int(count) for role, count in tx.execute(by_role)}
    told = ", ".join(f"{role.removeprefix('notebook.')} {count}" for role, count in sorted(roles.items()))
    return _there(sum(roles.values()), f"people may sign in ({told})" if told else "people may sign in")


def profiles(tx: Tx, _scene: Scene) -> Found:
    """Count what may be started."""
    rows = _profiles(tx)
    images = len({row.image for row in rows})
    return _there(len(rows), f"profiles may be started, of {images} images")


def profiles_closed(tx: Tx, _scene: Scene) -> Found:
    """Profiles whose sessions reach named hosts only; a trial refuses nothing."""
    rows = _profiles(tx)
    closed = sum(
        not (row.public_internet or row.egress_dry_run or any(map(_is_wide, row.egress_allowlist)))
        for row in rows
    )
    return _of(
        closed, len(rows), "profiles let sessions reach only what is on their lists", "there is no profile"
    )


def datasets(tx: Tx, _scene: Scene) -> Found:
    """Count the catalogue; a dataset whose owner has gone has none."""
    owners = list(
        tx.execute(select(DatasetRow.id, UserRow.status).join(UserRow, UserRow.id == DatasetRow.owner_id))
    )
    owned = sum(status == "active" for _, status in owners)
    return _of(
        owned,
        len(owners),
        "datasets have a class, a purpose and an owner with a live account",
        "the catalogue is empty",
    )


def declared(tx: Tx, _scene: Scene) -> Found:
    """Count declared connections."""
    return _there(_count(tx, DeclaredConnectionRow.id), "connections to services are declared")


def projects(tx: Tx, _scene: Scene) -> Found:
    """Projects."""
    return _there(_count(tx, ProjectRow.id, ProjectRow.archived_at.is_(None)), "projects group people")


def tokens(tx: Tx, scene: Scene) -> Found:
    """Tell how far away the ends of live tokens are; each has one."""
    live = (ApiTokenRow.revoked_at.is_(None), ApiTokenRow.expires_at > scene.now)
    rows = list(tx.execute(select(ApiTokenRow.created_at, ApiTokenRow.expires_at).where(*live)))
    if not rows:
        return Found(0, "No API token is live.", Status.NOT_COVERED)
    last = max(end for _, end in rows)
    short = sum(end - begin <= timedelta(days=YOUNG_DAYS) for begin, end in rows)
    told = f"{short} of {len(rows)} live API tokens end within {YOUNG_DAYS} days of their making"
    told += f"; the last on {last:%Y-%m-%d}."
    return Found(short, told, _share(short, len(rows)))


def secrets_owned(tx: Tx, _scene: Scene) -> Found:
    """Secrets of people who are gone are nobody's."""
    rows = _secrets(tx)
    active = set(tx.scalars(select(UserRow.id).where(UserRow.status == "active"))) | {"operator"}
    owned = sum(row.owner_id in active for row in rows)
    return _of(owned, len(rows), "secrets have an owner with a live account", "no secret is kept")


def secrets_young(tx: Tx, scene: Scene) -> Found:
    """How old values are. Of those in another vault nothing is known here."""
    rows = _secrets(tx)
    newest = select(SecretVersionRow.secret_id, func.max(SecretVersionRow.created_at))
    made: dict[str, datetime] = {
        str(id_): at for id_, at in tx.execute(newest.group_by(SecretVersionRow.secret_id))
    }
    edge = scene.now - timedelta(days=YOUNG_DAYS)
    here = [row for row in rows if not row.source]
    young = sum(made.get(row.id, row.created_at) >= edge for row in here)
    elsewhere = len(rows) - len(here)
    found = _of(young, len(rows), f"secrets have a value of the last {YOUNG_DAYS} days", "no secret is kept")
    if elsewhere:
        unknown = f"Of the age of {elsewhere}, which lie in another vault, nothing is known here."
        return Found(found.number, f"{found.sentence} {unknown}", found.status)
    return found


def secrets_bound(tx: Tx, _scene: Scene) -> Found:
    """Hosts that values may be sent to."""
    rows = _secrets(tx)
    bound = sum(bool(row.hosts) for row in rows)
    return _of(bound, len(rows), "secrets may be sent to named hosts only", "no secret is kept")


def secrets_sealed(tx: Tx, _scene: Scene) -> Found:
    """Where values lie."""
    rows = _secrets(tx)
    sealed = set(tx.scalars(select(SecretVersionRow.secret_id).where(SecretVersionRow.sealed.is_not(None))))
    count = sum(row.id in sealed or bool(row.source) for row in rows)
    return _of(
        count, len(rows), "secrets are encrypted here, or lie in a vault elsewhere", "no secret is kept"
    )


def secrets_narrow(tx: Tx, _scene: Scene) -> Found:
    """Grants to a role or to everyone reach people whom nobody named."""
    rows = _secrets(tx)
    wide = {
        secret_id
        for secret_id, grantee in tx.execute(select(SecretGrantRow.secret_id, SecretGrantRow.grantee))
        if grantee == EVERYONE or grantee.startswith(ROLE)
    }
    narrow = sum(row.id not in wide for row in rows)
    return _of(
        narrow,
        len(rows),
        "secrets are granted to named people and projects, or to nobody",
        "no secret is kept",
    )


def leases_single(tx: Tx, scene: Scene) -> Found:
    """Tell which secrets several people's sessions had: these share it."""
    per_secret = (
        select(func.count(func.distinct(SecretLeaseRow.user_id)))
        .where(*_within(SecretLeaseRow.started_at, scene))
        .group_by(SecretLeaseRow.secret_id)
    )
    counts = list(tx.scalars(per_secret))
    return _of(
        sum(one == 1 for one in counts),
        len(counts),
        "leased secrets were used by one person's sessions only",
        "no secret was leased",
    )


def advisories(tx: Tx, _scene: Scene) -> Found:
    """Known vulnerabilities."""
    count = tx.scalar(select(func.count(func.distinct(AdvisoryRow.id)))) or 0
    return _there(count, "advisories are loaded")


def packages_governed(tx: Tx, _scene: Scene) -> Found:
    """Profiles by what they say of packages."""
    rows = _profiles(tx)
    governed = sum(bool(row.packages and row.packages.get("no_vulnerable")) for row in rows)
    return _of(
        governed, len(rows), "profiles refuse packages with known vulnerabilities", "there is no profile"
    )


def https(_tx: Tx, scene: Scene) -> Found:
    """Tell how the portal is reached."""
    return _is(
        scene.settings.public_url.startswith("https://"),
        "The portal's address is https.",
        "The portal's address is not https: what browsers send is not encrypted by nbkeep.",
    )


def own_origins(_tx: Tx, scene: Scene) -> Found:
    """Whether notebooks share the portal's origin."""
    return _is(
        not scene.settings.unsafe_shared_origin,
        "Each session has an origin of its own.",
        "Sessions share the portal's origin (unsafe_shared_origin).",
    )


def no_self_approval(_tx: Tx, scene: Scene) -> Found:
    """Whether two people are needed."""
    return _is(
        not scene.settings.grants_self_approval,
        "Who asks for access cannot approve it.",
        "Admins may approve what they asked for themselves (grants_self_approval).",
    )


def pii_closes(_tx: Tx, scene: Scene) -> Found:
    """Tell what personal data does to a session."""
    return _is(
        scene.settings.pii_closes_internet,
        "A session that has read personal data loses the public internet.",
        "A session that has read personal data keeps the public internet (pii_closes_internet).",
    )


def keys_apart(_tx: Tx, scene: Scene) -> Found:
    """Where master keys lie."""
    settings = scene.settings
    apart = sum(bool(one) for one in (settings.vault_key, settings.audit_key, settings.state_key))
    return _of(apart, 3, "master keys lie outside of the data directory", "")


def _is_wide(rule: str) -> bool:
    """Tell whether a rule of an allow-list opens all names, or a part of all addresses."""
    host = parse_rule(rule, effect="allow", source="").host
    return host == "*" or ("/" in host and ipaddress.ip_network(host).prefixlen < _WIDE_PREFIX)


def _profiles(tx: Tx) -> list[ProfileRow]:
    return list(tx.scalars(select(ProfileRow).where(ProfileRow.deleted_at.is_(None), ProfileRow.enabled)))


def _secrets(tx: Tx) -> list[SecretRow]:
    return list(tx.scalars(select(SecretRow).where(SecretRow.revoked_at.is_(None))))


def _count(tx: Tx, column: Any, *where: ColumnElement[bool]) -> int:
    return tx.scalar(select(func.count(column)).where(*where)) or 0


def _within(column: Any, scene: Scene) -> tuple[ColumnElement[bool], ...]:
    return column >= scene.span.begin, column < scene.until


def _there(count: int, words: str) -> Found:
    return Found(count, f"{count:,} {words}.", Status.COVERED if count else Status.NOT_COVERED)


def _of(count: int, whole: int, words: str, none: str) -> Found:
    """Say how many of how many. None of none is no fact."""
    if not whole:
        return Found(0, f"No fact: {none}.", Status.NOT_COVERED)
    return Found(count, f"{count:,} of {whole:,} {words}.", _share(count, whole))


def _share(count: int, whole: int) -> Status:
    return Status.COVERED if count == whole else Status.PARTLY if count else Status.NOT_COVERED


def _is(yes: object, good: str, bad: str) -> Found:
    return Found(int(bool(yes)), good if yes else bad, Status.COVERED if yes else Status.NOT_COVERED)


def _kept(found: Found, scene: Scene, retention_s: int) -> Found:
    """Say so when a part of the days is so long ago that its record was deleted."""
    kept_from: datetime = scene.now - timedelta(seconds=retention_s)
    if kept_from <= scene.span.begin:
        return found
    edge = f"{kept_from:%Y-%m-%d}"
    told = (
        f"{found.sentence} Those before {edge} are deleted: they are kept for {retention_s // _DAY_S} days."
    )
    return Found(found.number, told, Status.PARTLY if found.number else Status.NOT_COVERED)
