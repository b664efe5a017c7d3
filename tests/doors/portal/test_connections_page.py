"""The page of declared connections: what users see, what admins change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.connections import change as connections
from nbkeep.connections import parse
from nbkeep.connections.records import list_connections
from nbkeep.model.actor import Role
from nbkeep.vault.change import source_of
from portal_parts import HOSTILE

if TYPE_CHECKING:
    from portal_parts import Person, Portal

SECRET = {"name": "warehouse-pw", "value": "Qz7-not-on-a-page", "hosts": "warehouse.acme.local:5432",
          "way": "postgres", "place": "reader", "env": "", "grants": "user:ops"}  # fmt: skip
FIELDS = {"name": "warehouse", "kind": "postgres", "place": "warehouse.acme.local", "database": "sales",
          "role": "reader", "secret": "warehouse-pw", "local_port": "5432", "tls": "verify",
          "grants": "user:jane"}  # fmt: skip
REQUEST = {"connection": "warehouse", "profile": "notebook-cpu-small", "reason": "Totals", "duration": "2h"}


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
    assert "not you" in his
    assert "Ask for it" in his
    assert "Ask for it" not in hers
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


def test_who_has_none_asks_an_admin_decides_and_it_ends(portal: Portal) -> None:
    ops, jane = portal.person("ops", Role.ADMIN), portal.person()
    assert "Ask for a connection" not in jane.get("/connections")
    ops.post("/secrets", **SECRET)
    assert ops.post("/connections", **(FIELDS | {"grants": ""})).status_code == 303
    page = jane.get("/connections?ask=warehouse")
    assert '<option value="warehouse" selected>' in page
    assert 'href="/portal/connections?ask=warehouse#ask"' in page
    assert 'href="/portal/connections#ask"' in jane.get("/grants")
    assert jane.post("/connections/request", **REQUEST).status_code == 303
    assert 'data-standing="requested"' in jane.get("/connections")
    queue = ops.get("/grants")
    assert "connection <strong>warehouse</strong>" in queue
    grant = queue.split('data-grant="')[1].split('"')[0]
    assert ops.post(f"/grants/{grant}/approve", duration="1h").status_code == 303
    hers = jane.get("/connections")
    assert 'data-standing="granted"' in hers
    assert "you, for a while" in hers
    assert "warehouse.acme.local:5432" in hers
    portal.office.clock.advance(3600)
    over = jane.get("/connections")
    assert "data-standing" not in over
    assert "acme" not in over
    assert jane.post("/connections/request", **REQUEST).status_code == 303
    assert ops.post(f"/connections/{_id(portal, ops)}/remove").status_code == 303
    assert "the connection was removed." in jane.get("/grants")


def test_what_is_wrong_with_a_request_is_said_and_what_was_typed_is_not_lost(portal: Portal) -> None:
    ops, jane = portal.person("ops", Role.ADMIN), portal.person()
    ops.post("/secrets", **SECRET)
    assert ops.post("/connections", **(FIELDS | {"grants": ""})).status_code == 303
    for wrong, status, marked in (
        ({"connection": "other"}, 403, "There is no connection other."),
        ({"connection": "No Name"}, 400, "e-connection"),
        ({"profile": ""}, 400, "e-profile"),
        ({"profile": "none-such"}, 404, "There is no profile"),
        ({"reason": ""}, 400, "e-reason"),
        ({"duration": "99d"}, 400, "e-duration"),
    ):
        answer = jane.post("/connections/request", **(REQUEST | wrong))
        assert (answer.status_code, marked in answer.text) == (status, True), wrong
        assert 'value="Totals"' in answer.text or "reason" in wrong
    assert "data-standing" not in jane.get("/connections")
    hostile = jane.post("/connections/request", **(REQUEST | {"reason": HOSTILE, "connection": HOSTILE}))
    assert "<img src=x" not in hostile.text


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


def test_a_role_for_each_session_is_asked_for_and_shown(portal: Portal) -> None:
    ops, jane = portal.person("ops", Role.ADMIN), portal.person()
    form = FIELDS | {"role": "", "secret": "", "vault_role": "readonly"}
    refused = ops.post("/connections", **form)
    assert refused.status_code == 409
    assert "No Vault or OpenBao is connected" in refused.text
    assert 'value="readonly"' in refused.text
    wrong = ops.post("/connections", **(form | {"vault_role": HOSTILE}))
    assert wrong.status_code == 400
    assert HOSTILE not in wrong.text
    assert jane.post("/connections", **form).status_code == 403
    one = parse.declared("warehouse", postgres="warehouse.acme.local/sales", vault_role="readonly")
    made = (source_of(portal.office.settings), parse.made_binding(one, "readonly"))
    with portal.office.store.write() as tx:
        connections.add_connection(tx, portal.office.clock, ops.actor, one, made=made, grants=["user:jane"])
    assert "a role for each session (database/creds/readonly)" in ops.get("/connections")
    hers = jane.get("/connections")
    assert "sales, a role for each session, TLS verified" in hers
    assert "database/creds" not in hers
    secrets = ops.get("/secrets")
    assert "Make roles anew" in secrets
    assert ops.post("/secrets/warehouse-role/rotate").status_code == 303
