"""Steps that tests of secrets repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.audit.search import Wanted, search
from nbkeep.model.actor import OPERATOR, Actor
from nbkeep.store.tables import SecretRow, Table
from nbkeep.vault import change, hand_out, leases, parse
from nbkeep.vault.sources.embedded import EmbeddedSource

if TYPE_CHECKING:
    from nbkeep.vault.values import Leased
    from office_parts import OfficeForTests

VALUE = "sk-live-51-Xq7-not-for-anybody"
BEARER = "Authorization: Bearer {}"


def keep(
    office: OfficeForTests,
    actor: Actor,
    name: str = "openai",
    *grants: str,
    value: str = VALUE,
    host: str = "api.openai.example",
    env: str = "OPENAI_API_KEY",
) -> SecretRow:
    """Set a secret that is sent as a bearer token."""
    binding = parse.binding([host], header=BEARER)
    source = EmbeddedSource(office.settings)
    with office.store.write() as tx:
        return change.set_secret(
            tx, office.clock, source, actor, name, value, binding, env=env, grants=grants
        )


def leased(office: OfficeForTests, session_id: str) -> list[Leased]:
    """Return the leases of a session as a gateway is told of them."""
    row = office.row(session_id)
    with office.store.read() as tx:
        return [one for one, _ in leases.leases_of(tx, row, office.clock.now())]


def value_of(office: OfficeForTests, session_id: str, lease_id: str) -> str:
    """Return what a gateway is handed out."""
    with office.store.read() as tx:
        found = hand_out.hand_out(
            tx, change.source_of(office.settings), office.clock.now(), session_id, lease_id
        )
    return found.value()


def told(office: OfficeForTests, *types: str) -> list[str]:
    """Return the types of the records about secrets, oldest first, or only some of them."""
    with office.store.read() as tx:
        found = [one["type"] for one in search(tx, OPERATOR, Wanted(), limit=1000).records][::-1]
    return [one for one in found if one.startswith("secret.") and (not types or one in types)]


def whole_database(office: OfficeForTests) -> str:
    """Return every cell of every table as text."""
    out: list[str] = []
    with office.store.read() as tx:
        for table in Table.metadata.sorted_tables:
            out += [repr(row) for row in tx.execute(table.select()).all()]
    return "\n".join(out)
