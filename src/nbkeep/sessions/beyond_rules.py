"""What else happens to requests that the rules allow: keys added, packages picked, calls counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.connections.records import ADMIN as CONNECTIONS
from nbkeep.connections.records import granted_to
from nbkeep.egress.leases import NOT_OF_REQUESTS, Lease
from nbkeep.egress.watch import sent_by_all
from nbkeep.inference.budgets import used_by, words_of
from nbkeep.inference.rules import month_of
from nbkeep.model.units import exact_size, format_size
from nbkeep.packages.values import in_force
from nbkeep.store.model_tables import ModelProviderRow
from nbkeep.store.tables import DeclaredConnectionRow, SessionRow, UserRow
from nbkeep.vault.leases import leases_of
from nbkeep.vault.rules import ADMIN as SECRETS

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.egress.values import Policy
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx


def beyond_rules(
    tx: Tx, clock: Clock, actor: Actor, currency: str, policy: Policy, host: str, port: int
) -> list[str]:
    """Return sentences, one for each thing that the gateway does beside deciding by rules; often none.

    `host` in normal form. Of a profile's policy (without a session) only what holds for all its sessions.
    Whoever may see a policy is told of the keys, connections and budgets of its person only when they are
    that person, or may see such things of everybody; values are never told.
    """
    session = tx.get(SessionRow, policy.session_id) if policy.session_id else None
    said = [*_packages(policy, host, port), *_provider(tx, host, port)]
    if session is not None:
        is_own = session.user_id == actor.id
        said += _budgets(tx, clock, currency, session) if is_own and _provider(tx, host, port) else []
        said += _connections(tx, clock.now(), session, host, port) if is_own or actor.may(CONNECTIONS) else []
        said += _keys(tx, clock.now(), session, host, port) if is_own or actor.may(SECRETS) else []
    if policy.volume_bytes:
        said.append(_volume(tx, clock, policy))
    return said


def _packages(policy: Policy, host: str, port: int) -> list[str]:
    if not policy.packages:
        return []
    found = in_force(policy.packages)
    if (host, port) not in found.policy.hosts:
        return []
    return [
        f"It serves packages: only what the {found.source} allows is handed on, and nothing is sent to it."
    ]


def _provider(tx: Tx, host: str, port: int) -> list[str]:
    where = (ModelProviderRow.host == host, ModelProviderRow.port == port)
    name = tx.scalar(select(ModelProviderRow.name).where(*where))
    if name is None:
        return []
    return [f"It is the model provider {name}: calls are counted, and refused once a budget is spent."]


def _budgets(tx: Tx, clock: Clock, currency: str, session: SessionRow) -> list[str]:
    user, month = tx.get_one(UserRow, session.user_id), month_of(clock.now())
    held = used_by(tx, user.id, user.name, month)
    return [words_of(one, month, currency) for one in held if one.is_worth_a_warning]


def _connections(tx: Tx, now: datetime, session: SessionRow, host: str, port: int) -> list[str]:
    where = (DeclaredConnectionRow.host == host, DeclaredConnectionRow.port == port)
    rows = tx.scalars(select(DeclaredConnectionRow).where(*where).order_by(DeclaredConnectionRow.name))
    granted = granted_to(tx, session.user_id, session.profile_name, now)
    return [
        f"The granted connection {row.name} leads there, by localhost:{row.local_port}."
        for row in rows
        if row.name in granted
    ]


def _keys(tx: Tx, now: datetime, session: SessionRow, host: str, port: int) -> list[str]:
    leased = leases_of(tx, session, now)
    leases = [(Lease.from_json(found.as_json()), found.binding.words) for found, _ in leased]
    return [
        f"The secret {lease.name} is added on the way ({words})."
        for lease, words in leases
        if lease.kind not in NOT_OF_REQUESTS and lease.covers(host, port)
    ]


def _volume(tx: Tx, clock: Clock, policy: Policy) -> str:
    most = f"At most {exact_size(policy.volume_bytes)} may be sent in a day (UTC), to all hosts together"
    if not policy.session_id:
        return f"{most}."
    sent = sent_by_all(tx, [policy.session_id], clock.now()).get(policy.session_id, 0)
    return f"{most}; {format_size(sent)} were sent today."
