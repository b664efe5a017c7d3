"""Who may declare, grant and use connections, and what gateways are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nbkeep.audit.search import Wanted, search
from nbkeep.connections import change, parse
from nbkeep.connections.records import find_connection, list_connections, live_connections
from nbkeep.connections.view import connection_view
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.people.users import change_user
from nbkeep.sessions.launch import launch
from nbkeep.sessions.stop import stop_session
from nbkeep.vault import change as secrets
from nbkeep.vault import leases
from nbkeep.vault import parse as vault_parse
from nbkeep.vault.records import People
from nbkeep.vault.sources.embedded import EmbeddedSource
from office_parts import any_office, office

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]
PASSWORD = "Qz7-never-in-clear"
PLACE = "warehouse.acme.local:5432"


def keep(office: OfficeForTests, actor: Actor, name: str = "warehouse-pw", place: str = PLACE) -> None:
    binding = vault_parse.binding([place], postgres="reader")
    with office.store.write() as tx:
        source = EmbeddedSource(office.settings)
        secrets.set_secret(tx, office.clock, source, actor, name, PASSWORD, binding)


def declare(
    office: OfficeForTests, actor: Actor, *grants: str, name: str = "warehouse", **more: object
) -> None:
    given: dict[str, object] = {"postgres": PLACE, "database": "sales", "role": "reader"} | more
    secret = None if given.get("tcp") else given.pop("secret", "warehouse-pw")
    declared = parse.declared(name, **given)  # pyright: ignore[reportArgumentType]
    with office.store.write() as tx:
        change.add_connection(tx, office.clock, actor, declared, secret=secret, grants=grants)  # pyright: ignore[reportArgumentType]


def told(office: OfficeForTests) -> dict[str, dict[str, str]]:
    """Return by session which connections a gateway is told of, with their leases."""
    with office.store.read() as tx:
        return live_connections(tx, People(tx), office.clock.now()).as_json()["granted"]


def leased(office: OfficeForTests, session: str) -> bool:
    return bool(told(office).get(session, {}).get("warehouse"))


def test_sessions_of_granted_people_have_it_with_a_lease_of_its_password(any_office: OfficeForTests) -> None:
    office = any_office
    jane, john, admin = office.user(), office.user("john"), office.user("ada", Role.ADMIN)
    keep(office, admin)
    mine, his = office.ready(jane), office.ready(john)
    declare(office, admin, "user:jane")
    found = told(office)
    assert set(found) == {mine}
    assert found[mine]["warehouse"].startswith("lea_")
    with office.store.read() as tx:
        (one,) = live_connections(tx, People(tx), office.clock.now()).declared
    assert (one.host, one.port, one.local_port, one.tls) == ("warehouse.acme.local", 5432, 5432, "verify")
    with office.store.write() as tx:
        change.grant_connection(tx, office.clock, admin, "warehouse", "role:user")
    assert set(told(office)) == {mine, his}
    later = office.ready(office.user("late"))
    assert leased(office, later)


def _ungrant(office: OfficeForTests, session: str) -> None:
    with office.store.write() as tx:
        change.ungrant_connection(tx, office.clock, OPERATOR, "warehouse", "user:jane")


def _remove(office: OfficeForTests, session: str) -> None:
    with office.store.write() as tx:
        change.remove_connection(tx, office.clock, OPERATOR, "warehouse", "gone")


def _revoke(office: OfficeForTests, session: str) -> None:
    with office.store.write() as tx:
        secrets.revoke_secret(tx, office.clock, EmbeddedSource(office.settings), OPERATOR, "warehouse-pw")


def _stop(office: OfficeForTests, session: str) -> None:
    stop_session(office, OPERATOR, session)


def _disable(office: OfficeForTests, session: str) -> None:
    with office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, "jane", status="disabled")


@pytest.mark.parametrize("end", [_ungrant, _remove, _revoke, _stop, _disable])
def test_it_ends_with_grant_connection_secret_session_and_account(
    office: OfficeForTests, end: object
) -> None:
    keep(office, OPERATOR)
    session = office.ready(office.user())
    declare(office, OPERATOR, "user:jane")
    assert leased(office, session)
    end(office, session)  # pyright: ignore[reportCallIssue, reportGeneralTypeIssues]
    assert not leased(office, session)
    with office.store.read() as tx:
        assert leases.list_leases(tx, OPERATOR) == []
    if end not in {_revoke, _stop, _disable}:
        assert told(office) == {}


def test_only_admins_declare_and_grant_and_only_with_a_password_of_their_own(office: OfficeForTests) -> None:
    jane, admin, other = office.user(), office.user("ada", Role.ADMIN), office.user("bob", Role.ADMIN)
    keep(office, admin)
    for refused in (jane, other):
        with pytest.raises(Refused) as error:
            declare(office, refused)
        assert error.value.code in {"missing-scope", "not-the-owner"}
    declare(office, admin)
    with office.store.write() as tx, pytest.raises(Refused, match="admin:connections"):
        change.grant_connection(tx, office.clock, jane, "warehouse", "user:jane")


def test_a_password_goes_nowhere_but_where_it_was_sealed_for(office: OfficeForTests) -> None:
    keep(office, OPERATOR)
    for more in ({"postgres": "elsewhere.acme.local"}, {"role": "writer"}, {"postgres": f"{PLACE[:-1]}3"}):
        with pytest.raises(
            Refused, match=r"is bound to warehouse\.acme\.local:5432 as PostgreSQL, role reader"
        ):
            declare(office, OPERATOR, **more)
    with office.store.write() as tx, pytest.raises(Refused, match="used at declared connections"):
        secrets.grant_secret(tx, office.clock, OPERATOR, "warehouse-pw", "everyone")
    binding = vault_parse.binding([PLACE], header="X-Key: {}")
    with office.store.write() as tx:
        source = EmbeddedSource(office.settings)
        secrets.set_secret(tx, office.clock, source, OPERATOR, "a-key", PASSWORD, binding)
    with pytest.raises(Refused, match="is bound to"):
        declare(office, OPERATOR, secret="a-key")
    with office.store.read() as tx:
        assert list_connections(tx, OPERATOR) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"postgres": None, "tcp": None}, "exactly one way"),
        ({"database": ""}, "not the name of a database"),
        ({"tls": "maybe"}, "not a way to use TLS"),
        ({"local_port": 80}, "not a port that programs"),
        ({"local_port": 3128}, "the way out of sandboxes"),
        ({"postgres": "0x7f000001"}, "is no IP address"),
        ({"postgres": None, "database": None, "role": None, "tcp": "mq.acme.local"}, "names no port"),
        ({"postgres": None, "tcp": "mq.acme.local:5672"}, "PostgreSQL alone"),
        ({"name": "No Name"}, "not a name for a connection"),
        ({"secret": None}, "password is missing"),
        ({"secret": "nothing"}, "no secret 'nothing'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    office: OfficeForTests, more: dict[str, object], words: str
) -> None:
    keep(office, OPERATOR)
    with pytest.raises(Refused, match=words):
        declare(office, OPERATOR, **more)  # pyright: ignore[reportArgumentType]
    with office.store.read() as tx:
        assert list_connections(tx, OPERATOR) == []


def test_a_session_starts_with_the_ports_of_all_that_are_declared(office: OfficeForTests) -> None:
    keep(office, OPERATOR)
    declare(office, OPERATOR)
    declare(office, OPERATOR, name="second", local_port=5433)
    session_id = office.requested(office.user())
    answer = launch(office, user="jane", server_name="notebook-cpu-small", session_id=session_id, profile=None,
                    env={})  # fmt: skip
    assert answer["launch"]["local_ports"] == {"warehouse": 5432, "second": 5433}


def test_names_and_local_ports_are_each_of_one_connection(office: OfficeForTests) -> None:
    keep(office, OPERATOR)
    declare(office, OPERATOR)
    with pytest.raises(Refused, match="a connection named 'warehouse'"):
        declare(office, OPERATOR, local_port=6000)
    with pytest.raises(Refused) as error:
        declare(office, OPERATOR, name="second")
    assert "--local-port 5433" in error.value.remedy
    declare(office, OPERATOR, name="second", local_port=5433)


def test_everybody_sees_that_it_is_there_and_only_the_granted_where_it_leads(office: OfficeForTests) -> None:
    jane, john = office.user(), office.user("john")
    keep(office, OPERATOR)
    declare(office, OPERATOR, "user:jane")
    with office.store.read() as tx:
        row = find_connection(tx, jane, "warehouse")
        hers, his = (connection_view(tx, office.clock.now(), one, row) for one in (jane, john))
    assert (hers["host"], hers["database"], hers["secret"], hers["grants"]) == (
        "warehouse.acme.local", "sales", None, None,
    )  # fmt: skip
    assert (his["is_granted"], his["local_port"]) == (False, 5432)
    assert "acme" not in str(his)


def test_all_is_in_the_journal(office: OfficeForTests) -> None:
    office.user()
    keep(office, OPERATOR)
    declare(office, OPERATOR, "user:jane")
    _ungrant(office, "")
    _remove(office, "")
    with office.store.read() as tx:
        found = [one["type"] for one in search(tx, OPERATOR, Wanted(), limit=1000).records][::-1]
    assert [one for one in found if one.startswith("connection.")] == [
        "connection.declared", "connection.granted", "connection.ungranted", "connection.removed",
    ]  # fmt: skip
