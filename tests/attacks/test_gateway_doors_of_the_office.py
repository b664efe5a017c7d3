"""A session, a browser or the hub wants to read everybody's rules, or to write connections that never were."""

from __future__ import annotations

import pytest

from gateway_parts import make_gateway
from nbkeep.egress import log
from nbkeep.model.actor import OPERATOR
from office_parts import OfficeForTests, client_for, office

__all__ = ["office"]
pytestmark = pytest.mark.attack


def test_nobody_but_a_gateway_gets_in(office: OfficeForTests) -> None:
    session_id, session_token = office.launched(office.user())
    gateway = make_gateway(office)
    body = {"records": [gateway.record(session_id, "forged.example")]}
    doors = (("GET", "/internal/v1/gateway/policies"), ("POST", "/internal/v1/gateway/connections"),
             ("POST", "/internal/v1/gateway/model-calls"), ("GET", "/internal/v1/gateway/rules"))  # fmt: skip
    for method, path in doors:
        for token in (
            None,
            "",
            "wrong",
            session_token,
            "hub-token-of-this-test",
            "operator-token-of-this-test",
        ):
            answer = client_for(office.app(), token).request(method, path, json=body)
            assert answer.status_code == 401, (path, token)
            assert session_id not in answer.text
        # Through the public proxy there is no such door, not even with the right token.
        proxied = {"X-Forwarded-For": "10.0.0.1"}
        assert gateway.client.request(method, path, json=body, headers=proxied).status_code == 404
    with office.store.read() as tx:
        assert log.search(tx, OPERATOR, log.Wanted()).items == []
