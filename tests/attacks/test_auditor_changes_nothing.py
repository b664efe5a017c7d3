"""An auditor sees everything of the audit, and tries to change anything."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from forward_parts import Hook, Sending, sending
from nbkeep.audit.verify import verify_journal
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.people.tokens import create_token
from office_parts import client_for

__all__ = ["sending"]
pytestmark = pytest.mark.attack


def test_no_verb_changes_where_the_audit_goes(sending: Sending) -> None:
    office = sending.office
    auditor = office.user("anna", Role.AUDITOR)
    with office.store.write() as tx:
        token = create_token(tx, office.clock, auditor, name="t", scopes=["audit:read"], valid_s=3600)[1]
    with Hook(sending.authority).serving() as hook, client_for(office.app(), token) as client:
        sending.add(hook)
        base = "/api/v1/audit/forwards"
        assert [one["name"] for one in client.get(base).json()] == ["siem"]
        before = _everything(sending)
        new = {"name": "mine", "webhook": hook.url, "secret": f"file:{sending.secret_file}"}
        answers = [
            client.post(base, json=new),
            client.post(f"{base}/siem/pause"),
            client.post(f"{base}/siem/resume"),
            client.post(f"{base}/siem/test"),
            client.delete(f"{base}/siem"),
            client.post("/api/v1/flavors", json={}),
            client.post("/api/v1/users", json={"email": "x@acme.com"}),
        ]
        assert {answer.status_code for answer in answers} <= {403, 422}, [one.text for one in answers]
        assert {answer.status_code for answer in answers[:5]} == {403}
        for method in ("PUT", "PATCH", "DELETE", "POST"):
            assert client.request(method, "/api/v1/audit").status_code == 405
        assert _everything(sending) == before
        assert hook.requests == []
    assert verify_journal(office.store, OPERATOR).ok


def test_who_has_no_right_to_read_sees_nothing(sending: Sending) -> None:
    office = sending.office
    jane = office.user("jane")
    with office.store.write() as tx:
        token = create_token(tx, office.clock, jane, name="t", scopes=["self"], valid_s=3600)[1]
    with client_for(office.app(), token) as client:
        for path in ("forwards", "key", "verify", "export?format=csv", "export?format=ocsf"):
            assert client.get(f"/api/v1/audit/{path}").status_code == 403, path


def _everything(sending: Sending) -> list[tuple[object, ...]]:
    with sending.office.store.read() as tx:
        found = [tuple(row) for row in tx.execute(text("SELECT * FROM audit_forwards"))]
        return [*found, *(tuple(row) for row in tx.execute(text("SELECT seq, hash FROM audit_journal")))]
