"""A user changes nobody's quotas, sees nobody's, and gets no more by many starts or by ending what reserves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.people.projects import add_project, join_project
from nbkeep.people.tokens import create_token
from nbkeep.quotas import ask, change, view
from nbkeep.sessions.extend import extend_session
from nbkeep.sessions.start import request_session
from nbkeep.sessions.stop import stop_session
from office_parts import client_for, office
from quota_parts import SMALL, ends, gpu_profile, live, set_quota, standing

if TYPE_CHECKING:
    from office_parts import OfficeForTests

__all__ = ["office"]


def _token(office: OfficeForTests, name: str, role: Role = Role.USER) -> str:
    actor = office.user(name, role)
    with office.store.write() as tx:
        return create_token(tx, office.clock, actor, "t", sorted(actor.scopes), 3600)[1]


@pytest.mark.parametrize("role", [Role.USER, Role.REVIEWER, Role.AUDITOR])
def test_no_door_lets_others_set_override_or_answer(office: OfficeForTests, role: Role) -> None:
    office.user("joe")
    set_quota(office, "hours=1h/day", user="joe")
    until = (office.clock.now() + timedelta(hours=1)).isoformat()
    with client_for(office.app(), _token(office, "eve", role)) as api:
        for method, path, body in (
            ("POST", "quotas", {"user": "eve", "limits": ["hours=9h/day"]}),
            ("POST", "quotas", {"everyone": True, "limits": ["hours=9h/day"]}),
            ("DELETE", "quotas?user=joe", None),
            ("POST", "quotas/overrides", {"user": "eve", "until": until, "reason": "x"}),
            ("DELETE", "quotas/overrides/quv_1", None),
            ("POST", "quotas/requests/qur_1/give", {"until": until}),
            ("POST", "quotas/requests/qur_1/deny", {"reason": "x"}),
        ):
            assert api.request(method, f"/api/v1/{path}", json=body).status_code == 403, path
    with office.store.read() as tx:
        assert [one["quota"] for one in view.list_quotas(tx, OPERATOR, "EUR")] == ["hours=1h/day"]


def test_anothers_quota_looks_like_nobodys(office: OfficeForTests) -> None:
    office.user("joe")
    set_quota(office, "hours=1h/day", user="joe")
    with office.store.write() as tx:
        add_project(tx, office.clock, OPERATOR, "secret")
        join_project(tx, office.clock, OPERATOR, "secret", "joe")
    set_quota(office, "cost=9/day", project="secret")
    with client_for(office.app(), _token(office, "eve")) as api:
        theirs = api.get("/api/v1/quotas/standing", params={"user": "joe"})
        nobodys = api.get("/api/v1/quotas/standing", params={"user": "ghost"})
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.text.replace("joe", "X") == nobodys.text.replace("ghost", "X")
        assert api.get("/api/v1/quotas").json()["items"] == []
        for project in ("secret", "ghost"):
            asked = api.post(
                "/api/v1/quotas/requests", json={"quota": "cost/day", "project": project, "reason": "x"}
            )
            assert asked.status_code == 404
            assert project not in asked.json()["message"]


def test_many_starts_at_once_get_no_more_than_the_quota(office: OfficeForTests) -> None:
    profile = gpu_profile(office)
    eve = office.user("eve", max_sessions=100)
    set_quota(office, "gpu=30min/month", user="eve")

    def start(_: int) -> bool:
        try:
            request_session(office, eve, profile)
        except NbkeepError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(start, range(40))) == 3


def test_ending_a_session_returns_what_it_reserved_and_not_what_it_used(office: OfficeForTests) -> None:
    """Stopping just before each look of the meter, over and over, is no way to use more."""
    eve = office.user("eve")
    set_quota(office, "hours=10min/day", user="eve")
    begun = 0
    for _ in range(30):
        try:
            session_id = office.ready(eve)
        except Refused:
            break
        begun += 1
        live(office, 50, session_id)
        office.clock.advance(9)
        stop_session(office, eve, session_id)
        ends(office, eve, session_id)
    assert begun == 10
    assert standing(office, eve).used >= 580_000_000


def test_keep_working_does_not_put_off_a_cut(office: OfficeForTests) -> None:
    eve = office.user("eve")
    set_quota(office, "hours=30min/day", user="eve")
    session_id = office.ready(eve)
    live(office, 1500, session_id)
    before = office.row(session_id).quota_ends_at
    assert before is not None
    for _ in range(5):
        with office.store.write() as tx:
            extend_session(tx, office.clock, eve, session_id)
    assert office.row(session_id).quota_ends_at == before
    assert live(office, 330, session_id) == 1


def test_a_reason_with_markup_is_shown_as_text_and_a_request_gives_nothing(office: OfficeForTests) -> None:
    eve = office.user("eve")
    set_quota(office, "hours=1h/day", user="eve")
    with office.store.write() as tx:
        ask.ask(tx, office.clock, eve, "hours/day", reason="<script>alert(1)</script>")
        with pytest.raises(Refused):
            ask.ask(tx, office.clock, eve, "hours/day", reason="x" * 600)
    assert standing(office, eve).allowed == 3_600_000_000
    with office.store.write() as tx, pytest.raises(Refused):
        change.set_quotas(tx, office.clock, eve, change.Subject(f"user:{eve.id}", "eve"), ["hours=100h/day"])
    with pytest.raises(Refused):
        for _ in range(9):
            request_session(office, eve, SMALL)
