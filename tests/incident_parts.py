"""Steps that tests of incidents repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.audit.search import Wanted, search
from nbkeep.audit.signing import keys_of
from nbkeep.incidents.close import close_incident
from nbkeep.incidents.evidence import path_of
from nbkeep.incidents.open import open_incident
from nbkeep.incidents.radius import preview
from nbkeep.incidents.records import show_incident
from nbkeep.incidents.verify import EvidenceReport, verify_evidence
from nbkeep.model.actor import OPERATOR, Actor
from nbkeep.store.tables import UserRow
from nbkeep.vault import change, hand_out, leases, parse
from nbkeep.vault.sources.embedded import EmbeddedSource

if TYPE_CHECKING:
    from nbkeep.incidents.close import Fate
    from nbkeep.incidents.values import Kind
    from nbkeep.store.tables import SecretRow
    from office_parts import OfficeForTests

REASON = "laptop stolen, ticket 4711"


def person(office: OfficeForTests, name: str = "jane") -> Actor:
    """Make somebody who has a password."""
    made = office.user(name)
    with office.store.write() as tx:
        tx.get_one(UserRow, made.id).password_hash = "$argon2id$of-nobody"
    return made


def opened(office: OfficeForTests, actor: Actor, kind: Kind, name: str) -> str:
    """Open an incident; nothing outside of the database is done yet."""
    with office.store.read() as tx:
        seen = preview(tx, office.clock, actor, kind, name)
    with office.store.write() as tx:
        return open_incident(tx, office.clock, actor, kind, name, REASON, seen)[0].id


def closed(
    office: OfficeForTests, actor: Actor, incident_id: str, sessions: Fate = "end", *, let_in: bool = False
) -> list[str]:
    """Close one and return what is said about what it held."""
    with office.store.write() as tx:
        row = close_incident(
            tx, office.clock, actor, incident_id, "looked into", sessions=sessions, let_in=let_in
        )
        return row.outcome


def shown(office: OfficeForTests, incident_id: str) -> dict[str, Any]:
    """Return all of an incident."""
    with office.store.read() as tx:
        return show_incident(tx, OPERATOR, incident_id)


def step(office: OfficeForTests, incident_id: str, name: str) -> dict[str, Any]:
    """Return one step of an incident, by the beginning of its name."""
    return next(one for one in shown(office, incident_id)["steps"] if one["name"].startswith(name))


def checked(office: OfficeForTests, incident_id: str) -> EvidenceReport:
    """Check an incident's evidence with the public key."""
    return verify_evidence(path_of(office, incident_id), keys_of(office.settings).public())


def secret(office: OfficeForTests, owner: Actor, *grants: str, name: str = "openai") -> SecretRow:
    """Keep a secret and grant it."""
    binding = parse.binding(["api.openai.example"], header="Authorization: Bearer {}")
    source = EmbeddedSource(office.settings)
    with office.store.write() as tx:
        return change.set_secret(
            tx, office.clock, source, owner, name, "sk-live-not-for-anybody", binding, grants=grants
        )


def rotated(office: OfficeForTests, actor: Actor, name: str = "openai") -> None:
    """Give a secret another value."""
    with office.store.write() as tx:
        change.rotate_secret(
            tx, office.clock, EmbeddedSource(office.settings), actor, name, "sk-live-a-newer-one"
        )


def leases_of(office: OfficeForTests, session_id: str) -> list[str]:
    """Return the ids of a session's live leases."""
    row = office.row(session_id)
    with office.store.read() as tx:
        return [one.lease_id for one, _ in leases.leases_of(tx, row, office.clock.now())]


def used(office: OfficeForTests, session_id: str) -> str:
    """Have a session use its one secret; return the lease."""
    (lease_id,) = leases_of(office, session_id)
    with office.store.write() as tx:
        hand_out.note_use(tx, office.clock, lease_id)
    return lease_id


def events_of(office: OfficeForTests, prefix: str) -> list[dict[str, Any]]:
    """Return the records whose type begins so, the oldest first."""
    with office.store.read() as tx:
        found = search(tx, OPERATOR, Wanted(), limit=1000).records[::-1]
    return [one for one in found if one["type"].startswith(prefix)]
