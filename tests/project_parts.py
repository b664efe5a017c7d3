"""Steps that tests of projects repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.connections import change as connections
from nbkeep.connections.parse import declared
from nbkeep.connections.records import live_connections
from nbkeep.model.actor import OPERATOR, Actor
from nbkeep.people import projects
from nbkeep.vault import change as secrets
from nbkeep.vault import parse
from nbkeep.vault.leases import leases_of, live_leases
from nbkeep.vault.records import People
from nbkeep.vault.sources.embedded import EmbeddedSource

if TYPE_CHECKING:
    from office_parts import OfficeForTests


def make(office: OfficeForTests, name: str = "orion", *members: str, lead: str | None = None) -> None:
    """Create a project with members."""
    with office.store.write() as tx:
        projects.add_project(tx, office.clock, OPERATOR, name, lead=lead)
        for one in members:
            projects.join_project(tx, office.clock, OPERATOR, name, one)


def join(office: OfficeForTests, actor: Actor, user: str, name: str = "orion", **more: bool) -> None:
    """Have somebody add a member."""
    with office.store.write() as tx:
        projects.join_project(tx, office.clock, actor, name, user, is_lead=more.get("is_lead"))


def leave(office: OfficeForTests, actor: Actor, user: str, name: str = "orion") -> None:
    """Have somebody take a member out."""
    with office.store.write() as tx:
        projects.leave_project(tx, office.clock, actor, name, user)


def remove(office: OfficeForTests, actor: Actor = OPERATOR, name: str = "orion", **more: bool) -> None:
    """Have somebody remove a project."""
    with office.store.write() as tx:
        projects.remove_project(tx, office.clock, actor, name, take_grants=more.get("take_grants", False))


def keep(office: OfficeForTests, name: str = "openai", *grants: str) -> None:
    """Keep a secret of the operator's, sent to a host of its name."""
    binding = parse.binding([f"{name}.example"], header="Authorization: Bearer {}")
    with office.store.write() as tx:
        secrets.set_secret(
            tx, office.clock, EmbeddedSource(office.settings), OPERATOR, name, "sk-of-a-project", binding,
            grants=grants,
        )  # fmt: skip


def declare(office: OfficeForTests, *grants: str, name: str = "queue", port: int = 5672) -> None:
    """Declare a connection."""
    place = declared(name, tcp=f"{name}.acme.local:{port}")
    with office.store.write() as tx:
        connections.add_connection(tx, office.clock, OPERATOR, place, grants=grants)


def told(office: OfficeForTests, session: str) -> set[str]:
    """Return what a gateway is told that a session may use: secrets and connections, by name."""
    with office.store.read() as tx:
        people = People(tx)
        leased = {
            one.name for one in live_leases(tx, people, office.clock.now()) if one.session_id == session
        }
        return leased | set(
            live_connections(tx, people, office.clock.now()).as_json()["granted"].get(session, {})
        )


def leased(office: OfficeForTests, session: str) -> list[str]:
    """Return the secrets that a session is leased, by name."""
    row = office.row(session)
    with office.store.read() as tx:
        return [one.name for one, _ in leases_of(tx, row, office.clock.now())]
