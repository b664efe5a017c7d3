"""A frozen session on its pages: paused, until when, free of charge, and one click away."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.backends.interface import Capacity
from nbkeep.doors.worker import Worker
from nbkeep.model.actor import Role
from nbkeep.sessions.freeze import freeze_session

if TYPE_CHECKING:
    from portal_parts import Person, Portal


def frozen(portal: Portal, person: Person) -> str:
    office = portal.office
    office.backend.has = Capacity(8000, 64 << 30, freezes=True)
    worker = Worker(office, boot_id="boot-1")
    worker.round()
    session_id = office.ready(person.actor, name="churn")
    office.clock.advance(31 * 60)
    office.beat(session_id)
    worker.round()
    freeze_session(office, person.actor, session_id, is_saved=True)
    return session_id


def test_its_user_reads_that_it_is_paused_and_goes_on(portal: Portal) -> None:
    jane = portal.person()
    session_id = frozen(portal, jane)
    until = portal.office.clock.now() + timedelta(minutes=15)
    for html in (jane.get("/"), jane.get(f"/sessions/{session_id}")):
        assert 'data-state="frozen">Paused<' in html
        assert f'datetime="{until.isoformat()}"' in html
        assert "nothing while paused" in html
        assert "user/jane/churn/lab" in html
        assert "Keep working" not in html
        assert "Idle stop" not in html
    answer = jane.post(f"/sessions/{session_id}/resume")
    assert answer.status_code == 303
    assert portal.office.row(session_id).state == "ready"
    assert not portal.office.backend.frozen
    assert ("start", "jane", "churn") not in portal.office.hub.calls[
        1:
    ]  # it runs: the hub is not asked again


def test_it_is_suspended_and_stopped_as_any_other(portal: Portal) -> None:
    jane = portal.person()
    session_id = frozen(portal, jane)
    assert jane.post(f"/sessions/{session_id}/suspend").status_code == 303
    assert portal.office.row(session_id).state == "stopping"
    assert "Variables are being saved" in jane.get(f"/sessions/{session_id}")


def test_an_admin_sees_it_too(portal: Portal) -> None:
    session_id = frozen(portal, portal.person())
    boss = portal.person("boss", Role.ADMIN)
    assert 'data-state="frozen">Paused<' in boss.get("/admin/sessions")
    page = boss.get(f"/sessions/{session_id}")
    assert "Enter with a reason" in page
    assert "somebody opens a notebook" in page
