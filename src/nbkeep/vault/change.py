"""Set, rotate, grant and end secrets. Each is one transaction with its audit records, which hold no value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.grantee import parse_grantee
from nbkeep.model.ids import new_id
from nbkeep.model.verdict import Refuse
from nbkeep.store.tables import SecretGrantRow, SecretLeaseRow, SecretRow, SecretVersionRow

from . import leases, parse, rules
from .logins.have import engine_of
from .logins.records import close_logins
from .records import binding_of, find_secret, grants_of, require_grantee
from .references import role_path
from .sources.embedded import EmbeddedSource, forget
from .sources.referring import ReferringSource
from .values import ONLY_THROUGH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

    from .interface import Source
    from .values import Binding


ROTATED = "rotated"


def source_of(settings: Settings) -> Source:
    """Return where values lie."""
    return ReferringSource(settings)


def check_source(settings: Settings, actor: Actor, binding: Binding) -> None:
    """See that a value lies where a binding says; not within a transaction: it asks over the network.

    Raises `Refused` and `Unavailable`.
    """
    actor.require(rules.REFER)
    if role_path(binding.source):
        raise invalid("source", f"{binding.source} makes values, and holds none.",
                      "Declare a connection: `nbkeep connection add NAME --postgres … "
                      "--vault-database-role ROLE`.")  # fmt: skip
    ReferringSource(settings).read(binding.source, binding)


def check_role(settings: Settings, actor: Actor, source: str) -> None:
    """See that a Vault makes, renews and revokes logins by a role: one is made, and ended again.

    Not within a transaction. Raises `Refused` and `Unavailable`; `Refused` (409), too, where the one that was
    made is left there.
    """
    actor.require(rules.REFER)
    engine, path = engine_of(settings), role_path(source)
    if path is None:
        raise invalid("vault-role", f"{source!r:.100} is no role of a database engine.", "Give its name.")
    made = engine.make(path)
    try:
        if made.is_renewable:
            engine.renew(made.vault_lease)
    finally:
        if not engine.revoke_or_leave(made.vault_lease, path):
            raise Refused("vault-role-left",
                          f"A login that was made at {path} to try it could not be revoked: it is left there "
                          f"until its time is over ({made.lasts_s} s).",
                          "Let nbkeep update sys/leases/revoke, and Vault drop roles in the database; "
                          "or revoke the leases of that path in Vault.",
                          status=409)  # fmt: skip


def set_secret(
    tx: Tx,
    clock: Clock,
    source: Source,
    actor: Actor,
    name: str,
    value: str,
    binding: Binding,
    *,
    env: str = "",
    grants: Sequence[str] = (),
) -> SecretRow:
    """Keep a new secret of the actor's own and grant it; sessions that run already may use it at once.

    What it is bound to is sealed with the value and stays: another binding is another secret. Where the value
    lies elsewhere, `value` is "". Raises `Refused`: 400 for malformed values, 403 for grants to others, 409
    where the actor has one of that name.
    """
    actor.require(rules.KEEP)
    name = parse.secret_name(name)
    if binding.source:
        actor.require(rules.REFER)
        if value:
            raise invalid("source", "A value is given, and a place where it lies.", "Give one of them.")
        value = binding.source
    else:
        value = parse.secret_value(value, binding.kind)
    wanted = list(dict.fromkeys(parse_grantee(one) for one in grants))
    taken = select(SecretRow.id).where(
        SecretRow.owner_id == actor.id, SecretRow.name == name, SecretRow.revoked_at.is_(None)
    )
    if tx.scalar(taken) is not None:
        raise Refused(
            "secret-exists",
            f"You have a secret named {name!r}.",
            f"Give it another value with `nbkeep secret rotate {name}`, or end it first: "
            f"`nbkeep secret revoke {name}`.",
            status=409,
        )
    now = clock.now()
    row = SecretRow(
        id=new_id("sec", now),
        name=name,
        owner_id=actor.id,
        owner_name=actor.name,
        hosts=list(binding.hosts),
        kind=binding.kind,
        place=binding.place,
        template=binding.template,
        source=binding.source,
        env=parse.env_name(env),
        version=1,
        created_at=now,
        changed_at=now,
    )
    tx.add(row)
    tx.flush()
    _put(tx, clock, source, actor, row, value)
    journal.append(
        tx,
        clock,
        actor,
        events.SecretSet(
            secret_id=row.id,
            name=name,
            owner=row.owner_name,
            hosts=row.hosts,
            sent_as=binding.words,
            env=row.env,
            source=row.source,
        ),
    )
    for one in wanted:
        _grant(tx, clock, actor, row, one)
    leases.begin_for_running(tx, clock, actor, row)
    return row


def rotate_secret(tx: Tx, clock: Clock, source: Source, actor: Actor, which: str, value: str) -> SecretRow:
    """Give a secret another value; requests that begin from now on carry it, and the old one is deleted.

    Of one that a Vault makes for each session `value` is "": all that was made is ended.
    """
    row = _to_change(tx, actor, which)
    if role_path(row.source):
        if value:
            raise invalid("value", f"{row.name!r} has no value: Vault makes one for each session.",
                          "Give none: all that was made is ended then.")  # fmt: skip
        return _make_anew(tx, clock, actor, row)
    if row.source:
        raise Refused("secret-elsewhere", f"The value of {row.name!r} lies in {row.source}.",
                      "Change it there: requests carry it a minute later.", status=409)  # fmt: skip
    value = parse.secret_value(value, binding_of(row).kind)
    source.forget(tx, row.id, row.version)
    row.version += 1
    row.changed_at = clock.now()
    _put(tx, clock, source, actor, row, value)
    journal.append(
        tx,
        clock,
        actor,
        events.SecretRotated(secret_id=row.id, name=row.name, owner=row.owner_name, version=row.version),
    )
    release_secret(tx, clock, actor, row)
    return row


def _make_anew(tx: Tx, clock: Clock, actor: Actor, row: SecretRow) -> SecretRow:
    """End all that was made for sessions: what is open is cut, and the next connection gets another one."""
    row.changed_at = clock.now()
    for lease_id in tx.scalars(
        select(SecretLeaseRow.id).where(SecretLeaseRow.secret_id == row.id, SecretLeaseRow.ended_at.is_(None))
    ).all():
        close_logins(tx, clock.now(), lease_id, ROTATED)
    event = events.SecretRotated(secret_id=row.id, name=row.name, owner=row.owner_name, version=row.version)
    journal.append(tx, clock, actor, event)
    release_secret(tx, clock, actor, row)
    return row


def release_secret(tx: Tx, clock: Clock, actor: Actor, row: SecretRow) -> None:
    """Let sessions have a secret again that an incident had put out of use. Twice is safe."""
    if row.held_by is not None:
        row.held_by = None
        tx.flush()
        leases.begin_for_running(tx, clock, actor, row)


def grant_secret(tx: Tx, clock: Clock, actor: Actor, which: str, to: str) -> SecretRow:
    """Let sessions of somebody use a secret, also those that run already. Twice is safe."""
    row = find_secret(tx, actor, which)
    _grant(tx, clock, actor, row, parse_grantee(to))
    leases.begin_for_running(tx, clock, actor, row)
    return row


def ungrant_secret(tx: Tx, clock: Clock, actor: Actor, which: str, to: str) -> SecretRow:
    """Take a grant away; leases that no other grant covers end at once. Twice is safe."""
    row = _to_change(tx, actor, which)
    found = tx.get(SecretGrantRow, (row.id, parse_grantee(to)))
    if found is not None:
        tx.delete(found)
        tx.flush()
        journal.append(
            tx,
            clock,
            actor,
            events.SecretUngranted(secret_id=row.id, name=row.name, owner=row.owner_name, to=found.grantee),
        )
        leases.end_ungranted(tx, clock, actor, row)
    return row


def ungrant_all(tx: Tx, clock: Clock, actor: Actor, to: str) -> None:
    """Take all secrets from whom they are granted to, of a project that is removed; leases end at once.

    Decides nothing: whoever removes it may. Twice is safe.
    """
    query = select(SecretGrantRow, SecretRow).join(SecretRow, SecretRow.id == SecretGrantRow.secret_id)
    for found, row in tx.execute(query.where(SecretGrantRow.grantee == to)).all():
        tx.delete(found)
        tx.flush()
        event = events.SecretUngranted(secret_id=row.id, name=row.name, owner=row.owner_name, to=to)
        journal.append(tx, clock, actor, event)
        leases.end_ungranted(tx, clock, actor, row)


def grant_through(tx: Tx, clock: Clock, actor: Actor, which: str, binding: Binding, name: str) -> SecretRow:
    """Let a declared connection use its password, a dataset its key: at no other place. Twice is safe.

    Raises `Refused` (400) where the secret was bound to something else.
    """
    row = find_secret(tx, actor, which)
    if binding_of(row) != binding:
        raise Refused(
            "secret-bound-otherwise",
            f"The secret {row.name!r} is bound to {', '.join(row.hosts)} as {binding_of(row).words}; "
            f"{name} needs {', '.join(binding.hosts)} as {binding.words}.",
            f"Keep one: `nbkeep secret set NAME --host {binding.hosts[0]} "
            f"--{binding.kind} {binding.place or binding.template}`.",
            status=400,
        )
    _grant(tx, clock, actor, row, ONLY_THROUGH[binding.kind] + name)
    return row


def ungrant_through(tx: Tx, clock: Clock, actor: Actor, row: SecretRow, name: str) -> None:
    """Take that away, of what is removed; leases that nothing else covers end at once. Twice is safe."""
    found = tx.get(SecretGrantRow, (row.id, ONLY_THROUGH[row.kind] + name))
    if found is not None:
        tx.delete(found)
        tx.flush()
        leases.end_ungranted(tx, clock, actor, row)


def revoke_secret(
    tx: Tx, clock: Clock, source: Source, actor: Actor, which: str, reason: str = ""
) -> SecretRow:
    """End a secret for good: its leases end, its value is deleted, its name is free again."""
    row = _to_change(tx, actor, which)
    source.forget(tx, row.id)
    return _revoke(tx, clock, actor, row, reason)


def revoke_made(tx: Tx, clock: Clock, actor: Actor, row: SecretRow, reason: str = "") -> None:
    """End the secret that was made with a connection that is removed. Decides nothing; twice is safe."""
    if row.revoked_at is None:
        forget(tx, row.id)
        _revoke(tx, clock, actor, row, reason)


def _revoke(tx: Tx, clock: Clock, actor: Actor, row: SecretRow, reason: str) -> SecretRow:
    row.revoked_at = row.changed_at = clock.now()
    leases.end_of_secret(tx, clock, actor, row.id)
    journal.append(
        tx,
        clock,
        actor,
        events.SecretRevoked(
            secret_id=row.id, name=row.name, owner=row.owner_name, reason=reason.strip()[:500]
        ),
    )
    return row


def rewrap_secrets(tx: Tx, clock: Clock, settings: Settings, actor: Actor) -> tuple[str, int]:
    """Put all secrets under the newest master key; return its id and how many were under another."""
    actor.require(rules.ADMIN)
    embedded = EmbeddedSource(settings)
    count = embedded.rewrap_all(tx)
    key_id = embedded.newest_id()
    if count:
        journal.append(tx, clock, actor, events.VaultKeyRotated(key_id=key_id, rewrapped=count))
    return key_id, count


def _put(tx: Tx, clock: Clock, source: Source, actor: Actor, row: SecretRow, value: str) -> None:
    tx.add(
        SecretVersionRow(secret_id=row.id, version=row.version, created_at=clock.now(), created_by=actor.name)
    )
    tx.flush()
    source.put(tx, row.id, row.version, binding_of(row), value)


def _grant(tx: Tx, clock: Clock, actor: Actor, row: SecretRow, to: str) -> None:
    verdict = rules.may_grant(actor, row.owner_id, to, binding_of(row).kind)
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    require_grantee(tx, to)
    if to in grants_of(tx, row.id):
        return
    tx.add(SecretGrantRow(secret_id=row.id, grantee=to, granted_at=clock.now(), granted_by=actor.name))
    tx.flush()
    journal.append(
        tx,
        clock,
        actor,
        events.SecretGranted(secret_id=row.id, name=row.name, owner=row.owner_name, to=to),
    )


def _to_change(tx: Tx, actor: Actor, which: str) -> SecretRow:
    row = find_secret(tx, actor, which)
    if not rules.may_change(actor, row.owner_id):
        raise Refused("not-the-owner", f"The secret {row.name!r} is not yours to change.",
                      f"Ask {row.owner_name}.")  # fmt: skip
    return row
