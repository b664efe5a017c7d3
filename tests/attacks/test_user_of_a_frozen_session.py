"""Somebody whose session an incident froze tries every way to go on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incident_parts import leases_of, opened, person, secret, used
from nbkeep.doors.worker.loops import Worker
from nbkeep.incidents.steps import advance
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.people.tokens import actor_of_token, create_token
from nbkeep.sessions.extend import extend_session
from nbkeep.sessions.freeze import thaw_session
from nbkeep.sessions.marks import mark_ready
from nbkeep.sessions.policies import live_policies
from nbkeep.sessions.resume import resume_session
from nbkeep.sessions.start import start_session
from nbkeep.sessions.stop import stop_session
from nbkeep.sessions.suspend import suspend_session
from nbkeep.store.tables import SessionRow
from nbkeep.vault import change
from nbkeep.vault.hand_out import hand_out
from office_parts import OfficeForTests, client_for, office

__all__ = ["office"]
pytestmark = pytest.mark.attack


def test_a_frozen_user_has_no_way_on(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), person(office)
    secret(office, root, "user:jane")
    session_id, session_token = office.launched(jane)
    with office.store.write() as tx:
        token = create_token(tx, office.clock, jane, name="t", scopes=["self", "sessions"], valid_s=9999)[1]
    with office.store.write() as tx:
        mark_ready(tx, office.clock, jane, tx.get_one(SessionRow, session_id))
    office.beat(session_id)
    lease_id = used(office, session_id)
    incident_id = opened(office, root, "session", session_id)
    advance(office)
    assert office.backend.frozen == {session_id}

    # By their own account, as an actor that was made before:
    for act in (
        lambda: thaw_session(office, jane, session_id),
        lambda: resume_session(office, jane, session_id),
        lambda: stop_session(office, jane, session_id, discard=True),
        lambda: suspend_session(office, jane, session_id),
        lambda: start_session(office, jane, "notebook-cpu-small", name="another"),
        lambda: _extend(office, jane, session_id),
    ):
        with pytest.raises(Refused):
            act()
    # By the API token:
    with pytest.raises(Refused):
        actor_of_token(office.store, office.clock, token)
    with client_for(office.app(), token) as client:
        assert client.get("/api/v1/sessions").status_code == 401
    # By the tab, through the trusted half:
    with client_for(office.app(), session_token) as tab:
        refused = tab.post("/internal/v1/session/thaw")
        assert refused.status_code == 403, refused.text
        assert refused.json()["code"] == "session-held"
        assert incident_id in refused.json()["message"]
        assert "4711" not in refused.text  # why is for those who look into it
        assert tab.post("/internal/v1/session/extend").status_code == 409
        # Reports of work do not wake it, nor does an offer to freeze it in the ordinary way.
        assert tab.post("/internal/v1/session/heartbeat", json={"busy": True}).json()["state"] == "frozen"
        assert tab.post("/internal/v1/session/freeze", json={"saved": True}).json()["held_by"] == incident_id
    # By a secret that was leased, or a new lease:
    assert leases_of(office, session_id) == []
    with pytest.raises(Refused), office.store.read() as tx:
        hand_out(tx, change.source_of(office.settings), office.clock.now(), session_id, lease_id)
    # By the network, through what the gateway is told:
    with office.store.read() as tx:
        (policy,) = live_policies(tx, office.settings, office.clock.now())
    assert not policy.public_internet
    assert all(rule.effect == "deny" for rule in policy.rules)
    # By waiting:
    worker = Worker(office, "boot")
    for _ in range(3):
        office.clock.advance(timedelta(days=2).total_seconds())
        worker.round()
    assert office.backend.frozen == {session_id}
    assert office.row(session_id).state == "frozen"


def test_a_user_neither_sees_nor_opens_incidents(office: OfficeForTests) -> None:
    jane = office.user()
    vera = office.user("vera", Role.AUDITOR)
    incident_id = opened(office, OPERATOR, "user", office.user("joe").name)
    advance(office)
    with office.store.write() as tx:
        hers = create_token(tx, office.clock, jane, name="t", scopes=sorted(jane.scopes), valid_s=9999)[1]
        auditors = create_token(tx, office.clock, vera, name="t", scopes=sorted(vera.scopes), valid_s=9999)[1]
    new = {"kind": "user", "name": "joe", "reason": "because I can", "confirm": True}
    base = "/api/v1/incidents"
    with client_for(office.app(), hers) as client:
        answers = [
            client.get(base), client.get(f"{base}/{incident_id}"), client.get(f"{base}/inc_none"),
            client.get(f"{base}/{incident_id}/evidence"), client.get(f"{base}/radius?kind=user&name=joe"),
            client.get(f"{base}/radius?kind=user&name=nobody"), client.post(base, json=new),
            client.post(f"{base}/{incident_id}/close", json={"reason": "let him go"}),
            client.get("/api/v1/inventory"),
        ]  # fmt: skip
        assert {one.status_code for one in answers} == {403}, [one.text for one in answers]
        assert len({one.json()["message"] for one in answers[:4]}) == 1  # nothing tells which ones there are
    with client_for(office.app(), auditors) as client:
        assert client.get(f"{base}/{incident_id}").json()["state"] == "open"
        assert client.get(f"{base}/{incident_id}/evidence").status_code == 200
        assert client.post(base, json=new).status_code == 403
        assert client.post(f"{base}/{incident_id}/close", json={"reason": "let him go"}).status_code == 403


def test_an_incident_is_opened_by_nothing_but_a_confirmation(office: OfficeForTests) -> None:
    office.user("joe")
    root = office.user("root", Role.ADMIN)
    with office.store.write() as tx:
        token = create_token(tx, office.clock, root, name="t", scopes=sorted(root.scopes), valid_s=9999)[1]
    body = {"kind": "user", "name": "joe", "reason": "laptop stolen"}
    with client_for(office.app(), token) as client:
        for more in ({}, {"confirm": False}):
            assert client.post("/api/v1/incidents", json=body | more).status_code in {400, 422}
        assert (
            client.post("/api/v1/incidents", json={**body, "confirm": True, "reason": " "}).status_code == 400
        )
        assert client.get("/api/v1/incidents").json()["items"] == []


def _extend(office: OfficeForTests, jane: Actor, session_id: str) -> None:
    with office.store.write() as tx:
        extend_session(tx, office.clock, jane, session_id)
