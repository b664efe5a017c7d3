"""What a session may reach: its profile as it is now, and what the platform refuses to everybody."""

from __future__ import annotations

import dataclasses

import pytest

from nbkeep.egress.explain import explain
from nbkeep.egress.policy import Added, Narrowing, Reach, narrowed, policy_of
from nbkeep.egress.rules import Compiled
from nbkeep.egress.values import Policy
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.sessions.policies import live_policies, tag_of
from office_parts import OfficeForTests


def test_the_platforms_rules_hold_for_every_profile_also_on_trial() -> None:
    wide = Reach("profile wide", ("*.paste.example",), public_internet=True, dry_run=True)
    policy = policy_of("ses_1", wide, ("*.paste.example", "evil.example"))
    rules = Compiled(Policy.from_json(policy.as_json()))
    refused = rules.decide("a.paste.example", 443)
    assert (refused.allowed, refused.would_block) == (False, False)
    assert "the platform's deny-list" in refused.reason
    assert rules.decide("pypi.org", 443).allowed


def test_on_trial_the_platforms_rule_counts_though_the_profile_has_a_closer_one() -> None:
    reach = Reach("profile p", denylist=("a.evil.example", "203.0.113.7"), public_internet=True, dry_run=True)
    rules = Compiled(policy_of("ses_1", reach, ("*.evil.example", "203.0.113.0/24")))
    assert not rules.decide("a.evil.example", 443).allowed
    assert not rules.decide("203.0.113.7", 443).allowed
    assert not rules.decide_address("good.example", 443, "203.0.113.7").allowed
    assert rules.decide("b.good.example", 443).allowed


def test_a_trial_lets_through_what_the_profile_itself_refuses_and_says_so() -> None:
    trial = Reach("profile p", ("pypi.org",), ("files.pypi.org",), dry_run=True)
    rules = Compiled(policy_of("ses_1", trial))
    assert not rules.decide("pypi.org", 443).would_block
    for host in ("files.pypi.org", "other.example"):
        decided = rules.decide(host, 443)
        assert (decided.allowed, decided.would_block) == (True, True)


def test_a_trial_of_a_profile_is_one_of_its_projects_rules_and_of_no_class() -> None:
    trial = Reach("profile p", ("pypi.org",), dry_run=True, project_hosts=True)
    orion = Added("project orion", ("wiki.acme.local",), ("paste.example",))
    policy = policy_of("ses_1", trial, projects=(orion,))
    rules = Compiled(policy)
    assert not rules.decide("wiki.acme.local", 443).would_block
    tried = rules.decide("paste.example", 443)
    assert (tried.allowed, tried.would_block) == (True, True)
    assert tried.rule is not None
    assert tried.rule.source == "project orion"
    of_class = narrowed(policy, (Narrowing("class pii", denylist=("evil.example",)),))
    assert not Compiled(of_class).decide("evil.example", 443).allowed
    assert Compiled(of_class).decide("paste.example", 443).would_block


def test_what_a_class_takes_is_worked_out_once_for_all_sessions() -> None:
    reach, classes = (
        Reach("profile p", ("api.example",)),
        (Narrowing("class pii", denylist=("evil.example",)),),
    )
    one, other = (policy_of(who, reach, classes=classes) for who in ("ses_1", "ses_2"))
    assert one.rules is other.rules
    assert one.version == other.version != policy_of("ses_1", reach).version
    assert one == dataclasses.replace(narrowed(policy_of("", reach), classes), session_id="ses_1")


def test_the_version_tells_whether_anything_changed() -> None:
    reach = Reach("profile p", ("pypi.org",))
    first = policy_of("ses_1", reach)
    assert policy_of("ses_2", reach).version == first.version
    for other in (
        dataclasses.replace(reach, allowlist=("pypi.org", "b.example")),
        dataclasses.replace(reach, denylist=("pypi.org",)),
        dataclasses.replace(reach, public_internet=True),
        dataclasses.replace(reach, dry_run=True),
    ):
        assert policy_of("ses_1", other).version != first.version
    assert policy_of("ses_1", reach, ("evil.example",)).version != first.version


def test_a_rule_that_cannot_be_read_leaves_the_profile_closed() -> None:
    broken = Reach("profile p", ("pypi.org", "127.1"), public_internet=True, dry_run=True)
    policy = policy_of("ses_1", broken, ("evil.example",))
    assert not Compiled(policy).decide("pypi.org", 443).allowed
    assert [rule.host for rule in policy.rules] == ["evil.example"]


@pytest.mark.parametrize(
    ("asked", "host", "port", "allowed"),
    [
        ("pypi.org", "pypi.org", 443, True),
        ("PyPI.org.:80", "pypi.org", 80, True),
        ("pypi.org:22", "pypi.org", 22, False),
        ("https://pypi.org/simple/?x=a:b", "pypi.org", 443, True),
        ("http://pypi.org", "pypi.org", 80, True),
        ("10.1.2.3:5432", "10.1.2.3", 5432, True),
        ("[2001:db8::1]:443", "2001:db8::1", 443, False),
        ("2001:db8::1", "2001:db8::1", 443, False),
        ("evilpypi.org", "evilpypi.org", 443, False),
    ],
)
def test_an_explanation_names_host_port_verdict_and_rule(
    asked: str, host: str, port: int, *, allowed: bool
) -> None:
    policy = policy_of("", Reach("profile p", ("pypi.org", "10.1.0.0/16:5432")))
    told = explain(policy, asked)
    assert (told.host, told.port, told.decision.allowed) == (host, port, allowed)
    assert ("profile p" in told.words) == allowed


@pytest.mark.parametrize(
    "asked", ["", "  ", "a b", "http://", "pypi.org:0", "pypi.org:http", "127.1", "*.bd"]
)
def test_what_is_no_host_is_refused_in_words(asked: str) -> None:
    with pytest.raises(Refused) as refusal:
        explain(policy_of("", Reach("profile p")), asked)
    assert (refusal.value.status, bool(refusal.value.remedy)) == (400, True)


def test_a_running_session_gets_what_its_profile_says_now_and_an_ended_one_nothing(
    any_office: OfficeForTests,
) -> None:
    office, jane = any_office, any_office.user()
    session_id = office.ready(jane)

    def change(**fields: object) -> None:
        with office.store.write() as tx:
            profiles.change_profile(
                tx, office.clock, OPERATOR, "notebook-cpu-small", fields, known_to(office.settings)
            )

    def policies() -> list[Policy]:
        with office.store.read() as tx:
            return live_policies(tx, office.settings, office.clock.now())

    before = policies()
    assert [(one.session_id, one.rules) for one in before] == [(session_id, ())]
    change(egress_allowlist="pypi.org, *.acme.local:80,443")
    after = policies()
    assert [str(rule) for rule in after[0].rules] == ["allow pypi.org:80,443", "allow *.acme.local:80,443"]
    assert tag_of(after) != tag_of(before)
    assert office.row(session_id).profile["egress_allowlist"] == []  # its snapshot is history
    with office.store.write() as tx:
        profiles.delete_profile(tx, office.clock, OPERATOR, "notebook-cpu-small")
    assert policies() == after  # who runs it goes on
    office.change(session_id, state="stopped")
    assert policies() == []
