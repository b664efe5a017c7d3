"""Attack: approve one's own request, as an admin, with a token of fewer scopes, or as somebody who decides nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grants_parts import approve, ask, change, decided, told
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from nbkeep.people import tokens
from office_parts import OfficeForTests, client_for, office

__all__ = ["office"]
pytestmark = pytest.mark.attack


def test_nobody_approves_what_they_asked_for_themselves(office: OfficeForTests) -> None:
    change(office, egress_asklist="huggingface.co")
    boss = office.user("boss", Role.ADMIN)
    session = office.ready(boss)
    request = ask(office, boss, session)
    with pytest.raises(Refused) as refusal:
        approve(office, boss, request)
    assert refusal.value.code == "self-approval"
    with office.store.write() as tx:
        _, secret = tokens.create_token(tx, office.clock, boss, "test", sorted(boss.scopes), 3600)
    api = client_for(office.app(), secret)
    answer = api.post(f"/api/v1/grants/{request}/approve", json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "self-approval")
    assert api.get(f"/api/v1/grants/{request}").json()["may"]["approve"] is False
    assert not decided(office, session).allowed
    assert told(office) == ["grant.requested"]
    approve(office, office.user("ada", Role.ADMIN), request)
    assert decided(office, session).allowed


def test_who_decides_nothing_approves_nothing(office: OfficeForTests) -> None:
    change(office, egress_asklist="huggingface.co")
    jane, auditor = office.user("jane"), office.user("otto", Role.AUDITOR)
    session = office.ready(jane)
    request = ask(office, jane, session)
    for actor in (jane, auditor, office.user("rita", Role.REVIEWER)):
        with pytest.raises(Refused) as refusal:
            approve(office, actor, request)
        assert refusal.value.status in {403, 404}
    assert not decided(office, session).allowed


def test_the_setting_that_allows_it_is_off_unless_set(office: OfficeForTests) -> None:
    change(office, egress_asklist="huggingface.co")
    boss = office.user("boss", Role.ADMIN)
    request = ask(office, boss, office.ready(boss))
    assert office.settings.grants_self_approval is False
    office.settings = replace(office.settings, grants_self_approval=True)
    approve(office, boss, request)
    assert told(office)[-1] == "grant.approved"
