"""What the pages say of suspended sessions, and what can be done with them there."""

from __future__ import annotations

import json
import re
from datetime import timedelta

from nbkeep.grants.decide import approve_grant
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.session import StopReason
from nbkeep.sessions.end import end_session
from nbkeep.store.tables import FlavorRow, GrantRow, ProfileRow, SessionRow
from portal_parts import Person, Portal

LARGE = "notebook-cpu-large"


def suspended(portal: Portal, person: Person) -> str:
    """Let a session be suspended with a variable that could not be kept."""
    office = portal.office
    session_id = office.ready(person.actor, name="churn")
    assert person.post(f"/sessions/{session_id}/suspend").status_code == 303
    office.backend.saves(person.actor.name, session_id, office.clock.now())
    office.backend.running.pop(session_id)
    end_session(office, OPERATOR, session_id, StopReason.USER)
    return session_id


def test_a_suspended_session_says_what_is_kept_until_when_and_is_resumed_on_more_memory(
    portal: Portal,
) -> None:
    jane = portal.person()
    session_id = suspended(portal, jane)
    until = portal.office.clock.now() + timedelta(days=7)
    day = f"kept until {until.day} {until:%B}"
    assert f"Your variables are {day}; 1 could not be kept" in jane.get("/")
    for html in (jane.get("/"), jane.get(f"/sessions/{session_id}")):
        assert day in html
        assert ">Resume<" in html.replace('<span class="visually-hidden"> churn</span>', "")
    page = jane.get(f"/sessions/{session_id}")
    assert "churn.ipynb" in page
    assert "A socket cannot be kept." in page
    assert "Nothing is running" not in jane.get("/")
    answer = jane.post(f"/sessions/{session_id}/resume", profile="notebook-cpu-large")
    assert answer.headers["location"] == f"/portal/sessions/{session_id}?opening=1"
    assert portal.office.row(session_id).profile_name == "notebook-cpu-large"
    assert portal.office.hub.servers["jane", "churn"] == session_id


def needs_approval(portal: Portal, profile: str) -> None:
    with portal.office.store.write() as tx:
        tx.get_one(FlavorRow, tx.get_one(ProfileRow, profile).flavor).needs_approval = True


def test_a_profile_without_its_approval_is_not_to_be_chosen_and_says_how_to_ask(portal: Portal) -> None:
    jane = portal.person()
    session_id = suspended(portal, jane)
    assert 'id="needs-approval"' not in jane.get(f"/sessions/{session_id}")
    needs_approval(portal, LARGE)
    page = jane.get(f"/sessions/{session_id}")
    assert re.search(rf'<option value="{LARGE}" disabled>on [^<]* \(needs an approval\)</option>', page)
    assert '<option value="">as before</option>' in page
    link = re.search(r'<a href="(/portal/grants[^"]*)#ask-to-start">Ask for it', page)
    assert link
    assert f'<option value="{LARGE}" selected' in jane.get(link[1].removeprefix("/portal"))
    jane.post("/grants/flavor", start=LARGE, start_reason="The last run", start_for="2h")
    assert "(waits for an answer)</option>" in jane.get(f"/sessions/{session_id}")
    with portal.office.store.write() as tx:
        request_id = tx.query(GrantRow.id).scalar()
        approve_grant(tx, portal.office.clock, portal.office.settings, OPERATOR, request_id)
    page = jane.get(f"/sessions/{session_id}")
    assert f'<option value="{LARGE}">on ' in page
    assert 'id="needs-approval"' not in page


def test_where_all_need_an_approval_nothing_is_to_be_pressed(portal: Portal) -> None:
    jane = portal.person()
    session_id = suspended(portal, jane)
    with portal.office.store.write() as tx:
        tx.query(FlavorRow).update({"needs_approval": True})
    page = jane.get(f"/sessions/{session_id}")
    assert re.search(r'id="resume" disabled aria-describedby="needs-approval">Resume', page)
    assert "on which it ran," in page
    assert jane.post(f"/sessions/{session_id}/resume").status_code == 403


def test_a_state_of_an_earlier_build_of_the_image_says_that_it_cannot_be_brought_back(portal: Portal) -> None:
    jane = portal.person()
    session_id = suspended(portal, jane)
    assert 'id="hindrance"' not in jane.get(f"/sessions/{session_id}")
    facts = portal.office.settings.images_dir / "base/current/image.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"digest": "fedcba9876543210"}))
    with portal.office.store.write() as tx:
        row = tx.get_one(SessionRow, session_id)
        row.kept = {**(row.kept or {}), "image_digest": "0123456789abcdef"}
    page = jane.get(f"/sessions/{session_id}")
    assert "The image base was built anew since these variables were saved" in page
    assert ">Resume<" in page


def test_a_refused_resume_says_why(portal: Portal) -> None:
    jane = portal.person()
    session_id = suspended(portal, jane)
    portal.office.ready(jane.actor, name="churn")
    answer = jane.post(f"/sessions/{session_id}/resume")
    assert answer.status_code == 409
    assert "another session named" in answer.text


def test_discarded_variables_are_gone(portal: Portal) -> None:
    jane = portal.person()
    session_id = suspended(portal, jane)
    assert jane.post(f"/sessions/{session_id}/stop", discard="on").status_code == 303
    assert portal.office.row(session_id).state == "stopped"
    assert ">Resume<" not in jane.get(f"/sessions/{session_id}")


def test_an_admin_suspends_somebodys_session_with_a_reason_only(portal: Portal) -> None:
    jane, boss = portal.person("jane"), portal.person("boss", Role.ADMIN)
    session_id = portal.office.ready(jane.actor)
    assert "Why does it have to be suspended" in boss.get(f"/sessions/{session_id}/suspend")
    assert boss.post(f"/sessions/{session_id}/suspend").status_code == 400
    assert boss.post(f"/sessions/{session_id}/suspend", reason="The host is repaired").status_code == 303
    assert portal.office.row(session_id).stop_detail == "The host is repaired"
