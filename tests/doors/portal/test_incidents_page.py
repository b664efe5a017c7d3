"""The pages of incidents and of the inventory: looked at, confirmed by typing, followed, closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import event

from incident_parts import opened, shown
from nbkeep.incidents.steps import advance
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.people.tokens import create_token
from office_parts import client_for

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from portal_parts import Portal

BASE = "/portal/admin/incidents"


def test_an_admin_looks_types_the_name_and_closes(portal: Portal) -> None:
    root = portal.person("root", Role.ADMIN)
    session_id = portal.office.ready(portal.office.user("joe"))
    page = root.get("/admin/incidents/new?kind=user&name=joe")
    assert "Freeze 1 session" in page
    assert portal.office.row(session_id).state == "ready"
    form = {"kind": "user", "name": "joe", "reason": "laptop <b>stolen</b>"}
    for typed in ("", "jo"):
        answer = root.post("/admin/incidents", **form, typed=typed)
        assert answer.status_code == 400, answer.text
        assert "Type joe to go on" in answer.text
    assert portal.office.row(session_id).state == "ready"
    answer = root.post("/admin/incidents", **form, typed="joe")
    assert answer.status_code == 303
    assert portal.office.row(session_id).state == "frozen"
    incident_id = answer.headers["location"].split("/")[-1].partition("?")[0]
    advance(portal.office)
    page = root.get(f"/admin/incidents/{incident_id}")
    assert "laptop &lt;b&gt;stolen" in page
    assert "Take the evidence" in page
    assert root.post(f"/admin/incidents/{incident_id}/evidence").content[:2] == b"PK"
    answer = root.post(f"/admin/incidents/{incident_id}/close", reason="all fine", sessions="thaw")
    assert "stays shut out" in answer.text
    answer = root.post(f"/admin/incidents/{incident_id}/close", reason="all fine", sessions="end")
    assert answer.status_code == 303
    assert shown(portal.office, incident_id)["state"] == "closed"


def test_nobody_who_writes_waits_while_a_radius_is_summed_up(portal: Portal) -> None:
    """Neither door sums up a month of connections, calls and records while it holds the one turn to write."""
    office, root = portal.office, portal.person("root", Role.ADMIN)
    for name in ("joe", "jim"):
        office.ready(office.user(name))
    with office.store.write() as tx:
        token = create_token(tx, office.clock, root.actor, name="t", scopes=["admin:incidents"], valid_s=60)[
            1
        ]
    asked: list[tuple[bool, str]] = []

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement == "BEGIN IMMEDIATE":
            connection.info["writes"] = True
        asked.append((connection.info.get("writes", False), statement))

    def end(connection: Connection) -> None:
        connection.info["writes"] = False

    event.listen(office.store.engine, "before_cursor_execute", note)
    for how in ("commit", "rollback"):
        event.listen(office.store.engine, how, end)
    answer = root.post("/admin/incidents", kind="user", name="joe", reason="laptop stolen", typed="joe")
    assert answer.status_code == 303, answer.text
    with client_for(portal.app, token) as client:
        body = {"kind": "user", "name": "jim", "reason": "laptop stolen", "confirm": True}
        assert client.post("/api/v1/incidents", json=body).status_code == 201
    sums = [is_writing for is_writing, one in asked
            if "sum(connections." in one or "sum(model_calls." in one or "min(audit_journal." in one]  # fmt: skip
    assert sums == [False] * 8
    assert any(is_writing for is_writing, _ in asked)


def test_who_is_nobody_is_said_on_the_page(portal: Portal) -> None:
    root = portal.person("root", Role.ADMIN)
    answer = root.client.get(f"{BASE}/new?kind=user&name=<script>")
    assert answer.status_code == 404
    assert "There is no user" in answer.text
    assert "<script>'" not in answer.text


def test_auditors_read_and_users_see_nothing(portal: Portal) -> None:
    portal.office.user("joe")
    incident_id = opened(portal.office, OPERATOR, "user", "joe")
    vera, jane = portal.person("vera", Role.AUDITOR), portal.person()
    page = vera.get(f"/admin/incidents/{incident_id}")
    assert "Close it" not in page
    assert 'id="inventory"' in vera.get("/admin/inventory")
    assert "Show what it reaches" not in vera.get("/admin/incidents")
    for path in ("", f"/{incident_id}", "/inc_none", "/new?kind=user&name=joe"):
        assert jane.client.get(f"{BASE}{path}").status_code == 403
    assert jane.client.get("/portal/admin/inventory").status_code == 403


def test_a_held_session_says_so_to_its_user(portal: Portal) -> None:
    jane = portal.person()
    session_id = portal.office.ready(jane.actor)
    portal.office.change(session_id, state="frozen", held_by="inc_1")
    for path in ("/", f"/sessions/{session_id}"):
        page = jane.get(path)
        assert "because of a security incident" in page
    assert 'id="resume"' not in page
    assert 'id="stop"' not in page
