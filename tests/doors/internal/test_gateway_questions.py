"""What a gateway's pull asks of the database: it is repeated four times a second, whatever runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from gateway_parts import make_gateway
from nbkeep.connections import change as connections
from nbkeep.connections.parse import declared
from nbkeep.model.actor import OPERATOR
from nbkeep.people import projects
from nbkeep.vault import change as secrets
from nbkeep.vault import parse

if TYPE_CHECKING:
    from office_parts import OfficeForTests


def pulled(office: OfficeForTests) -> tuple[int, dict[str, Any]]:
    """Return how many questions a first pull asks of the database, and what it brings."""
    asked: list[str] = []
    client = make_gateway(office).client

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(office.store.engine, "before_cursor_execute", note)
    try:
        found = client.get("/internal/v1/gateway/policies").raise_for_status().json()
    finally:
        event.remove(office.store.engine, "before_cursor_execute", note)
    return sum(one.lstrip().startswith("SELECT") for one in asked), found


def grow(office: OfficeForTests, first: int, last: int) -> None:
    """Add a project each with two people, a session each, a secret and a connection granted to it."""
    for number in range(first, last):
        people = [office.user(f"u{number}-{one}", max_sessions=1) for one in range(2)]
        place = declared(f"queue-{number}", tcp=f"mq-{number}.acme.local:{5000 + number}")
        binding = parse.binding([f"api-{number}.example"], header="A: {}")
        with office.store.write() as tx:
            projects.add_project(tx, office.clock, OPERATOR, f"team-{number}", lead=people[0].name)
            projects.join_project(tx, office.clock, OPERATOR, f"team-{number}", people[1].name)
            to = [f"project:team-{number}"]
            connections.add_connection(tx, office.clock, OPERATOR, place, grants=to)
            secrets.set_secret(tx, office.clock, secrets.source_of(office.settings), OPERATOR, f"s-{number}",
                               "sk-of-a-project", binding, grants=to)  # fmt: skip
        for person in people:
            office.ready(person)


def test_a_pull_asks_no_more_for_more_sessions_people_and_projects(any_office: OfficeForTests) -> None:
    office = any_office
    office.backend.has = type(office.backend.has)(cpu_millis=10**6, memory_bytes=1 << 50)
    grow(office, 0, 1)
    few, _ = pulled(office)
    grow(office, 1, 6)
    many, found = pulled(office)
    assert many == few > 5
    assert (len(found["leases"]), len(found["connections"]["granted"])) == (12, 12)
