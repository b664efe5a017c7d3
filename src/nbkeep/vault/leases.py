"""Leases: a session's leave to have a secret added to its requests, from its start to its end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.ids import new_id
from nbkeep.model.session import LIVE, SessionState
from nbkeep.store.tables import SecretLeaseRow, SecretRow, SessionRow, UserRow

from . import rules
from .logins.records import close_logins, numbers
from .records import People, binding_of, find_secret, grants_of, leased_grants, person_now, usable_by
from .references import role_path
from .values import GATEWAYS_OWN, ONLY_THROUGH, Leased

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

SESSION_ENDED, REVOKED, UNGRANTED, USER_DISABLED = "session-ended", "revoked", "ungranted", "user-disabled"
INCIDENT = "incident"
# A session whose end was asked for has no use for a credential any more.
_LEASABLE = frozenset(state.value for state in LIVE - {SessionState.STOPPING})

_LIVE = (
    select(SecretLeaseRow.id, SecretRow)
    .join(SecretRow, SecretRow.id == SecretLeaseRow.secret_id)
    .where(SecretLeaseRow.ended_at.is_(None), SecretRow.revoked_at.is_(None), SecretRow.held_by.is_(None))
)


def begin_leases(tx: Tx, clock: Clock, actor: Actor, session: SessionRow) -> None:
    """Lease a session all that its person may use in it now. Twice is safe."""
    user = tx.get_one(UserRow, session.user_id)
    for secret in usable_by(tx, person_now(tx, user, clock.now(), session.profile_name)):
        _begin(tx, clock, actor, secret, session, user)


def begin_for_running(tx: Tx, clock: Clock, actor: Actor, secret: SecretRow) -> None:
    """Lease a secret to the sessions that run already and whose people may use it. Twice is safe."""
    grants, now = grants_of(tx, secret.id), clock.now()
    query = select(SessionRow, UserRow).join(UserRow, UserRow.id == SessionRow.user_id)
    people = People(tx)
    for session, user in tx.execute(query.where(SessionRow.state.in_(_LEASABLE))).all():
        if rules.may_use(people.in_session(user, session.profile_name, now), grants):
            _begin(tx, clock, actor, secret, session, user)


def end_of_session(tx: Tx, clock: Clock, actor: Actor, session_id: str, reason: str = SESSION_ENDED) -> None:
    """End a session's leases: it is over, or about to be, or an incident holds it. Twice is safe."""
    _end(tx, clock, actor, SecretLeaseRow.session_id == session_id, reason)


def end_of_user(tx: Tx, clock: Clock, actor: Actor, user_id: str) -> None:
    """End the leases of all sessions of a person who was disabled. Twice is safe."""
    _end(tx, clock, actor, SecretLeaseRow.user_id == user_id, USER_DISABLED)


def end_of_secret(tx: Tx, clock: Clock, actor: Actor, secret_id: str, reason: str = REVOKED) -> None:
    """End all leases of a secret. Twice is safe."""
    _end(tx, clock, actor, SecretLeaseRow.secret_id == secret_id, reason)


def end_ungranted(tx: Tx, clock: Clock, actor: Actor, secret: SecretRow) -> None:
    """End a secret's leases to sessions in which no grant covers it any more. Twice is safe."""
    grants, now = grants_of(tx, secret.id), clock.now()
    may_use: dict[tuple[str, str], bool] = {}
    for lease_id, _, user, profile in _live(tx, SecretLeaseRow.secret_id == secret.id):
        if (user.id, profile) not in may_use:
            may_use[user.id, profile] = rules.may_use(person_now(tx, user, now, profile), grants)
        if not may_use[user.id, profile]:
            _end(tx, clock, actor, SecretLeaseRow.id == lease_id, UNGRANTED)


def end_unusable(tx: Tx, clock: Clock, actor: Actor, user_id: str) -> None:
    """End a person's leases of what their sessions may not use any more. Twice is safe."""
    usable: dict[str, set[str]] = {}
    for lease_id, secret_id, user, profile in _live(tx, SecretLeaseRow.user_id == user_id):
        if profile not in usable:
            person = person_now(tx, user, clock.now(), profile)
            usable[profile] = {row.id for row in usable_by(tx, person)}
        if secret_id not in usable[profile]:
            _end(tx, clock, actor, SecretLeaseRow.id == lease_id, UNGRANTED)


