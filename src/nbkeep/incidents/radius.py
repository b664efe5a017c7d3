"""The blast radius: what somebody, a session or a secret could reach, and what it did reach. Reads only."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, case, func, select

from nbkeep.data.rules import fits
from nbkeep.grants.values import State
from nbkeep.model.verdict import Allow, Refuse
from nbkeep.people.project_hosts import hosts_of_people
from nbkeep.store.data_tables import DatasetReadRow, DatasetRow
from nbkeep.store.model_tables import ModelCallRow
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.tables import (
    ApiTokenRow,
    GrantRow,
    JournalRow,
    ProfileRow,
    SecretLeaseRow,
    SecretRow,
    SessionRow,
    UserRow,
)
from nbkeep.vault.records import person_now, usable_by

from .concerned import concerned_by, find_target, is_last_admin
from .rules import may_shut_out
from .values import ADMIN, Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import InstrumentedAttribute

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .values import Concerned, Kind, Target

LOOKS_BACK = timedelta(days=30)
# What an incident keeps of what was looked at before it.
RADIUS = ("kind", "subject_id", "subject", "at", "since", "could", "did")
_MOST = 200
_RUNS, _DOWNLOADS = "execution.started", "file.downloaded"


def preview(tx: Tx, clock: Clock, actor: Actor, kind: Kind, name: str) -> dict[str, Any]:
    """Return what opening an incident would do, and what is known to be concerned. Needs `admin:incidents`.

    Nothing is changed, so that no transaction that writes is needed, nor is one right: sums of a month take a
    while. `refusal` says why it could not be opened, where that is so. Raises `Refused` (404) where there is
    no such subject.
    """
    actor.require(ADMIN)
    found = concerned_by(tx, find_target(tx, kind, name))
    refusal = refusal_of(tx, actor, found)
    told = None if refusal is None else {"code": refusal.code, "message": refusal.message,
                                         "remedy": refusal.remedy}  # fmt: skip
    return {**_radius_of(tx, clock, found), "will": what_is_done(found), "refusal": told}


def refusal_of(tx: Tx, actor: Actor, found: Concerned) -> Refuse | None:
    """Return why an incident is not opened, or None."""
    for user in found.users:
        verdict = may_shut_out(actor, user.id, user.name, is_last_admin=is_last_admin(tx, user))
        if isinstance(verdict, Refuse):
            return verdict
    return None


def what_is_done(found: Concerned) -> list[str]:
    """Return sentences: what opening does."""
    said: list[str] = []
    if found.sessions:
        said.append(
            f"Freeze {_many(len(found.sessions), 'session')}: memory stays as it is, nothing computes."
        )
    if found.kept:
        said.append(f"Keep what {_many(len(found.kept), 'suspended session')} saved, beyond its retention.")
    said += [
        f"Shut out {user.name}: sign-ins, API tokens, invitations, grants, shares, requests to let documents "
        "leave and leases of secrets end."
        for user in found.users
    ]
    if found.secret is not None:
        said.append(f"Put the secret {found.secret.name} out of use for all sessions until it is rotated.")
    return [*said, "Keep evidence: the journal's part, the network record, homes' files with their hashes."]


def _radius_of(tx: Tx, clock: Clock, found: Concerned) -> dict[str, Any]:
    """Return the blast radius as JSON values. Lists have 200 lines at most; sums are of all."""
    now = clock.now()
    span = Span(now - LOOKS_BACK, now)
    target = found.target
    return {
        "kind": target.kind,
        "subject_id": target.id,
        "subject": target.name,
        "at": now.isoformat(),
        "since": span.since.isoformat(),
        "could": _could(tx, now, found),
        "did": _did(tx, target, span),
    }


def of_target(
    target: Target, session: InstrumentedAttribute[str], user: InstrumentedAttribute[str] | None = None
) -> ColumnElement[bool]:
    """Return what selects the rows of a table that are of a target, by its columns."""
    if target.kind == "user" and user is not None:
        return user == target.id
    return session.in_(sessions_of(target))


def sessions_of(target: Target) -> Select[str]:
    """Select the ids of a target's sessions, all that ever were."""
    match target.kind:
        case "user":
            return select(SessionRow.id).where(SessionRow.user_id == target.id)
        case "session":
            return select(SessionRow.id).where(SessionRow.id == target.id)
        case "secret":
            return select(SecretLeaseRow.session_id).where(
                SecretLeaseRow.secret_id == target.id, SecretLeaseRow.last_used_at.is_not(None)
            )


