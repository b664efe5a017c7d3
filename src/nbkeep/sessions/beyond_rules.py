"""What else happens to requests to a host that the rules allow: keys added, packages picked, calls counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.connections.records import granted_to
from nbkeep.egress.leases import NOT_OF_REQUESTS, Lease
from nbkeep.egress.watch import sent_by_all
from nbkeep.inference.budgets import used_by, words_of
from nbkeep.inference.rules import month_of
from nbkeep.model.units import size_words
from nbkeep.packages.values import in_force
from nbkeep.store.model_tables import ModelProviderRow
from nbkeep.store.tables import DeclaredConnectionRow, SessionRow, UserRow
from nbkeep.vault.leases import leases_of

if TYPE_CHECKING:
    from nbkeep.egress.values import Policy
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx


def beyond_rules(
    tx: Tx, clock: Clock, currency: str, policy: Policy, host: str, port: int
) -> list[str]:
    """Return sentences, one for each thing that the gateway does beside deciding by rules; often none.

    `host` in normal form. Of a profile's policy (without a session) only what holds for all its sessions.
    The actor must be allowed to see the policy; names of secrets are told, never values.
    """
    session = tx.get(SessionRow, policy.session_id) if policy.session_id else None
    said = [*_packages(policy, host, port), *_models(tx, clock, currency, session, host, port)]
    said += _connections(tx, session, host, port)
    if session is not None:
        said += _keys(tx, session, host, port)
    if policy.volume_bytes:
        said.append(_volume(tx, clock, policy))
    return said


def _packages(policy: Policy, host: str, port: int) -> list[str]:
    if not policy.packages:
        return []
    found = in_force(policy.packages)
    if (host, port) not in found.policy.hosts:
        return []
    return [f"It serves packages: only what {found.source} allows is handed on, and nothing is sent to it."]


def _models(
    tx: Tx, clock: Clock, currency: str, session: SessionRow | None, host: str, port: int
) -> list[str]:
    where = (ModelProviderRow.host == host, ModelProviderRow.port == port)
    provider = tx.scalar(select(ModelProviderRow).where(*where))
    if provider is None:
        return []
    said = [f"It is the model provider {provider.name}: calls are counted, and refused once a budget is spent."]
    if session is not None:
        user, month = tx.get_one(UserRow, session.user_id), month_of(clock.now())
        held = used_by(tx, user.id, user.name, month)
        said += [words_of(one, month, currency) for one in held if one.is_worth_a_warning]
    return said


def _connections(tx: Tx, session: SessionRow | None, host: str, port: int) -> list[str]:
    where = (DeclaredConnectionRow.host == host, DeclaredConnectionRow.port == port)
    rows = tx.scalars(select(DeclaredConnectionRow).where(*where).order_by(DeclaredConnectionRow.name))
    granted = granted_to(tx, session.user_id) if session is not None else None
    said: list[str] = []
    for row in rows:
        leave = "" if granted is None else ", granted" if row.name in granted else ", but not granted"
        said.append(f"The connection {row.name} leads there by localhost:{row.local_port}{leave}.")
    return said


def _keys(tx: Tx, session: SessionRow, host: str, port: int) -> list[str]:
    leases = [(Lease.from_json(found.as_json()), found.binding.words) for found, _ in leases_of(tx, session)]
    return [
        f"The secret {lease.name} is added on the way ({words})."
        for lease, words in leases
        if lease.kind not in NOT_OF_REQUESTS and lease.covers(host, port)
    ]


def _volume(tx: Tx, clock: Clock, policy: Policy) -> str:
    most = f"At most {size_words(policy.volume_bytes)} may be sent in a day (UTC), to all hosts together"
    if not policy.session_id:
        return f"{most}."
    sent = sent_by_all(tx, [policy.session_id], clock.now()).get(policy.session_id, 0)
    return f"{most}; {size_words(sent)} were sent today."
