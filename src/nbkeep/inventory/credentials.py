"""What people and programs prove themselves with, as the inventory shows it: never a value."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.audit.signing import Keys, keys_of
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from nbkeep.sessions.records import LIVE_STATES
from nbkeep.sessions.state_keys import key_ids
from nbkeep.store.audit_tables import ForwardRow
from nbkeep.store.tables import (
    ApiTokenRow,
    InvitationRow,
    SecretGrantRow,
    SecretLeaseRow,
    SecretRow,
    SessionRow,
    UserRow,
)
from nbkeep.vault.master import master_keys

from .values import ATTENTION, UNUSED, Thing, level_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.sessions.interface import Parts
    from nbkeep.store.database import Tx

    from .values import Owners

_HUMAN, _OTHER = "human-credentials", "non-human-credentials"
_SHOWN = 5
_WHICH = {False: "the newest one", True: "an older one, kept to read what it made"}


def human(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Return people's passwords, and the links that make one."""
    now = parts.clock.now()
    found: list[Thing] = []
    for row in tx.scalars(
        select(UserRow).where(UserRow.status != "disabled", UserRow.password_hash.is_not(None))
    ):
        seen = row.last_seen_at or row.created_at
        is_unused = seen < now - UNUSED
        attention = (
            f"Not seen for {(now - seen).days} days: `nbkeep user disable {row.name}`." if is_unused else ""
        )
        level, todo = level_of(now, expires_at=None, attention=attention)
        found.append(
            Thing(
                _HUMAN,
                "password",
                row.id,
                row.name,
                owner=row.name,
                purpose=f"signs in as {row.role.removeprefix('notebook.')}",
                exposure="everything" if row.role == Role.ADMIN.value else "their own sessions",
                created_at=row.created_at,
                last_used_at=row.last_seen_at,
                level=level,
                todo=todo,
            )
        )
    links = select(InvitationRow).where(
        InvitationRow.used_at.is_(None), InvitationRow.revoked_at.is_(None), InvitationRow.expires_at > now
    )
    for link in tx.scalars(links):
        owner = owners.get(link.user_id)
        level, todo = level_of(now, expires_at=link.expires_at)
        found.append(
            Thing(
                _HUMAN,
                link.kind,
                link.id,
                f"link of {owner.name if owner else link.user_id}",
                owner=owner.name if owner else "",
                purpose="sets a password, once",
                exposure="whoever has the link",
                created_at=link.created_at,
                expires_at=link.expires_at,
                level=level,
                todo=todo,
            )
        )
    return found


