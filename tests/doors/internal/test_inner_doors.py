"""The inner doors: only over the socket, only with the right token, and a session only for itself."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from nbkeep.model.actor import Role
from office_parts import OfficeForTests, client_for

HUB = {"Authorization": "Bearer hub-token-of-this-test"}


@pytest.fixture
def client(office: OfficeForTests) -> httpx.Client:
    return client_for(office.app(), None)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_session_lives_through_the_hubs_calls(office: OfficeForTests, client: httpx.Client) -> None:
    jane = office.user()
    session_id = office.requested(jane)
    body = {
        "user": "jane",
        "server_name": "notebook-cpu-small",
        "session_id": session_id,
        "env": {"JUPYTERHUB_USER": "jane"},
    }
    answer = client.post("/internal/v1/hub/launch", json=body, headers=HUB)
    assert answer.status_code == 200
    token = answer.json()["launch"]["server_env"]["NBKEEP_SESSION_TOKEN"]
    path = f"/internal/v1/hub/sessions/{session_id}"
    assert (
        client.post(
            f"{path}/progress", json={"step": "sandbox", "message": "Starting the sandbox."}, headers=HUB
        ).status_code
        == 204
    )
    assert client.post(f"{path}/ready", json={}, headers=HUB).status_code == 204
    assert client.post(f"{path}/ready", json={}, headers=HUB).status_code == 204
    view = client.get(path, headers=HUB).json()
    assert view["state"] == "ready"
    assert [one["step"] for one in view["progress"]] == ["admitted", "home", "sandbox", "ready"]
    beat = client.post(
        "/internal/v1/session/heartbeat", json={"busy": True, "memory_used_bytes": 5}, headers=bearer(token)
    )
    assert beat.json()["memory_used_bytes"] == 5
    assert client.post("/internal/v1/session/extend", json={}, headers=bearer(token)).status_code == 200
    assert client.post("/internal/v1/session/tour", json={"done": True}, headers=bearer(token)).json() == {
        "tour_done": True
    }
    assert client.get("/internal/v1/session", headers=bearer(token)).json()["tour_done"] is True
    event = {"id": "e1", "type": "kernel.started", "kernel_id": "k"}
    assert client.post(
        "/internal/v1/session/events", json={"events": [event]}, headers=bearer(token)
    ).json() == {"accepted": 1}
    assert (
        client.post(f"{path}/ended", json={"reason": "made-up", "detail": "x"}, headers=HUB).status_code
        == 204
    )
    assert client.get(path, headers=HUB).json()["stop"]["reason"] == "server-died"
    assert client.get("/internal/v1/session", headers=bearer(token)).status_code == 401


@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "forwarded"]
)
def test_inner_paths_are_not_there_through_the_proxy_even_with_the_right_token(
    office: OfficeForTests, client: httpx.Client, header: str
) -> None:
    _, token = office.launched(office.user())
    through = {header: "127.0.0.1"}
    assert client.get("/internal/v1/session", headers={**bearer(token), **through}).status_code == 404
    body = {"name": "jane", "password": "x", "address": ""}
    assert (
        client.post("/internal/v1/hub/authenticate", json=body, headers={**HUB, **through}).status_code == 404
    )


@pytest.mark.parametrize("token", ["", "x", "operator-token-of-this-test", "nbks_x"])
def test_the_hubs_door_opens_to_the_hubs_token_only(
    office: OfficeForTests, client: httpx.Client, token: str
) -> None:
    session_id, session_token = office.launched(office.user())
    for wrong in (token, session_token):
        for path in (
            f"sessions/{session_id}/ended",
            "launch",
            "admin-access",
            "authenticate",
            "users/jane/check",
        ):
            assert client.post(f"/internal/v1/hub/{path}", json={}, headers=bearer(wrong)).status_code == 401


def test_a_sessions_token_opens_no_other_door(office: OfficeForTests, client: httpx.Client) -> None:
    _, token = office.launched(office.user())
    for path in ("me", "sessions", "profiles", "users", "audit", "config", "tokens"):
        assert client.get(f"/api/v1/{path}", headers=bearer(token)).status_code == 401, path


def test_a_sessions_token_reaches_only_its_own_session(office: OfficeForTests, client: httpx.Client) -> None:
    _, token = office.launched(office.user("jane"))
    other, _ = office.launched(office.user("john"))
    assert client.get("/internal/v1/session", headers=bearer(token)).json()["user"] == "jane"
    assert client.get(f"/internal/v1/hub/sessions/{other}", headers=bearer(token)).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"last_work_at": "yesterday"}, {"last_work_at": "2026-01-01T00:00:00"}, {"busy": "maybe"}, {"terminals": -1},
        {"memory_used_bytes": "x"},
    ],
)  # fmt: skip
def test_a_malformed_heartbeat_is_refused_and_changes_nothing(
    office: OfficeForTests, client: httpx.Client, body: dict[str, Any]
) -> None:
    session_id, token = office.launched(office.user())
    assert client.post("/internal/v1/session/heartbeat", json=body, headers=bearer(token)).status_code == 400
    assert office.row(session_id).last_heartbeat_at is None


def test_work_in_the_future_is_not_believed(office: OfficeForTests, client: httpx.Client) -> None:
    session_id = office.ready(office.user())
    before = office.row(session_id).last_work_at
    office.beat(session_id, last_work_s_ago=-86400)
    assert office.row(session_id).last_work_at == before


def test_the_hub_asks_about_people_and_visits(office: OfficeForTests, client: httpx.Client) -> None:
    office.user("jane")
    office.user("boss", Role.ADMIN)
    office.user("gone", status="disabled")
    since = office.clock.now().isoformat()
    answers = {
        name: client.post(f"/internal/v1/hub/users/{name}/check", headers=HUB).json()
        for name in ("jane", "boss", "gone", "nobody")
    }
    assert answers == {
        "jane": {"active": True, "admin": False, "valid_from": since},
        "boss": {"active": True, "admin": True, "valid_from": since},
        "gone": {"active": False, "admin": False, "valid_from": since},
        "nobody": {"active": False, "admin": False, "valid_from": None},
    }  # fmt: skip
    body = {"admin": "boss", "owner": "jane", "server_name": "x"}
    assert client.post("/internal/v1/hub/admin-access", json=body, headers=HUB).json() == {"allowed": False}
    wrong = {"name": "jane", "password": "wrong", "address": "10.0.0.1"}
    assert client.post("/internal/v1/hub/authenticate", json=wrong, headers=HUB).status_code == 401


def test_a_forged_launch_is_refused(office: OfficeForTests, client: httpx.Client) -> None:
    office.user("mallory")
    session_id = office.requested(office.user("jane"))
    for user, name, forged in (("mallory", "notebook-cpu-small", session_id), ("jane", "x", session_id),
                               ("mallory", "x", "ses_00000000000000000000"), ("nobody", "x", session_id)):  # fmt: skip
        body = {"user": user, "server_name": name, "session_id": forged, "profile": "notebook-cpu-small"}
        assert client.post("/internal/v1/hub/launch", json=body, headers=HUB).status_code in {403, 404}
    assert office.row(session_id).state == "requested"