def _could(tx: Tx, now: datetime, found: Concerned) -> dict[str, Any]:
    names = {user.id: user.name for user in found.owners}
    sessions = [*found.sessions, *found.kept]
    return {
        "people": [
            {"name": user.name, "role": user.role, "status": user.status,
             "last_seen_at": user.last_seen_at.isoformat() if user.last_seen_at else None}
            for user in found.owners[:_MOST]
        ],
        "sessions": [
            {"session_id": row.id, "name": row.name, "user": names.get(row.user_id, ""), "state": row.state,
             "profile": row.profile_name, "started_at": row.requested_at.isoformat()}
            for row in sessions[:_MOST]
        ],
        "profiles": _profiles(tx, sessions),
        "secrets": _secrets(tx, now, found),
        "grants": _grants(tx, now, found.users),
        "connections": sorted(
            {one for user in found.users for one in person_now(tx, user, now).connections}
        ),
        "datasets": _datasets(tx, sessions),
        "tokens": _tokens(tx, now, found.users),
    }  # fmt: skip


def _profiles(tx: Tx, sessions: Sequence[SessionRow]) -> list[dict[str, Any]]:
    rows = tx.scalars(select(ProfileRow).where(ProfileRow.name.in_({row.profile_name for row in sessions})))
    added = hosts_of_people(tx, {row.user_id for row in sessions})
    found: list[dict[str, Any]] = []
    for row in rows.all():
        hosts = list(row.egress_allowlist)
        people = {one.user_id for one in sessions if one.profile_name == row.name}
        if row.project_hosts:
            hosts += [
                text for user in sorted(people) for one in added.get(user, ()) for text in one.allowlist
            ]
        found.append(
            {"name": row.name, "hosts": list(dict.fromkeys(hosts))[:_MOST],
             "public_internet": row.public_internet, "classification": row.classification}
        )  # fmt: skip
    return found


def _secrets(tx: Tx, now: datetime, found: Concerned) -> list[dict[str, Any]]:
    rows: list[SecretRow] = [found.secret] if found.secret else []
    for user in found.users:
        rows += usable_by(tx, person_now(tx, user, now))
    return [
        {"id": row.id, "name": row.name, "owner": row.owner_name, "hosts": list(row.hosts),
         "sent_as": row.kind, "last_used_at": row.last_used_at.isoformat() if row.last_used_at else None}
        for row in {one.id: one for one in rows}.values()
    ][:_MOST]  # fmt: skip


def _grants(tx: Tx, now: datetime, users: Sequence[UserRow]) -> list[dict[str, Any]]:
    query = select(GrantRow).where(
        GrantRow.user_id.in_({user.id for user in users}),
        GrantRow.state == State.GRANTED.value,
        GrantRow.expires_at > now,
    )
    return [
        {"id": row.id, "subject": row.subject, "kind": row.kind, "profile": row.profile_name,
         "until": row.expires_at.isoformat() if row.expires_at else None}
        for row in tx.scalars(query.order_by(GrantRow.id).limit(_MOST))
    ]  # fmt: skip


def _datasets(tx: Tx, sessions: Sequence[SessionRow]) -> list[dict[str, Any]]:
    ceilings = {str(row.profile.get("classification", "")) for row in sessions}
    return [
        {"name": row.name, "classification": row.classification}
        for row in tx.scalars(select(DatasetRow).order_by(DatasetRow.name))
        if any(isinstance(fits(row.classification, one, row.name), Allow) for one in ceilings)
    ][:_MOST]


def _tokens(tx: Tx, now: datetime, users: Sequence[UserRow]) -> list[dict[str, Any]]:
    query = select(ApiTokenRow).where(
        ApiTokenRow.user_id.in_({user.id for user in users}),
        ApiTokenRow.revoked_at.is_(None),
        ApiTokenRow.expires_at > now,
    )
    return [
        {"id": row.id, "name": row.name, "scopes": row.scopes, "until": row.expires_at.isoformat(),
         "last_used_at": row.last_used_at.isoformat() if row.last_used_at else None}
        for row in tx.scalars(query.order_by(ApiTokenRow.id).limit(_MOST))
    ]  # fmt: skip


