"""The pages of incidents and of the inventory: looked at, confirmed by typing, followed, closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incident_parts import opened, shown
from nbkeep.incidents.steps import advance
from nbkeep.model.actor import OPERATOR, Role

if TYPE_CHECKING:
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
