"""Attack: learn which projects there are by trying names: API, portal, grants, texts of errors."""

from __future__ import annotations

import json

import pytest

from nbkeep.people import tokens
from office_parts import client_for
from portal_parts import Portal, portal
from project_parts import declare, keep, make

__all__ = ["portal"]
pytestmark = pytest.mark.attack
THERE, ABSENT = "orion", "nowhere"


def test_a_project_of_others_answers_like_none(portal: Portal) -> None:
    office = portal.office
    mallory = portal.person("mallory")
    office.user("jane")
    make(office, THERE, lead="jane")
    make(office, "own", "mallory")
    keep(office, "openai", f"project:{THERE}")
    declare(office, f"project:{THERE}")
    with office.store.write() as tx:
        _, secret = tokens.create_token(
            tx, office.clock, mallory.actor, "test", sorted(mallory.actor.scopes), 3600
        )
    api = client_for(office.app(), secret)
    mine = {"name": "mine", "value": "sk-of-mallory", "hosts": ["a.example"], "header": "A: {}"}
    assert api.post("/api/v1/secrets", json=mine).status_code == 201
    for method, path, body in (
        ("GET", "/projects/NAME", None),
        ("DELETE", "/projects/NAME", None),
        ("DELETE", "/projects/NAME?take_grants=true", None),
        ("POST", "/projects", {"name": "NAME"}),
        ("POST", "/projects/NAME/members", {"user": "mallory"}),
        ("POST", "/projects/NAME/members", {"user": "nobody", "is_lead": True}),
        ("DELETE", "/projects/NAME/members/jane", None),
        ("DELETE", "/projects/NAME/members/mallory", None),
        ("POST", "/secrets/mine/grants", {"to": "project:NAME"}),
        ("DELETE", "/secrets/mine/grants/project:NAME", None),
        ("POST", "/secrets", mine | {"name": "other", "grants": ["project:NAME"]}),
        ("POST", "/connections/queue/grants", {"to": "project:NAME"}),
        ("DELETE", "/connections/queue/grants/project:NAME", None),
    ):
        answers = [
            api.request(method, f"/api/v1{path.replace('NAME', name)}", json=_named(body, name))
            for name in (THERE, ABSENT)
        ]
        said = [(one.status_code, _without(one.text)) for one in answers]
        assert said[0] == said[1], (method, path)
    assert [one["name"] for one in api.get("/api/v1/projects").json()["items"]] == ["own"]
    for path in ("/api/v1/secrets", "/api/v1/connections", "/api/v1/me", "/api/v1/secret-leases"):
        assert THERE not in api.get(path).text, path


def test_pages_of_a_project_of_others_look_like_none(portal: Portal) -> None:
    office = portal.office
    mallory = portal.person("mallory")
    office.user("jane")
    make(office, THERE, lead="jane")
    keep(office, "openai", f"project:{THERE}")
    declare(office, f"project:{THERE}")
    for path in ("/projects", "/secrets", "/connections", "/account"):
        assert THERE not in mallory.get(path)
    shown = [mallory.client.get(f"/portal/projects/{name}") for name in (THERE, ABSENT)]
    assert [one.status_code for one in shown] == [404, 404]
    assert _without(shown[0].text) == _without(shown[1].text)
    for path, form in (
        ("members", {"user": "mallory"}),
        ("members", {"user": "mallory", "is_lead": "yes"}),
        ("members/jane/take", {}),
        ("members/mallory/take", {}),
        ("remove", {}),
    ):
        answers = [mallory.post(f"/projects/{name}/{path}", **form) for name in (THERE, ABSENT)]
        said = [(one.status_code, _without(one.text)) for one in answers]
        assert said[0] == said[1], path
        assert said[0][0] == 404, path


def _named(body: object, name: str) -> object:
    return json.loads(json.dumps(body).replace("NAME", name))


def _without(text: str) -> str:
    return text.replace(THERE, "X").replace(ABSENT, "X")
