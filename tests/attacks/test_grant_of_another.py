"""Attack: use, see, withdraw or ask for access in somebody else's name, or in sessions of another profile."""

from __future__ import annotations

import pytest

from grants_parts import PROFILE, approve, ask, change, decided, told
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.people import tokens
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from office_parts import OfficeForTests, client_for, office

__all__ = ["office"]
pytestmark = pytest.mark.attack


def test_a_grant_opens_nothing_in_the_sessions_of_others_or_of_other_profiles(office: OfficeForTests) -> None:
    change(office, egress_asklist="huggingface.co")
    with office.store.write() as tx:
        other = {"name": "other", "image": "base", "flavor": PROFILE, "egress_asklist": "huggingface.co"}
        profiles.create_profile(tx, office.clock, OPERATOR, other, known_to(office.settings))
    jane, mallory, ada = office.user("jane"), office.user("mallory"), office.user("ada", Role.ADMIN)
    hers, theirs = office.ready(jane), office.ready(mallory)
    hers_elsewhere = office.ready(jane, "other", "elsewhere")
    approve(office, ada, ask(office, jane, hers))
    assert decided(office, hers).allowed
    assert not decided(office, theirs).allowed
    assert not decided(office, hers_elsewhere).allowed


def test_nobody_asks_in_anothers_name_or_touches_anothers_request(office: OfficeForTests) -> None:
    change(office, egress_asklist="huggingface.co")
    jane, mallory, boss = office.user("jane"), office.user("mallory"), office.user("boss", Role.ADMIN)
    session = office.ready(jane)
    for actor in (mallory, boss):
        with pytest.raises(Refused) as refusal:
            ask(office, actor, session)
        assert refusal.value.status == 404
    request = ask(office, jane, session)
    with office.store.write() as tx:
        _, secret = tokens.create_token(tx, office.clock, mallory, "test", sorted(mallory.scopes), 3600)
    api = client_for(office.app(), secret)
    absent = "gra_00000000000000000000"
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/withdraw", None),
        ("POST", "/approve", {}),
        ("POST", "/deny", {"reason": "x"}),
        ("POST", "/revoke", {"reason": "x"}),
    ):
        answers = [api.request(method, f"/api/v1/grants/{one}{path}", json=body) for one in (request, absent)]
        assert [one.status_code for one in answers] == [404, 404], path
        said = [one.text.replace(name, "X") for one, name in zip(answers, (request, absent), strict=True)]
        assert said[0] == said[1]
    assert api.get("/api/v1/grants").json()["items"] == []
    assert told(office) == ["grant.requested"]
