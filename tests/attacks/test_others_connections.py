"""A person wants to know what others connect to, or to write it: by API, portal, explanation or cursor."""

from __future__ import annotations

import pytest

from nbkeep.model.actor import Role
from nbkeep.people import tokens
from office_parts import OfficeForTests, client_for, office
from portal_parts import Portal, portal

__all__ = ["office", "portal"]
pytestmark = pytest.mark.attack


def test_nobody_sees_anothers_connections(portal: Portal) -> None:
    from gateway_parts import make_gateway

    office: OfficeForTests = portal.office
    jane, mallory = office.user("jane"), portal.person("mallory")
    session_id = office.ready(jane)
    gateway = make_gateway(office)
    gateway.report(*(gateway.record(session_id, f"secret{n}.example") for n in range(3)))
    with office.store.write() as tx:
        _, secret = tokens.create_token(
            tx, office.clock, mallory.actor, "test", sorted(mallory.actor.scopes), 3600
        )
    api = client_for(office.app(), secret)
    boss = portal.person("boss", Role.ADMIN)
    assert boss.get("/network").count("secret") >= 3
    for params in ("", f"?session={session_id}", "?user=jane", "?host=secret1.example", "?host=*secret*"):
        answer = api.get(f"/api/v1/network/connections{params}")
        assert (answer.status_code, answer.json()["items"]) == (200, [])
        top = api.get(f"/api/v1/network/top{params}").json()
        assert (top["items"], top["total"]["connections"]) == ([], 0)
        assert 'data-host="secret' not in mallory.get(f"/network{params}")
    hers = api.get("/api/v1/network/explain", params={"host": "a.example", "session": session_id})
    none = api.get(
        "/api/v1/network/explain", params={"host": "a.example", "session": "ses_00000000000000000000"}
    )
    assert hers.status_code == none.status_code == 404
    assert hers.json()["code"] == none.json()["code"]


def test_a_token_without_the_scope_sees_nothing(office: OfficeForTests) -> None:
    jane = office.user("jane")
    with office.store.write() as tx:
        _, secret = tokens.create_token(tx, office.clock, jane, "test", ["self"], 3600)
    api = client_for(office.app(), secret)
    assert api.get("/api/v1/network/connections").status_code == 403
    assert api.get("/api/v1/network/top").status_code == 403
