"""The page of declared connections: what users see, what admins change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.connections.records import list_connections
from nbkeep.model.actor import Role

if TYPE_CHECKING:
    from portal_parts import Person, Portal

SECRET = {"name": "warehouse-pw", "value": "Qz7-not-on-a-page", "hosts": "warehouse.acme.local:5432",
          "way": "postgres", "place": "reader", "env": "", "grants": "user:ops"}  # fmt: skip
FIELDS = {"name": "warehouse", "kind": "postgres", "place": "warehouse.acme.local", "database": "sales",
          "role": "reader", "secret": "warehouse-pw", "local_port": "5432", "tls": "verify",
          "grants": "user:jane"}  # fmt: skip


def _id(portal: Portal, person: Person) -> str:
    with portal.office.store.read() as tx:
        return list_connections(tx, person.actor)[0].id


def test_an_admin_declares_grants_and_removes_and_people_see_what_is_theirs(portal: Portal) -> None:
    ops, jane, john = portal.person("ops", Role.ADMIN), portal.person(), portal.person("john")
    assert "No connections yet" in jane.get("/connections")
    assert ops.post("/secrets", **SECRET).status_code == 303
    assert ops.post("/connections", **FIELDS).status_code == 303
    hers, his = jane.get("/connections"), john.get("/connections")
    assert "warehouse.acme.local:5432" in hers
    assert "host=localhost port=5432 dbname=sales user=me" in hers
    assert "localhost:5432" in his
    assert "not you: ask an admin" in his
    assert "acme" not in his
    assert "Declare a connection" not in hers
    which = _id(portal, ops)
    assert ops.post(f"/connections/{which}/grant", to="user:john").status_code == 303
    assert "warehouse.acme.local:5432" in john.get("/connections")
    assert ops.post(f"/connections/{which}/ungrant", to="user:john").status_code == 303
    assert "acme" not in john.get("/connections")
    for verb in ("grant", "ungrant", "remove"):
        assert jane.post(f"/connections/{which}/{verb}", to="user:jane").status_code == 403
    assert ops.post("/secrets/warehouse-pw/revoke").status_code == 303
    assert "Its password has ended." in jane.get("/connections")
    assert ops.post(f"/connections/{which}/remove").status_code == 303
    assert "No connections yet" in jane.get("/connections")
    assert SECRET["value"] not in hers + his


def test_what_is_wrong_is_shown_beside_its_field(portal: Portal) -> None:
    ops, jane = portal.person("ops", Role.ADMIN), portal.person()
    ops.post("/secrets", **SECRET)
    for change in (
        {"name": "No Name"}, {"place": "*.acme.local"}, {"database": ""}, {"local_port": "80"},
        {"local_port": "many"}, {"tls": "maybe"}, {"secret": ""}, {"secret": "other"}, {"role": "writer"},
        {"grants": "nobody"}, {"kind": "tcp"},
    ):  # fmt: skip
        answer = ops.post("/connections", **(FIELDS | change))
        assert answer.status_code in {400, 404}, change
        assert "note bad" in answer.text or 'class="error"' in answer.text, change
    assert jane.post("/connections", **FIELDS).status_code == 403
    assert "No connections yet" in ops.get("/connections")