def _did(tx: Tx, target: Target, span: Span) -> dict[str, Any]:
    return {
        "hosts": _hosts(tx, target, span),
        "datasets": _reads(tx, target, span),
        "models": _models(tx, target, span),
        "secrets": _uses(tx, target),
        "executions": _count(tx, target, span, _RUNS),
        "downloads": _count(tx, target, span, _DOWNLOADS),
    }


def _hosts(tx: Tx, target: Target, span: Span) -> list[dict[str, Any]]:
    row = ConnectionRow
    let = func.sum(case((row.allowed, 1), else_=0))
    query = (
        select(row.host, row.port, let, func.count(), func.sum(row.bytes_out), func.sum(row.bytes_in),
               func.min(row.at), func.max(row.at))
        .where(of_target(target, row.session_id, row.user_id), row.at >= span.since)
        .group_by(row.host, row.port)
        .order_by(func.sum(row.bytes_out).desc(), row.host, row.port)
        .limit(_MOST)
    )  # fmt: skip
    return [
        {"host": host, "port": port, "reached": int(reached), "refused": count - int(reached),
         "bytes_out": int(sent), "bytes_in": int(got), "first_at": _iso(first), "last_at": _iso(last)}
        for host, port, reached, count, sent, got, first, last in tx.execute(query)
    ]  # fmt: skip


def _reads(tx: Tx, target: Target, span: Span) -> list[dict[str, Any]]:
    row = DatasetReadRow
    query = (
        select(row.dataset, row.classification, func.count(), func.min(row.first_at), func.max(row.first_at))
        .where(of_target(target, row.session_id), row.first_at >= span.since)
        .group_by(row.dataset, row.classification)
        .order_by(row.dataset, row.classification)
        .limit(_MOST)
    )
    return [
        {"name": name, "classification": kind, "sessions": count, "first_at": _iso(first),
         "last_at": _iso(last)}
        for name, kind, count, first, last in tx.execute(query)
    ]  # fmt: skip


def _models(tx: Tx, target: Target, span: Span) -> list[dict[str, Any]]:
    row = ModelCallRow
    query = (
        select(row.provider, row.model, func.count(), func.sum(row.tokens_in), func.sum(row.tokens_out),
               func.max(row.at))
        .where(of_target(target, row.session_id, row.user_id), row.at >= span.since)
        .group_by(row.provider, row.model)
        .order_by(row.provider, row.model)
        .limit(_MOST)
    )  # fmt: skip
    return [
        {"provider": provider, "model": model, "calls": count, "tokens_in": int(into),
         "tokens_out": int(out), "last_at": _iso(last)}
        for provider, model, count, into, out, last in tx.execute(query)
    ]  # fmt: skip


def _uses(tx: Tx, target: Target) -> list[dict[str, Any]]:
    lease = SecretLeaseRow
    whose = (
        lease.secret_id == target.id
        if target.kind == "secret"
        else of_target(target, lease.session_id, lease.user_id)
    )
    query = (
        select(SecretRow.name, UserRow.name, lease.session_id, lease.last_used_at)
        .join(SecretRow, SecretRow.id == lease.secret_id)
        .join(UserRow, UserRow.id == lease.user_id)
        .where(whose, lease.last_used_at.is_not(None))
        .order_by(lease.last_used_at.desc(), lease.id)
        .limit(_MOST)
    )
    return [
        {"name": name, "user": user, "session_id": session_id, "last_at": _iso(at)}
        for name, user, session_id, at in tx.execute(query)
    ]


def _count(tx: Tx, target: Target, span: Span, kind: str) -> dict[str, Any]:
    row = JournalRow
    query = select(func.count(), func.min(row.at), func.max(row.at)).where(
        row.session_id.in_(sessions_of(target)), row.type == kind, row.at >= span.since
    )
    count, first, last = tx.execute(query).one()
    return {"count": count, "first_at": _iso(first), "last_at": _iso(last)}


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
