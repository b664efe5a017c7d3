"""What classes of data take from sessions: who says so, what holds, and what people are told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from nbkeep.audit.search import Wanted, search
from nbkeep.data.class_rules import set_class_rules
from nbkeep.egress.policy import Narrowing, Reach, narrowed, policy_of
from nbkeep.egress.rules import Compiled
from nbkeep.egress.values import Policy, Request
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.sessions.policies import live_policies, profile_policy, reach_words_of, session_policy
from nbkeep.store.data_tables import DatasetReadRow, DatasetRow
from nbkeep.store.tables import NoticeRow, SessionRow
from office_parts import any_office, client_for, office

if TYPE_CHECKING:
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]
PROFILE = "notebook-cpu-small"


def say(office: OfficeForTests, name: str, actor: Actor = OPERATOR, **wanted: Any) -> dict[str, Any]:
    with office.store.write() as tx:
        return set_class_rules(tx, office.clock, office.settings, actor, name, wanted)


def profile(office: OfficeForTests, **fields: object) -> None:
    with office.store.write() as tx:
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, fields, known_to(office.settings))


def policy(office: OfficeForTests, session: str) -> Policy:
    with office.store.read() as tx:
        (found,) = live_policies(tx, office.settings, office.clock.now(), session)
        assert found == session_policy(tx, office.settings, OPERATOR, session, office.clock.now())
    return found


def reads(office: OfficeForTests, session: str, classification: str, dataset: str = "x") -> None:
    with office.store.write() as tx:
        tx.add(DatasetReadRow(session_id=session, dataset_id=f"dat_{dataset}", dataset=dataset,
                              classification=classification, first_at=office.clock.now()))  # fmt: skip


def test_rules_of_a_class_hold_for_it_and_for_higher_ones_in_running_sessions(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    jane = office.user("jane")
    profile(office, public_internet=True, egress_allowlist="db.acme.local:5432,wiki.acme.local")
    low, high, none = (office.ready(jane, name=name) for name in ("low", "high", "none"))
    reads(office, low, "internal")
    reads(office, high, "confidential", "y")
    say(office, "internal", egress_denylist="*.paste.example")
    say(office, "confidential", public_internet=False)
    found = {name: Compiled(policy(office, name)) for name in (low, high, none)}
    pasted = [found[one].decide("a.paste.example", 443) for one in (none, low, high)]
    assert [one.allowed for one in pasted] == [True, False, False]
    assert [one.rule and one.rule.source for one in pasted[1:]] == ["class internal"] * 2
    assert [found[one].decide("pypi.org", 443).allowed for one in (none, low, high)] == [True, True, False]
    assert "class confidential has closed" in found[high].decide("pypi.org", 443).reason
    assert found[high].decide("db.acme.local", 5432).allowed
    say(office, "confidential", public_internet=True)
    assert Compiled(policy(office, high)).decide("pypi.org", 443).allowed


def test_what_a_class_leaves_is_a_part_of_what_is_allowed_and_opens_nothing() -> None:
    reach = Reach(
        "profile p", ("*.acme.local:443,5432", "GET@api.example/x/*", "10.1.0.0/16:5432"), ("no.acme.local",)
    )
    keeps = Narrowing(
        "class pii", only=("db.acme.local:443,5432", "no.acme.local", "other.example", "10.1.2.0/24:5432")
    )
    for base in (reach, replace(reach, dry_run=True)):
        whole = narrowed(policy_of("ses_1", base), (keeps,))
        found = Compiled(Policy.from_json(whole.as_json()))
        assert found.decide("db.acme.local", 5432).allowed
        assert found.decide("10.1.2.3", 5432).allowed
        for host, port in (
            ("wiki.acme.local", 443),
            ("api.example", 443),
            ("10.1.3.3", 5432),
            ("db.acme.local", 80),
        ):
            assert not found.decide(host, port).allowed, (host, base.dry_run)
        asked = found.decide_request("api.example", 443, "", Request("GET", "/x/1"))
        assert (asked.allowed, "class pii" in asked.reason) == (False, True)
    strict = Compiled(narrowed(policy_of("ses_1", reach), (keeps,)))
    assert not strict.decide("other.example", 443).allowed
    assert not strict.decide("no.acme.local", 443).allowed


def test_two_classes_leave_what_both_leave() -> None:
    classes = (
        Narrowing("class a", only=("*.acme.local",)),
        Narrowing("class b", only=("db.acme.local", "x.example")),
    )
    open_to_all = policy_of("ses_1", Reach("profile p", public_internet=True))
    found = Compiled(narrowed(open_to_all, classes))
    assert found.decide("db.acme.local", 443).allowed
    assert not found.decide("wiki.acme.local", 443).allowed
    assert not found.decide("x.example", 443).allowed
    # The name is kept, not opened: an address of a private network still needs a rule of the profile's.
    assert not found.decide_address("db.acme.local", 443, "10.0.0.1").allowed


def test_a_rule_of_a_class_that_cannot_be_read_leaves_nothing() -> None:
    reach = Reach("profile p", ("pypi.org",), public_internet=True, dry_run=True)
    for broken in (Narrowing("class a", only=("127.1",)), Narrowing("class a", denylist=("127.1",))):
        assert not Compiled(narrowed(policy_of("ses_1", reach), (broken,))).decide("pypi.org", 443).allowed


def test_a_dataset_is_read_on_although_its_host_is_not_among_those_that_are_left(
    office: OfficeForTests,
) -> None:
    del office
    keeps = Narrowing("class pii", only=("db.acme.local",), denylist=("evil.example",))
    found = Compiled(narrowed(policy_of("ses_1", Reach("profile p")), (keeps,)))
    opened = policy_of("", Reach("dataset d", ("s3.acme.local:9000", "evil.example"))).rules
    assert found.only(opened[0]).decide("s3.acme.local", 9000).allowed
    assert not found.only(opened[1]).decide("evil.example", 443).allowed


def test_reading_tells_what_it_takes_and_the_gateway_is_told_in_the_same_answer(
    office: OfficeForTests,
) -> None:
    jane = office.user("jane")
    profile(office, public_internet=True, classification="confidential")
    say(office, "confidential", egress_denylist="paste.example")
    session = office.ready(jane)
    with office.store.write() as tx:
        tx.add(DatasetRow(id="dat_1", name="sales", classification="confidential", purpose="x", owner_id=jane.id,
                          host="s3.acme.local", port=443, bucket="lake", prefix="", region="eu", samples=[],
                          created_at=office.clock.now(), created_by="ada"))  # fmt: skip
    api = client_for(office.app(), office.settings.secret("gateway-token"))
    body = {"session_id": session, "dataset_id": "dat_1"}
    before = api.get("/internal/v1/gateway/policies").json()["seq"]
    for _ in range(2):
        told = api.post("/internal/v1/gateway/data-reads", json=body).json()
        assert Policy.from_json(told["policy"]) == policy(office, session)
        assert told["seq"] == api.get("/internal/v1/gateway/policies").json()["seq"] > before
        assert not Compiled(Policy.from_json(told["policy"])).decide("paste.example", 443).allowed
    with office.store.read() as tx:
        (notice,) = tx.scalars(select(NoticeRow).where(NoticeRow.kind == "data")).all()
        words = reach_words_of(tx, office.settings, tx.get_one(SessionRow, session))
    assert "confidential data (sales)" in notice.text
    assert words == "Reaches the public internet, but not paste.example"
    profile(office, public_internet=True, egress_dry_run=True)
    with office.store.read() as tx:
        words = reach_words_of(tx, office.settings, tx.get_one(SessionRow, session))
    assert words == (
        "Reaches the public internet. On trial: nothing is refused yet but by class confidential. "
        "class confidential refuses paste.example"
    )


def test_only_who_writes_rules_of_the_network_changes_a_class(office: OfficeForTests) -> None:
    ada, jane = office.user("ada", Role.ADMIN), office.user("jane")
    auditor = office.user("aud", Role.AUDITOR)
    for actor in (jane, auditor, replace(ada, scopes=ada.scopes - {"admin:profiles"})):
        with pytest.raises(Refused) as refusal:
            say(office, "confidential", actor, public_internet=False)
        assert refusal.value.status == 403
    for wanted, status in (
        ({"egress_only": "127.1"}, 400),
        ({"egress_only": "GET@api.example"}, 400),
        ({"egress_denylist": ["https://x"]}, 400),
        ({"public_internet": "no"}, 400),
        ({"color": "red"}, 400),
    ):
        with pytest.raises(Refused) as refusal:
            say(office, "confidential", ada, **wanted)
        assert refusal.value.status == status, wanted
    with pytest.raises(Refused) as refusal:
        say(office, "secret", ada, public_internet=False)
    assert refusal.value.status == 404
    with pytest.raises(Refused) as refusal:
        say(office, "pii", ada, public_internet=True)
    assert refusal.value.code == "closed-by-setting"
    assert say(office, "pii", ada, egress_only="a.example")["public_internet"] is False
    for _ in range(2):
        assert say(office, "confidential", ada, egress_denylist="paste.example")["egress_denylist"] == [
            "paste.example"
        ]
    say(office, "confidential", ada, egress_denylist="+b.example")
    with office.store.read() as tx:
        found = search(tx, OPERATOR, Wanted(), limit=1000).records[::-1]
    changes = [one["data"] for one in found if one["type"] == "class.rules-changed"]
    assert [one["changes"] for one in changes] == [
        {"egress_only": [[], ["a.example"]]},
        {"egress_denylist": [[], ["paste.example"]]},
        {"egress_denylist": [["paste.example"], ["paste.example", "b.example"]]},
    ]


def test_one_may_ask_beforehand_what_a_class_would_take(office: OfficeForTests) -> None:
    jane = office.user("jane")
    profile(office, public_internet=True)

    def left(classification: str) -> bool:
        with office.store.read() as tx:
            found = profile_policy(tx, office.settings, jane, PROFILE, classification=classification)
        return Compiled(found).decide("pypi.org", 443).allowed

    assert (left(""), left("confidential"), left("pii")) == (True, True, False)
    with pytest.raises(Refused):
        left("secret")
