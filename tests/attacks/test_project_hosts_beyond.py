"""Attack: use a project to reach more than a profile, a class of data, or an admin of the network allows."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import pytest

from gateway_parts import make_gateway
from nbkeep.egress.policy import Added, Reach, check_added, policy_of
from nbkeep.egress.rules import Compiled
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.people import tokens
from nbkeep.people.project_hosts import set_project_hosts
from nbkeep.people.users import change_user
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.sessions.policies import live_policies
from nbkeep.store.data_tables import DatasetReadRow
from office_parts import OfficeForTests, client_for, office
from project_parts import join, leave, make, remove

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor

__all__ = ["office"]
pytestmark = pytest.mark.attack
PROFILE = "notebook-cpu-small"


def say(office: OfficeForTests, name: str = "orion", **hosts: str) -> None:
    with office.store.write() as tx:
        set_project_hosts(tx, office.clock, OPERATOR, name, hosts)


def profile(office: OfficeForTests, **fields: object) -> None:
    with office.store.write() as tx:
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, fields, known_to(office.settings))


def rules(office: OfficeForTests, session: str) -> Compiled:
    with office.store.read() as tx:
        (found,) = live_policies(tx, office.settings, office.clock.now(), session)
    return Compiled(found)


def reads(office: OfficeForTests, session: str, classification: str) -> None:
    with office.store.write() as tx:
        tx.add(DatasetReadRow(session_id=session, dataset_id=f"dat_{classification}", dataset="x",
                              classification=classification, first_at=office.clock.now()))  # fmt: skip


def token(office: OfficeForTests, actor: Actor, *scopes: str) -> Any:
    with office.store.write() as tx:
        wanted = sorted(scopes or actor.scopes)
        _, secret = tokens.create_token(tx, office.clock, actor, "test", wanted, 3600)
    return client_for(office.app(), secret)


def test_neither_a_lead_nor_half_an_admin_writes_a_projects_hosts(office: OfficeForTests) -> None:
    mallory, ada = office.user("mallory"), office.user("ada", Role.ADMIN)
    make(office, "orion", lead="mallory")
    profile(office, project_hosts=True)
    session = office.ready(mallory)
    body = {"egress_allowlist": "evil.example"}
    for api in (
        token(office, mallory),
        token(office, ada, "projects", "admin:projects"),
        token(office, ada, "projects", "admin:profiles"),
    ):
        assert api.patch("/api/v1/projects/orion", json=body).status_code in {403, 404}
        assert api.patch("/api/v1/projects/none", json=body).status_code == 404
        wiping: dict[str, Any] = {"egress_denylist": [], "description": "mine"}
        assert api.patch("/api/v1/projects/orion", json=wiping).status_code in {403, 404}
    assert not rules(office, session).decide("evil.example", 443).allowed
    assert token(office, ada).patch("/api/v1/projects/orion", json=body).status_code == 200
    assert rules(office, session).decide("evil.example", 443).allowed


def test_a_project_adds_nothing_to_a_profile_that_does_not_let_it(office: OfficeForTests) -> None:
    jane = office.user("jane")
    make(office, "orion", "jane")
    session = office.ready(jane)
    with pytest.raises(Refused):
        say(office, egress_allowlist="wiki.acme.local,*")
    say(office, egress_allowlist="wiki.acme.local", egress_denylist="paste.example")
    assert not rules(office, session).decide("wiki.acme.local", 443).allowed
    profile(office, project_hosts=True, public_internet=True)
    found = rules(office, session)
    assert found.decide("wiki.acme.local", 443).allowed
    refused = found.decide("paste.example", 443)
    assert (refused.allowed, refused.rule and refused.rule.source) == (False, "project orion")
    profile(office, project_hosts=False)
    assert not rules(office, session).decide_address("wiki.acme.local", 443, "10.1.2.3").allowed
    assert not rules(office, session).decide("paste.example", 443).allowed  # what it refuses needs no leave


def test_what_a_profile_denies_and_what_is_to_be_asked_for_stays_so() -> None:
    reach = Reach("profile p", (), ("*.acme.local",), ("hub.example",), project_hosts=True)
    orion = Added("project orion", ("db.acme.local", "*.acme.local", "hub.example", "ok.example"))
    found = Compiled(policy_of("ses_1", reach, ("ok.example:22",), projects=(orion,)))
    for host in ("db.acme.local", "hub.example"):
        decided = found.decide(host, 443)
        assert (decided.allowed, decided.rule and decided.rule.source) == (False, "profile p")
    assert found.decide("ok.example", 443).allowed
    assert not found.decide("ok.example", 22).allowed
    assert not found.decide("evilok.example", 443).allowed


def test_one_project_does_not_open_what_another_refuses() -> None:
    both = (
        Added("project a", ("db.acme.local", "10.1.0.0/16:5432")),
        Added("project b", (), ("db.acme.local", "10.1.2.3")),
    )
    for order in (both, both[::-1]):
        found = Compiled(policy_of("ses_1", Reach("profile p", project_hosts=True), projects=order))
        assert not found.decide("db.acme.local", 443).allowed
        assert not found.decide("10.1.2.3", 5432).allowed
        assert found.decide("10.1.2.4", 5432).allowed


@pytest.mark.parametrize(
    "text",
    ["*", "*:*", "0.0.0.0/0", "128.0.0.0/1", "::/0", "169.254.169.254", "127.0.0.1:8000", "[::1]:443",
     "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::ffff:0:0/96", "2000::/8", "2a00::/12",
     "169.254.0.0/16", "fe80::/10", "100.100.100.200", "127.1", "*.*", "https://evil.example"],
)  # fmt: skip
def test_no_project_opens_the_internet_or_a_machine_itself(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_added("egress_allowlist", ("ok.example", text))
    assert (refusal.value.status, refusal.value.code) == (400, "invalid-egress_allowlist")


def test_an_address_of_the_node_itself_is_not_opened_by_a_project() -> None:
    own = frozenset({ipaddress.ip_address("192.168.7.7")})
    added = Added("project a", ("192.168.7.7:8000", "192.168.7.0/24:8000"))
    policy = policy_of("ses_1", Reach("profile p", project_hosts=True), projects=(added,))
    assert not Compiled(policy, own).decide_address("192.168.7.7", 8000, "192.168.7.7").allowed
    assert Compiled(policy, own).decide_address("192.168.7.8", 8000, "192.168.7.8").allowed


def test_once_a_class_has_closed_the_internet_a_project_opens_nothing(office: OfficeForTests) -> None:
    jane = office.user("jane")
    make(office, "orion", "jane")
    profile(office, project_hosts=True, egress_allowlist="db.acme.local", egress_dry_run=True)
    say(office, egress_allowlist="drop.example,GET@api.example/x/*")
    session = office.ready(jane)
    assert rules(office, session).decide("drop.example", 443).allowed
    reads(office, session, "pii")
    found = rules(office, session)
    assert found.decide("db.acme.local", 443).allowed
    for host in ("drop.example", "api.example"):
        decided = found.decide(host, 443)
        assert not decided.allowed
        assert "class pii has closed the public internet" in decided.reason
    say(office, egress_allowlist="+other.example")
    assert not rules(office, session).decide("other.example", 443).allowed


def _leave(office: OfficeForTests) -> None:
    leave(office, OPERATOR, "mallory")


def _remove(office: OfficeForTests) -> None:
    remove(office, take_grants=True)
    make(office, "orion", "mallory")  # another one of its name has none of it


def _disable(office: OfficeForTests) -> None:
    with office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, "mallory", status="disabled")


@pytest.mark.parametrize("end", [_leave, _remove, _disable])
def test_who_is_in_it_no_more_has_lost_its_hosts_at_the_next_word_to_the_gateway(
    office: OfficeForTests, end: Any
) -> None:
    mallory = office.user("mallory")
    make(office, "orion", "mallory")
    profile(office, project_hosts=True)
    say(office, egress_allowlist="wiki.acme.local")
    session = office.ready(mallory)
    gateway = make_gateway(office)
    gateway.pull()
    assert Compiled(gateway.policies[session]).decide("wiki.acme.local", 443).allowed
    end(office)
    gateway.pull()
    left = gateway.policies.get(session)
    assert left is None or not Compiled(left).decide("wiki.acme.local", 443).allowed


def test_a_list_that_cannot_be_read_opens_nothing_of_the_session() -> None:
    broken = Added("project a", ("ok.example", "127.1"), ("1.2.3",))
    reach = Reach("profile p", ("pypi.org",), public_internet=True, dry_run=True, project_hosts=True)
    found = Compiled(policy_of("ses_1", reach, ("evil.example",), projects=(broken,)))
    for host in ("ok.example", "pypi.org", "elsewhere.example"):
        assert not found.decide(host, 443).allowed


def test_the_hosts_of_a_project_that_one_is_not_in_are_not_told(office: OfficeForTests) -> None:
    eve, jane = office.user("eve"), office.user("jane")
    make(office, "orion", "jane")
    say(office, egress_allowlist="wiki.acme.local")
    asked = f"/api/v1/network/explain?host=wiki.acme.local&profile={PROFILE}&project="
    assert token(office, eve).get(f"{asked}orion").status_code == 404
    assert token(office, eve).get(f"{asked}none").status_code == 404
    assert token(office, jane).get(f"{asked}orion").status_code == 200
    join(office, OPERATOR, "eve")
    assert token(office, eve).get(f"{asked}orion").json()["allowed"] is False