def non_human(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Return what programs prove themselves with: tokens, secrets, leases, keys."""
    return [
        *_tokens(parts, tx, owners),
        *_identities(parts, tx, owners),
        *_secrets(parts, tx, owners),
        *_leases(parts, tx, owners),
        *_forwards(parts, tx, owners),
        *_keys(parts),
    ]


def _tokens(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    now = parts.clock.now()
    query = select(ApiTokenRow).where(ApiTokenRow.revoked_at.is_(None), ApiTokenRow.expires_at > now)
    found: list[Thing] = []
    for row in tx.scalars(query):
        owner = owners.get(row.user_id)
        unowned = (
            "" if owner and owner.is_active else f"Its owner is not active: `nbkeep token revoke {row.id}`."
        )
        used = row.last_used_at or row.created_at
        attention = f"Not used for {(now - used).days} days: end it." if used < now - UNUSED else ""
        level, todo = level_of(now, expires_at=row.expires_at, unowned=unowned, attention=attention)
        admin = [one for one in row.scopes if one.startswith("admin:")]
        found.append(
            Thing(
                _OTHER,
                "API token",
                row.id,
                row.name,
                owner=owner.name if owner else "",
                purpose=row.prefix,
                exposure=f"{len(row.scopes)} scopes"
                + (f", of admins: {', '.join(admin[:_SHOWN])}" if admin else ""),
                created_at=row.created_at,
                last_used_at=row.last_used_at,
                expires_at=row.expires_at,
                level=level,
                todo=todo,
                details={"scopes": row.scopes},
            )
        )
    return found


def _identities(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    del parts
    row = SessionRow
    query = select(row.id, row.name, row.user_id, row.started_at, row.last_heartbeat_at).where(
        row.state.in_(LIVE_STATES), row.token_hash.is_not(None)
    )
    return [
        Thing(
            _OTHER,
            "session's identity",
            session_id,
            name,
            owner=owners[user_id].name if user_id in owners else "",
            purpose="reports of one session",
            exposure="its trusted half",
            created_at=started,
            last_used_at=heard,
        )
        for session_id, name, user_id, started, heard in tx.execute(query)
    ]


def _secrets(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    now = parts.clock.now()
    granted: dict[str, list[str]] = {}
    for secret_id, grantee in tx.execute(select(SecretGrantRow.secret_id, SecretGrantRow.grantee)):
        granted.setdefault(secret_id, []).append(grantee)
    found: list[Thing] = []
    for row in tx.scalars(select(SecretRow).where(SecretRow.revoked_at.is_(None))):
        owner = owners.get(row.owner_id)
        is_known = row.owner_id == "operator" or (owner is not None and owner.is_active)
        unowned = "" if is_known else f"{row.owner_name} is not active: rotate it, or end it."
        attention = ""
        used = row.last_used_at or row.created_at
        if row.held_by:
            attention = f"Out of use since the incident {row.held_by}: `nbkeep secret rotate {row.name}`."
        elif used < now - UNUSED:
            attention = f"Not used for {(now - used).days} days: end it."
        elif row.changed_at < now - 4 * UNUSED:
            attention = (
                f"Its value is {(now - row.changed_at).days} days old: `nbkeep secret rotate {row.name}`."
            )
        level, todo = level_of(now, expires_at=None, unowned=unowned, attention=attention)
        to = sorted(granted.get(row.id, []))
        found.append(
            Thing(
                _OTHER,
                "secret",
                row.id,
                row.name,
                owner=row.owner_name,
                purpose=", ".join(row.hosts[:_SHOWN]) or "datasets",
                exposure=", ".join(to[:_SHOWN])
                + (f" and {len(to) - _SHOWN} more" if len(to) > _SHOWN else ""),
                created_at=row.created_at,
                last_used_at=row.last_used_at,
                level=level,
                todo=todo,
                details={"version": row.version, "changed_at": row.changed_at.isoformat(), "kind": row.kind},
            )
        )
    return found


def _leases(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Leases by secret: each session has one, and thousands of lines would hide the rest."""
    del parts, owners
    lease = SecretLeaseRow
    query = (
        select(SecretRow.id, SecretRow.name, SecretRow.owner_name, func.count(),
               func.count(func.distinct(lease.user_id)), func.min(lease.started_at),
               func.max(lease.last_used_at))
        .join(SecretRow, SecretRow.id == lease.secret_id)
        .where(lease.ended_at.is_(None))
        .group_by(SecretRow.id, SecretRow.name, SecretRow.owner_name)
    )  # fmt: skip
    return [
        Thing(
            _OTHER,
            "leases of a secret",
            f"leases:{secret_id}",
            name,
            owner=owner,
            purpose=f"added to requests of {count} sessions",
            exposure=f"{people} people",
            created_at=first,
            last_used_at=last,
        )
        for secret_id, name, owner, count, people, first, last in tx.execute(query)
    ]


def _forwards(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    now = parts.clock.now()
    active = {one.name for one in owners.values() if one.is_active} | {"operator"}
    found: list[Thing] = []
    for row in tx.scalars(select(ForwardRow)):
        unowned = "" if row.created_by in active else f"{row.created_by}, who added it, is not active."
        attention = "Records do not arrive: `nbkeep audit forward list`." if row.failing_since else ""
        level, todo = level_of(now, expires_at=None, unowned=unowned, attention=attention)
        found.append(
            Thing(
                _OTHER,
                "key of a destination",
                row.id,
                row.name,
                owner=row.created_by,
                purpose=f"the journal goes to {row.host}:{row.port}",
                exposure=row.secret or "no secret",  # where it lies, never what it is
                created_at=row.created_at,
                last_used_at=row.last_ok_at,
                level=level,
                todo=todo,
            )
        )
    return found


def _keys(parts: Parts) -> list[Thing]:
    settings = parts.settings
    audit = Keys(keys_of(settings).place, may_make=False)  # to look at what there is makes nothing
    places: list[tuple[str, str, Path | str, Callable[[], list[str]]]] = [
        ("master key of the vault", "seals the values of secrets", settings.vault_key_at,
         lambda: [one.id for one in master_keys(settings)]),
        ("key of saved variables", "encrypts what sessions save", settings.state_key_at(),
         lambda: key_ids(settings)),
        ("key of the audit journal", "signs checkpoints, exports, evidence", settings.audit_key_at,
         lambda: [one.id for one in audit.public()]),
    ]  # fmt: skip
    found: list[Thing] = []
    for what, purpose, place, ids in places:
        where, since = (str(place), _changed(place)) if isinstance(place, Path) else (f"env:{place}", None)
        try:
            known = ids()
        except Refused as refusal:
            if isinstance(place, Path) and not place.exists() and what != "key of saved variables":
                continue  # it is made when it is first needed
            found.append(
                Thing(_OTHER, what, f"{what}:", what, owner="operator", purpose=purpose, level=ATTENTION,
                      todo=str(refusal))
            )  # fmt: skip
            continue
        lies = f"the office; lies in {place.name if isinstance(place, Path) else where}"
        found += [
            Thing(
                _OTHER,
                what,
                f"{what}:{key_id}",
                key_id,
                owner="operator",
                purpose=f"{purpose}; {_WHICH[number > 0]}",
                exposure=lies,
                created_at=since,
            )
            for number, key_id in enumerate(known)
        ]
    return [*found, *(_token_of_a_part(file) for file in sorted(settings.secrets_dir.glob("*-token")))]


def _token_of_a_part(file: Path) -> Thing:
    return Thing(
        _OTHER,
        "token of a part",
        file.name,
        file.name,
        owner="operator",
        purpose="by which the platform's parts know each other",
        exposure="this machine",
        created_at=_changed(file),
    )


def _changed(place: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(place.stat().st_mtime, UTC)
    except OSError:
        return None
