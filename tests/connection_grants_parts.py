"""Steps that tests of connections that are asked for repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.connections import change, parse
from nbkeep.connections.records import live_connections
from nbkeep.grants.kinds import CONNECTION
from nbkeep.grants.request import request_grant
from nbkeep.grants.take_out import take_out_connection
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused
from nbkeep.vault import change as secrets
from nbkeep.vault import parse as vault_parse
from nbkeep.vault.hand_out import hand_out
from nbkeep.vault.leases import list_leases
from nbkeep.vault.records import People
from nbkeep.vault.sources.embedded import EmbeddedSource

if TYPE_CHECKING:
    from nbkeep.egress.connections import Told
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

PASSWORD = "Qz7-never-in-clear"
PLACE = "warehouse.acme.local:5432"
NAME = "warehouse"


def keep_password(office: OfficeForTests) -> None:
    """Keep the password of the role that the connection logs in as."""
    binding = vault_parse.binding([PLACE], postgres="reader")
    with office.store.write() as tx:
        secrets.set_secret(
            tx, office.clock, EmbeddedSource(office.settings), OPERATOR, "pw", PASSWORD, binding
        )


def declare(office: OfficeForTests, *grants: str) -> None:
    """Declare the connection, whose password is kept."""
    place = parse.declared(NAME, postgres=PLACE, database="sales", role="reader")
    with office.store.write() as tx:
        change.add_connection(tx, office.clock, OPERATOR, place, secret="pw", grants=grants)


def remove(office: OfficeForTests, reason: str = "") -> None:
    """Remove it."""
    with office.store.write() as tx:
        take_out_connection(tx, office.clock, OPERATOR, NAME, reason)


def ask(
    office: OfficeForTests,
    actor: Actor,
    session_id: str = "",
    what: str = NAME,
    *,
    lasts: str = "2h",
    profile: str = "",
) -> str:
    """Ask for it; return the request's id."""
    with office.store.write() as tx:
        return request_grant(
            tx, office.clock, office.settings, actor, what, kind=CONNECTION.name,
            reason="Totals of the quarter", duration=lasts, session_id=session_id, profile=profile,
        ).id  # fmt: skip


def told(office: OfficeForTests) -> Told:
    """Return what a gateway is told of connections now."""
    with office.store.read() as tx:
        return live_connections(tx, People(tx), office.clock.now())


def usable(office: OfficeForTests) -> set[str]:
    """Return the sessions that may use it, with its password."""
    return {session_id for session_id, found in told(office).granted if dict(found).get(NAME)}


def password_of(office: OfficeForTests, session_id: str, lease_id: str) -> str:
    """Return what the vault hands out for a lease, "" where it refuses."""
    with office.store.read() as tx:
        try:
            source = secrets.source_of(office.settings)
            return hand_out(tx, source, office.clock.now(), session_id, lease_id).value()
        except Refused:
            return ""


def leased(office: OfficeForTests) -> set[str]:
    """Return the sessions that have a lease on record."""
    with office.store.read() as tx:
        return {session.id for _, _, session, _ in list_leases(tx, OPERATOR)}
