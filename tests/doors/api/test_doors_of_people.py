"""The REST API's frame, people, tokens and the journal, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter

from api_client import ApiClient
from nbkeep.app import Office
from nbkeep.audit.verify import verify_lines
from nbkeep.doors.api import create_app
from nbkeep.model.actor import SCOPES, Role
from nbkeep.people import tokens
from office_parts import OfficeForTests, make_office

GOOD = "marmot lends seven kites"
OPERATOR = {"Authorization": "Bearer operator-token-of-this-test"}
PROXIED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http"}


@pytest.fixture
def office(short_dir: Path, store_url: str) -> Iterator[OfficeForTests]:
    """An office on each engine."""
    made = make_office(short_dir, store_url)
    (short_dir / "secrets/cookie-secret").write_text("0123456789abcdef0123456789abcdef")
    yield made
    made.close()


@pytest.fixture
def api(office: OfficeForTests) -> ApiClient:
    return ApiClient(create_app(joined(office)))


def token_of(office: OfficeForTests, name: str, role: Role = Role.USER) -> str:
    """Make somebody and return a token of theirs with all their scopes."""
    actor = office.user(name, role)
    with office.store.write() as tx:
        return tokens.create_token(tx, office.clock, actor, "test", sorted(actor.scopes), 3600)[1]


def joined(parts: OfficeForTests) -> Office:
    return Office(parts.settings, parts.store, parts.clock, parts.backend, parts.hub)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} | PROXIED


def test_health_needs_no_sign_in_and_everything_else_does(api: ApiClient) -> None:
    assert api.get("/healthz").json()["status"] == "ok"
    assert api.get("/api/v1/healthz").status_code == 200
    for path in ("/me", "/users", "/tokens", "/scopes", "/audit", "/audit/export", "/audit/verify"):
        answer = api.get(f"/api/v1{path}")
        assert answer.status_code == 401, path
        assert set(answer.json()) == {"code", "message", "remedy"}


def test_every_public_path_refuses_strangers(api: ApiClient) -> None:
    """Whatever router is added, a call without a sign-in never gets further than 401 (or a link's own check)."""
    open_to_all = {"/api/v1/healthz", "/api/v1/invitations/{token}/accept"}
    described = api.get("/api/v1/openapi.json").json()["paths"]
    for path, methods in described.items():
        if path in open_to_all:
            continue
        for method in methods:
            answer = api.request(method, path.replace("{", "").replace("}", ""), json={})
            assert answer.status_code in {400, 401}, (method, path, answer.status_code)
            answer = api.request(method, path.replace("{", "").replace("}", ""))
            assert answer.status_code in {400, 401}, (method, path, answer.status_code)


def test_the_description_names_version_scopes_and_errors(api: ApiClient) -> None:
    described = api.get("/api/v1/openapi.json").json()
    assert described["info"]["version"]
    assert all(f"`{scope}`" in described["info"]["description"] for scope in SCOPES)
    assert not [path for path in described["paths"] if path.startswith("/internal")]
    for path, methods in described["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in methods.items():
            assert operation.get("summary"), (method, path)


def test_the_operator_is_known_on_the_socket_and_not_through_the_proxy(api: ApiClient) -> None:
    me = api.get("/api/v1/me", headers=OPERATOR).json()
    assert (me["name"], me["user"]) == ("operator", None)
    assert api.get("/api/v1/me", headers=OPERATOR | PROXIED).status_code == 401


def test_an_admin_invites_and_the_invited_sets_a_password(api: ApiClient, office: OfficeForTests) -> None:
    admin = bearer(token_of(office, "boss", Role.ADMIN))
    made = api.post("/api/v1/users", headers=admin, json={"email": "jane@acme.com", "home_size": "20GiB"})
    assert made.status_code == 201
    body = made.json()
    assert (body["user"]["name"], body["user"]["home_size_bytes"]) == ("jane", 20 << 30)
    token = body["link"].rpartition("/")[2]
    assert body["link"] == f"http://localhost:8000/portal/join/{token}"
    short = api.post(f"/api/v1/invitations/{token}/accept", json={"password": "short"})
    assert (short.status_code, short.json()["code"]) == (400, "invalid-password")
    assert api.post(f"/api/v1/invitations/{token}/accept", json={"password": GOOD}).json() == {"name": "jane"}
    assert api.post(f"/api/v1/invitations/{token}/accept", json={"password": GOOD}).status_code == 410
    listed = api.get("/api/v1/users?status=active&text=jan", headers=admin).json()
    assert [user["name"] for user in listed["items"]] == ["jane"]
    reset = api.post("/api/v1/users/jane/reset-link", headers=admin).json()
    assert "/portal/reset/" in reset["link"]
    assert all("password" not in key for key in reset["user"])


def test_a_user_sees_only_themselves(api: ApiClient, office: OfficeForTests) -> None:
    jane = bearer(token_of(office, "jane"))
    office.user("tom")
    assert api.get("/api/v1/users/jane", headers=jane).status_code == 200
    others, nobody = api.get("/api/v1/users/tom", headers=jane), api.get("/api/v1/users/xyz", headers=jane)
    assert others.status_code == nobody.status_code == 404
    assert others.json()["code"] == nobody.json()["code"]
    for answer in (
        api.get("/api/v1/users", headers=jane),
        api.post("/api/v1/users", headers=jane, json={"email": "x@acme.com"}),
        api.patch("/api/v1/users/jane", headers=jane, json={"role": "notebook.admin"}),
        api.get("/api/v1/audit", headers=jane),
        api.get("/api/v1/audit/export", headers=jane),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "missing-scope")


def test_tokens_are_shown_once_listed_and_revoked(api: ApiClient, office: OfficeForTests) -> None:
    jane = bearer(token_of(office, "jane"))
    wanted = {"name": "nightly", "scopes": ["sessions"], "expires_in": "30d"}
    made = api.post("/api/v1/tokens", headers=jane, json=wanted).json()
    assert made["token"].startswith("nbk_")
    weak = bearer(made["token"])
    assert api.get("/api/v1/me", headers=weak).json()["scopes"] == ["sessions"]
    assert api.post("/api/v1/tokens", headers=weak, json={"name": "more"}).status_code == 403
    listed = api.get("/api/v1/tokens", headers=jane).json()["items"]
    assert {"nightly", "test"} == {token["name"] for token in listed}
    assert "token" not in listed[0]
    assert api.delete(f"/api/v1/tokens/{made['id']}", headers=jane).status_code == 204
    assert api.delete(f"/api/v1/tokens/{made['id']}", headers=jane).status_code == 404
    assert api.get("/api/v1/me", headers=weak).json()["code"] == "bad-token"


def test_the_hub_signs_people_in_over_the_socket_only(api: ApiClient, office: OfficeForTests) -> None:
    made = api.post("/api/v1/users", headers=OPERATOR, json={"email": "jane@acme.com"}).json()
    token = made["link"].rpartition("/")[2]
    api.post(f"/api/v1/invitations/{token}/accept", json={"password": GOOD})
    hub = {"Authorization": "Bearer hub-token-of-this-test"}
    path = "/internal/v1/hub/authenticate"
    body = {"name": "jane", "password": GOOD, "address": "203.0.113.7"}
    assert api.post(path, headers=hub, json=body).json() == {
        "name": "jane",
        "admin": False,
        "role": "notebook.user",
        "valid_from": office.clock.now().isoformat(),
    }
    assert api.post(path, headers=hub, json=body | {"password": "wrong wrong wrong"}).status_code == 401
    assert api.post(path, headers=hub | PROXIED, json=body).status_code == 404
    assert api.post(path, headers=OPERATOR, json=body).status_code == 401
    assert api.post(path, json=body).status_code == 401


def test_the_journal_is_searched_verified_and_exported(api: ApiClient, office: OfficeForTests) -> None:
    auditor = bearer(token_of(office, "ann", Role.AUDITOR))
    found = api.get("/api/v1/audit?type=token&limit=1", headers=auditor).json()
    assert found["items"][0]["type"] == "token.created"
    assert found["items"][0]["actor"]["name"] == "ann"
    assert api.get("/api/v1/audit/verify", headers=auditor).json()["ok"] is True
    exported = api.get("/api/v1/audit/export?format=jsonl", headers=auditor)
    assert exported.headers["content-type"].startswith("application/x-ndjson")
    assert verify_lines(exported.text.splitlines()).ok
    assert api.get("/api/v1/audit?since=yesterday", headers=auditor).json()["code"] == "invalid-request"


def test_a_bug_is_answered_with_a_number_and_no_trace(
    office: OfficeForTests, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(joined(office))
    router = APIRouter()

    def broken() -> None:
        raise RuntimeError("secret detail")

    router.add_api_route("/broken", broken)
    app.include_router(router)
    answer = ApiClient(app).get("/broken")
    assert answer.status_code == 500
    assert answer.json()["code"] == "bug"
    assert "secret detail" not in answer.text
    number = answer.json()["message"].partition("fault ")[2][:8]
    assert number in caplog.text
    assert "secret detail" in caplog.text


def test_paths_that_do_not_exist_have_the_same_shape(api: ApiClient) -> None:
    answer = api.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert answer.headers["cache-control"] == "no-store"