def begin_of_user(tx: Tx, clock: Clock, actor: Actor, user_id: str) -> None:
    """Lease a person's running sessions all that they may use now. Twice is safe."""
    sessions = select(SessionRow).where(SessionRow.user_id == user_id, SessionRow.state.in_(_LEASABLE))
    for session in tx.scalars(sessions).all():
        begin_leases(tx, clock, actor, session)


def renew_of_user(tx: Tx, clock: Clock, actor: Actor, user_id: str) -> None:
    """End leases that a person's role or projects gave and give no more; begin those that they give now."""
    end_unusable(tx, clock, actor, user_id)
    begin_of_user(tx, clock, actor, user_id)


def list_leases(
    tx: Tx, actor: Actor, which: str | None = None
) -> list[tuple[SecretLeaseRow, SecretRow, SessionRow, UserRow]]:
    """Return the live leases that somebody may see, the newest first; of one secret, or of all.

    An owner sees all leases of theirs, everybody those of their own sessions, `admin:secrets` all. What reads
    datasets is leased to all sessions: of that owners and admins alone hear.
    """
    query = (
        select(SecretLeaseRow, SecretRow, SessionRow, UserRow)
        .join(SecretRow, SecretRow.id == SecretLeaseRow.secret_id)
        .join(SessionRow, SessionRow.id == SecretLeaseRow.session_id)
        .join(UserRow, UserRow.id == SecretLeaseRow.user_id)
        .where(SecretLeaseRow.ended_at.is_(None))
    )
    if which is not None:
        query = query.where(SecretRow.id == find_secret(tx, actor, which).id)
    if not actor.may(rules.ADMIN):
        actor.require(rules.KEEP)
        own = (SecretLeaseRow.user_id == actor.id) & (SecretRow.kind != GATEWAYS_OWN)
        query = query.where((SecretRow.owner_id == actor.id) | own)
    return [(one[0], one[1], one[2], one[3]) for one in tx.execute(query.order_by(SecretLeaseRow.id.desc()))]


def leases_of(tx: Tx, session: SessionRow, now: datetime) -> list[tuple[Leased, str]]:
    """Return a session's live leases with the environment variables of their placeholders.

    Where several want the same place of requests to the same host, the closest counts there: the owner's own
    secret, then one granted by name, to a project, by role, to everyone; then by name.
    """
    if session.quarantine:
        return []
    query = _LIVE.where(SecretLeaseRow.session_id == session.id)
    leased = [(lease_id, secret) for lease_id, secret in tx.execute(query)]
    person = person_now(tx, tx.get_one(UserRow, session.user_id), now, session.profile_name)
    grants = {secret.id: set(grants_of(tx, secret.id)) for _, secret in leased}
    return _numbered(tx, _closest(session.id, person, leased, grants))


def live_leases(tx: Tx, people: People, now: datetime) -> list[Leased]:
    """Return the leases of all sessions, for gateways: asked for often, so in few questions."""
    query = (
        _LIVE.join(SessionRow, SessionRow.id == SecretLeaseRow.session_id)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .where(SessionRow.quarantine.is_(False))
        .add_columns(SessionRow.id, SessionRow.profile_name, UserRow)
        .order_by(SessionRow.id)
    )
    leased: dict[str, list[tuple[str, SecretRow]]] = {}
    persons: dict[str, rules.Person] = {}
    for lease_id, secret, session_id, profile, user in tx.execute(query):
        leased.setdefault(session_id, []).append((lease_id, secret))
        if session_id not in persons:
            persons[session_id] = people.in_session(user, profile, now)
    if not leased:
        return []
    grants = leased_grants(tx)
    closest = [
        one
        for session_id, found in leased.items()
        for one in _closest(session_id, persons[session_id], found, grants)
    ]
    return [lease for lease, _ in _numbered(tx, closest)]


def _numbered(tx: Tx, found: list[tuple[Leased, str]]) -> list[tuple[Leased, str]]:
    """Return them with the logins that count as versions, where each session has its own (see `logins/`)."""
    ids = [lease.lease_id for lease, _ in found if role_path(lease.binding.source)]
    if not ids:
        return found
    those = numbers(tx, ids)
    return [
        (replace(lease, version=those[lease.lease_id][0], oldest=those[lease.lease_id][1]), env)
        if lease.lease_id in those
        else (lease, env)
        for lease, env in found
    ]


