"""Attack: a lead of one project reaches into another, into what admins say, or into what is granted."""

from __future__ import annotations

import pytest

from nbkeep.people import tokens
from office_parts import OfficeForTests, client_for, office
from project_parts import declare, join, keep, make, told

__all__ = ["office"]
pytestmark = pytest.mark.attack


def test_a_lead_changes_nothing_but_the_members_of_their_own_project(office: OfficeForTests) -> None:
    mallory, jane = office.user("mallory"), office.user("jane")
    office.user("eve")
    make(office, "orion", "jane", lead="mallory")
    make(office, "vega", "mallory", lead="jane")
    make(office, "lyra", lead="jane")
    keep(office, "openai", "project:vega")
    declare(office)
    hers = office.ready(mallory)
    with office.store.write() as tx:
        _, secret = tokens.create_token(tx, office.clock, mallory, "test", sorted(mallory.scopes), 3600)
    api = client_for(office.app(), secret)
    for method, path, body in (
        ("POST", "/projects/vega/members", {"user": "eve"}),  # a member there, and no lead
        ("POST", "/projects/vega/members", {"user": "mallory", "is_lead": True}),
        ("DELETE", "/projects/vega/members/jane", None),
        ("POST", "/projects/lyra/members", {"user": "mallory"}),
        ("POST", "/projects/orion/members", {"user": "jane", "is_lead": True}),
        ("POST", "/projects/orion/members", {"user": "eve", "is_lead": True}),
        ("POST", "/projects/orion/members", {"user": "eve", "is_lead": False}),
        ("POST", "/projects", {"name": "mine"}),
        ("DELETE", "/projects/orion", None),
        ("DELETE", "/projects/orion?take_grants=true", None),
        ("POST", "/secrets/openai/grants", {"to": "project:orion"}),
        ("POST", "/connections/queue/grants", {"to": "project:orion"}),
    ):
        answer = api.request(method, f"/api/v1{path}", json=body)
        assert answer.status_code in {403, 404}, (method, path, answer.text)
    shown = {one["name"]: one["members"] for one in api.get("/api/v1/projects").json()["items"]}
    assert {name: [one["user"] for one in members] for name, members in shown.items()} == {
        "orion": ["mallory", "jane"],
        "vega": ["jane", "mallory"],
    }
    assert told(office, hers) == {"openai"}
    assert told(office, office.ready(jane)) == {"openai"}


def test_a_token_without_the_scope_leads_nothing(office: OfficeForTests) -> None:
    jane = office.user("jane")
    office.user("eve")
    make(office, lead="jane")
    with office.store.write() as tx:
        _, secret = tokens.create_token(tx, office.clock, jane, "test", ["sessions", "secrets"], 3600)
    api = client_for(office.app(), secret)
    assert api.get("/api/v1/projects").status_code == 403
    assert api.post("/api/v1/projects/orion/members", json={"user": "eve"}).status_code == 404
    assert api.delete("/api/v1/projects/orion/members/jane").status_code == 404


def test_a_lead_who_is_one_no_more_adds_nobody(office: OfficeForTests) -> None:
    from nbkeep.model.actor import OPERATOR
    from nbkeep.model.errors import Refused

    mallory = office.user("mallory")
    office.user("eve")
    make(office, lead="mallory")
    join(office, OPERATOR, "mallory", is_lead=False)
    with pytest.raises(Refused) as refusal:
        join(office, mallory, "eve")
    assert refusal.value.code == "not-a-lead"
