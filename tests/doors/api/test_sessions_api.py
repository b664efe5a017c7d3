"""Sessions and notices over REST: own ones for users, all for admins, "not yours" like "not there"."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from nbkeep.model.actor import Actor, Role
from nbkeep.model.session import StopReason
from nbkeep.people.tokens import create_token
from nbkeep.sessions.end import end_session
from nbkeep.sessions.listing import list_sessions
from nbkeep.sessions.stop import stop_session
from office_parts import OfficeForTests, client_for


@pytest.fixture
def app(office: OfficeForTests) -> FastAPI:
    return office.app()


@pytest.fixture
def people(app: FastAPI, office: OfficeForTests) -> dict[str, tuple[Actor, httpx.Client]]:
    """Actors and clients by name: jane and mallory are users, boss is an admin."""
    made: dict[str, tuple[Actor, httpx.Client]] = {}
    for name, role in (("jane", Role.USER), ("mallory", Role.USER), ("boss", Role.ADMIN)):
        actor = office.user(name, role)
        with office.store.write() as tx:
            _, token = create_token(tx, office.clock, actor, "test", sorted(actor.scopes), 30 * 86400)
        made[name] = actor, client_for(app, token)
    return made


def test_a_session_from_request_to_end(
    office: OfficeForTests, people: dict[str, tuple[Actor, httpx.Client]]
) -> None:
    _, jane = people["jane"]
    made = jane.post("/api/v1/sessions", json={"profile": "notebook-cpu-small", "name": "churn"})
    assert made.status_code == 201
    view = made.json()
    assert (view["state"], view["name"], view["url"]) == (
        "requested", "churn", "http://jane.localhost:8000/user/jane/churn/lab",
    )  # fmt: skip
    path = f"/api/v1/sessions/{view['session_id']}"
    assert jane.get(f"{path}/diagnose").json()["message"].startswith("Starting")
    stopped = jane.post(f"{path}/stop").json()
    assert (stopped["state"], stopped["stop"]["reason"]) == ("stopped", "user")
    assert jane.post(f"{path}/stop").status_code == 200
    assert jane.post(f"{path}/extend").status_code == 409


def test_a_session_is_suspended_looked_at_and_resumed(
    office: OfficeForTests, people: dict[str, tuple[Actor, httpx.Client]]
) -> None:
    actor, jane = people["jane"]
    session_id = office.ready(actor)
    path = f"/api/v1/sessions/{session_id}"
    assert jane.get(f"{path}/checkpoints").json() == {"session_id": session_id, "items": []}
    assert jane.post(f"{path}/suspend").json()["state"] == "stopping"
    office.backend.saves("jane", session_id, office.clock.now())
    office.backend.running.clear()
    end_session(office, actor, session_id, StopReason.USER)
    view = jane.get(path).json()
    assert (view["state"], view["is_resumable"], view["kept"]["lost"]) == ("suspended", True, 1)
    assert [one["session_id"] for one in jane.get("/api/v1/sessions?state=open").json()["items"]] == [
        session_id
    ]
    assert jane.get("/api/v1/sessions?state=live").json()["items"] == []
    saved = jane.get(f"{path}/checkpoints").json()["items"][0]
    assert saved["kernels"][0]["path"] == "churn.ipynb"
    refused = jane.post(f"{path}/resume", json={"profile": "no-such"})
    assert refused.status_code == 404
    assert jane.post(f"{path}/resume").json()["state"] == "requested"
    assert jane.post(f"{path}/resume").status_code == 200
    assert office.row(session_id).run == 2


def test_not_yours_and_not_there_are_the_same_answer(
    office: OfficeForTests, people: dict[str, tuple[Actor, httpx.Client]]
) -> None:
    actor, _ = people["jane"]
    session_id, nobody = office.ready(actor), "ses_00000000000000000000"
    _, mallory = people["mallory"]
    for method, tail in (
        ("GET", ""),
        ("POST", "/stop"),
        ("POST", "/extend"),
        ("GET", "/diagnose"),
        ("GET", "/events"),
    ):
        theirs = mallory.request(method, f"/api/v1/sessions/{session_id}{tail}")
        nobodys = mallory.request(method, f"/api/v1/sessions/{nobody}{tail}")
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert theirs.text.replace(session_id, "X") == nobodys.text.replace(nobody, "X")
    answer = mallory.post(f"/api/v1/sessions/{session_id}/access", json={"reason": "just looking"})
    assert answer.status_code == 404


def test_users_see_their_own_and_admins_see_all(
    office: OfficeForTests, people: dict[str, tuple[Actor, httpx.Client]]
) -> None:
    for name in ("jane", "mallory"):
        office.ready(people[name][0])
    assert [one["user"] for one in people["jane"][1].get("/api/v1/sessions").json()["items"]] == ["jane"]
    assert people["jane"][1].get("/api/v1/sessions?user=mallory").json()["items"] == []
    assert people["jane"][1].get("/api/v1/sessions?user=nobody").json()["items"] == []
    everybody = people["boss"][1].get("/api/v1/sessions").json()["items"]
    assert {one["user"] for one in everybody} == {"jane", "mallory"}
    assert len(people["boss"][1].get("/api/v1/sessions?user=jane").json()["items"]) == 1


def test_pages_follow_each_other_without_gap_or_repeat_while_sessions_start(
    any_office: OfficeForTests,
) -> None:
    jane = any_office.user(max_sessions=100)
    made: list[str] = []
    for number in range(7):
        session_id = any_office.requested(jane)
        stop_session(any_office, jane, session_id)
        any_office.clock.advance(number % 2)  # some in the same moment
        made.append(session_id)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        with any_office.store.read() as tx:
            page = list_sessions(tx, jane, limit=2, cursor=cursor)
        seen += [row.id for row, _ in page.items]
        cursor = page.next
        if cursor is None:
            break
        stop_session(any_office, jane, any_office.requested(jane))
    assert set(seen) == set(made)
    assert len(seen) == 7


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=100000", "limit=x", "cursor=@@@", "cursor=YQ", "state=asleep", "cursor=" + "A" * 300],
)
def test_bad_queries_are_refused(people: dict[str, tuple[Actor, httpx.Client]], query: str) -> None:
    assert people["jane"][1].get(f"/api/v1/sessions?{query}").status_code == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"profile": 1}, {"profile": ""}, {"profile": "x" * 1000}, {"profile": "../x"}, {"profile": None}],
)
def test_bad_starts_are_refused(people: dict[str, tuple[Actor, httpx.Client]], body: dict[str, Any]) -> None:
    answer = people["jane"][1].post("/api/v1/sessions", json=body)
    assert answer.status_code in {400, 404}
    assert answer.json()["message"]


def test_progress_is_streamed_until_the_session_is_over(
    office: OfficeForTests, people: dict[str, tuple[Actor, httpx.Client]]
) -> None:
    actor, jane = people["jane"]
    session_id, _ = office.launched(actor)
    office.change(session_id, state="failed", stop_reason="start-failed")
    text = jane.get(f"/api/v1/sessions/{session_id}/events").text
    events = [part for part in text.replace("\r\n", "\n").split("\n\n") if part.startswith("event:")]
    steps = [
        json.loads(part.split("data: ", 1)[1])["step"]
        for part in events
        if part.startswith("event: progress")
    ]
    assert steps == ["admitted", "home"]
    assert json.loads(events[-1].split("data: ", 1)[1])["state"] == "failed"


def test_an_admins_visit_is_seen_by_the_user_who_puts_the_notice_away(
    office: OfficeForTests, people: dict[str, tuple[Actor, httpx.Client]]
) -> None:
    actor, jane = people["jane"]
    session_id = office.ready(actor)
    _, boss = people["boss"]
    assert boss.post(f"/api/v1/sessions/{session_id}/access", json={"reason": " "}).status_code == 400
    leave = boss.post(f"/api/v1/sessions/{session_id}/access", json={"reason": "Ticket 4711"}).json()
    assert leave["until"]
    notice = jane.get("/api/v1/notices").json()["items"][0]
    assert "Ticket 4711" in notice["text"]
    assert people["mallory"][1].post(f"/api/v1/notices/{notice['id']}/dismiss").status_code == 404
    assert jane.post(f"/api/v1/notices/{notice['id']}/dismiss").status_code == 204
    assert jane.get("/api/v1/notices").json()["items"] == []


def test_a_full_or_locked_database_refuses_the_start_clearly(
    office: OfficeForTests, people: dict[str, tuple[Actor, httpx.Client]]
) -> None:
    def fail(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("INSERT INTO sessions"):
            raise OperationalError(statement, None, sqlite3.OperationalError("database or disk is full"))

    event.listen(office.store.engine, "before_cursor_execute", fail)
    answer = people["jane"][1].post("/api/v1/sessions", json={"profile": "notebook-cpu-small"})
    event.remove(office.store.engine, "before_cursor_execute", fail)
    assert (answer.status_code, answer.json()["code"]) == (503, "database-not-writable")
    assert people["jane"][1].get("/api/v1/sessions").json()["items"] == []