def _closest(
    session_id: str,
    person: rules.Person,
    leased: Iterable[tuple[str, SecretRow]],
    grants: Mapping[str, Collection[str]],
) -> list[tuple[Leased, str]]:
    ranked: list[tuple[tuple[int, str, str], str, SecretRow]] = []
    for lease_id, secret in leased:
        to = grants.get(secret.id, ())
        by = [at for at, one in enumerate(person.grantees) if one in to]
        if by and person.is_active:
            rank = -1 if secret.owner_id == person.id else by[0]
            ranked.append(((rank, secret.name, secret.id), lease_id, secret))
    ranked.sort(key=lambda one: one[0])
    taken: set[tuple[str, str, str]] = set()
    found: list[tuple[Leased, str]] = []
    for _, lease_id, secret in ranked:
        binding = binding_of(secret)
        free = tuple(host for host in binding.hosts if _place(host, secret) not in taken)
        if free:
            taken |= {_place(host, secret) for host in free}
            kept = replace(binding, hosts=free)
            found.append((Leased(lease_id, session_id, secret.name, secret.version, kept), secret.env))
    return found


def _place(host: str, secret: SecretRow) -> tuple[str, str, str]:
    # Basic authentication and signatures are the header Authorization: two of them cannot both be sent.
    if secret.kind in {"basic", "sigv4"}:
        return host, "header", "authorization"
    if secret.kind in ONLY_THROUGH:  # each connection and dataset names its own
        return host, secret.kind, secret.id
    return host, secret.kind, secret.place.lower() if secret.kind == "header" else secret.place


def _begin(tx: Tx, clock: Clock, actor: Actor, secret: SecretRow, session: SessionRow, user: UserRow) -> None:
    if session.quarantine:
        return  # Invariant: a session in quarantine has no lease, so it is given no value
    if secret.held_by is not None or session.held_by is not None:
        return  # an incident: it begins when the secret is rotated, or the session goes on
    there = select(SecretLeaseRow.id).where(
        SecretLeaseRow.session_id == session.id,
        SecretLeaseRow.secret_id == secret.id,
        SecretLeaseRow.ended_at.is_(None),
    )
    if tx.scalar(there) is not None:
        return
    now = clock.now()
    lease_id = new_id("lea", now)
    tx.add(
        SecretLeaseRow(
            id=lease_id, secret_id=secret.id, session_id=session.id, user_id=user.id, started_at=now
        )
    )
    tx.flush()
    journal.append(
        tx,
        clock,
        actor,
        events.SecretLeased(
            session_id=session.id, secret_id=secret.id, name=secret.name, lease_id=lease_id, user=user.name
        ),
    )


def _live(tx: Tx, where: ColumnElement[bool]) -> list[tuple[str, str, UserRow, str]]:
    """Return live leases: id, the secret's id, whose session it is, and the name of its profile."""
    query = (
        select(SecretLeaseRow.id, SecretLeaseRow.secret_id, UserRow, SessionRow.profile_name)
        .join(UserRow, UserRow.id == SecretLeaseRow.user_id)
        .join(SessionRow, SessionRow.id == SecretLeaseRow.session_id)
        .where(where, SecretLeaseRow.ended_at.is_(None))
        .order_by(SecretLeaseRow.id)
    )
    return [(one[0], one[1], one[2], one[3]) for one in tx.execute(query)]


def _end(tx: Tx, clock: Clock, actor: Actor, where: ColumnElement[bool], reason: str) -> None:
    for row in tx.scalars(select(SecretLeaseRow).where(where, SecretLeaseRow.ended_at.is_(None))).all():
        row.ended_at, row.end_reason = clock.now(), reason
        close_logins(tx, clock.now(), row.id, reason)
        journal.append(
            tx,
            clock,
            actor,
            events.SecretLeaseEnded(
                session_id=row.session_id,
                secret_id=row.secret_id,
                name=tx.get_one(SecretRow, row.secret_id).name,
                lease_id=row.id,
                user=tx.get_one(UserRow, row.user_id).name,
                reason=reason,
            ),
        )
    tx.flush()
