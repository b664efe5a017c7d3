"""Steps that tests of people repeat."""

from __future__ import annotations

from sqlalchemy import select

from nbkeep.audit.search import Wanted, search
from nbkeep.model.actor import OPERATOR, ROLE_SCOPES, Actor, Role
from nbkeep.model.clock import Clock
from nbkeep.people import invitations, users
from nbkeep.store.database import Store
from nbkeep.store.tables import UserRow

GIB = 1 << 30
GOOD = "marmot lends seven kites"


def invite(store: Store, clock: Clock, email: str, role: str = Role.USER) -> invitations.Link:
    """Invite somebody and return the link."""
    with store.write() as tx:
        return users.invite(tx, clock, OPERATOR, email, home_size_bytes=GIB, role=role)[1]


def join(store: Store, clock: Clock, email: str, role: str = Role.USER) -> Actor:
    """Invite somebody, let them set the password GOOD, and return them as an actor."""
    name = invitations.accept(store, clock, invite(store, clock, email, role).token, GOOD)
    with store.read() as tx:
        row = tx.scalars(select(UserRow).where(UserRow.name == name)).one()
    return Actor(row.id, row.name, ROLE_SCOPES[Role(row.role)], via="browser")


def recorded(store: Store, kind: str = "") -> list[str]:
    """Return the types of all records, oldest first."""
    with store.read() as tx:
        found = search(tx, OPERATOR, Wanted(type=kind), limit=1000).records
    return [record["type"] for record in found][::-1]
