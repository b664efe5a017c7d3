"""Attack: have rules of what may leave set, loosened or forgotten by somebody who may not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard_parts import PROFILE, judged, policy_events, say
from nbkeep.guard.view import list_policies
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.gates import Found, Gate
from nbkeep.people import tokens
from office_parts import OfficeForTests, any_office, client_for, office
from project_parts import join, leave, make, remove

__all__ = ["any_office", "office"]
pytestmark = pytest.mark.attack
SECRET, NOTHING = Found.SECRET, Found.NOTHING


def test_users_leads_reviewers_auditors_and_officers_set_nothing(office: OfficeForTests) -> None:
    lead = office.user("lead")
    make(office, "orion", lead="lead")
    ada = office.user("ada", Role.ADMIN)
    actors = [lead, *(office.user(role.name.lower(), role) for role in Role if role is not Role.ADMIN)]
    actors.append(replace(ada, scopes=ada.scopes - {"admin:releases"}))
    app = office.app()
    for actor in actors:
        with office.store.write() as tx:
            _, token = tokens.create_token(tx, office.clock, actor, "t", sorted(actor.scopes), 86400)
        api = client_for(app, token)
        for scope in (
            {"project": "orion"},
            {"project": "nowhere"},
            {"profile": PROFILE},
            {"profile": "x"},
            {},
        ):
            body = {**scope, "gates": ["export"], "secret": "allow"}
            said = api.patch("/api/v1/policies", json=body)
            gone = api.delete("/api/v1/policies", params=scope)
            # The same whether there is such a project or profile or not.
            assert (said.status_code, gone.status_code) == (403, 403), (actor.name, scope)
            assert said.json()["code"] == gone.json()["code"] == "missing-scope"
    with office.store.read() as tx:
        assert list_policies(tx, OPERATOR) == []
    assert policy_events(office) == []


def test_a_milder_rule_of_a_part_loosens_nothing_that_is_set_for_everything(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    jane = office.user("jane")
    make(office, "orion", "jane")
    say(office, "everywhere", "all", secret="deny")
    for scope in (f"profile:{PROFILE}", "project:orion", "class:public", "class:confidential"):
        say(office, scope, "all", secret="allow", personal="allow", unread="allow", nothing="allow")
    for gate in (Gate.DOWNLOAD, Gate.EXPORT, Gate.SHARE, Gate.PUBLISH):
        told = judged(office, jane, SECRET, gate=gate, profile=PROFILE, classification="confidential")
        assert told == ("deny", "everywhere")


def test_a_lead_lets_nobody_out_by_taking_them_into_a_project_with_mild_rules(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    mallory, jane = office.user("mallory"), office.user("jane")
    make(office, "open", lead="mallory")
    say(office, "project:open", "all", secret="allow", unread="allow")
    join(office, mallory, "jane", "open")
    assert judged(office, jane, SECRET) == ("review", "default")
    assert judged(office, jane, Found.UNREAD) == ("review", "default")


def test_what_is_let_out_of_a_lower_class_is_not_let_out_of_a_higher_one(office: OfficeForTests) -> None:
    jane = office.user("jane")
    say(office, "class:public", "all", secret="allow")
    assert judged(office, jane, SECRET, classification="public")[0] == "allow"
    for higher in ("internal", "confidential", "pii", "cosmic"):
        assert judged(office, jane, SECRET, classification=higher) == ("review", "default")
    assert judged(office, jane, SECRET) == ("review", "default")


def test_a_project_of_an_old_name_has_no_rules_and_the_old_ones_are_gone(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user("jane")
    make(office, "orion", "jane")
    say(office, "project:orion", nothing="deny")
    assert judged(office, jane, NOTHING)[0] == "deny"
    remove(office)
    assert judged(office, jane, NOTHING) == ("allow", "default")
    make(office, "orion", "jane")
    assert judged(office, jane, NOTHING) == ("allow", "default")
    with office.store.read() as tx:
        assert list_policies(tx, OPERATOR) == []
    last = policy_events(office)[-1]
    assert (last["type"], last["scope"], last["why"]) == (
        "policy.unset",
        "project:orion",
        "the project was removed",
    )
    leave(office, OPERATOR, "jane")


def test_names_of_projects_and_profiles_are_no_way_to_another_scope(office: OfficeForTests) -> None:
    """A name is compared whole, and one kind of scope is never read as another."""
    jane = office.user("jane")
    make(office, "pii", "jane")
    say(office, "project:pii", secret="deny")
    assert judged(office, jane, SECRET)[0] == "deny"
    john = office.user("john")
    assert judged(office, john, SECRET, classification="pii") == ("review", "default")
    assert judged(office, john, SECRET, profile="project:pii", gate=Gate.SHARE) == ("review", "default")
    assert judged(office, john, NOTHING, profile="everywhere", gate=Gate.SHARE) == ("allow", "default")
    # Of a profile that there never was, nobody takes anything themselves.
    assert judged(office, john, NOTHING, profile="everywhere") == ("deny", "downloads:everywhere")
