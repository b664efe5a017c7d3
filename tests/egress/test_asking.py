"""What an ask-list does to a decision, what it lets one ask for, and what a grant then opens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nbkeep.egress.asking import covering
from nbkeep.egress.explain import explain
from nbkeep.egress.parse import parse_rule
from nbkeep.egress.policy import Reach, policy_of
from nbkeep.egress.refusals import blocked
from nbkeep.egress.rules import Compiled
from nbkeep.egress.values import Policy, Rule

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
UNTIL = (NOW + timedelta(hours=2)).isoformat()


def rule(text: str) -> Rule:
    return parse_rule(text, effect="allow", source="")


def grant(text: str) -> Rule:
    return replace(
        parse_rule(text, effect="allow", source="grant gra_1 of jane", rule_id="gra_1"), until=UNTIL
    )


def compiled(reach: Reach, *grants: str) -> Compiled:
    return Compiled(policy_of("ses_1", reach, granted=tuple(grant(one) for one in grants)))


def reach(allow: str = "", deny: str = "", ask: str = "", *, public: bool = False) -> Reach:
    lists = [tuple(one.split()) for one in (allow, deny, ask)]
    return Reach("profile p", *lists, public_internet=public)


@pytest.mark.parametrize(
    ("asklist", "wanted", "is_covered"),
    [
        ("huggingface.co", "huggingface.co", True),
        ("huggingface.co", "huggingface.co:443", True),
        ("huggingface.co", "huggingface.co:8443", False),
        ("huggingface.co", "huggingface.co:*", False),
        ("huggingface.co:*", "huggingface.co:22", True),
        ("huggingface.co", "cdn.huggingface.co", False),
        ("huggingface.co", "*.huggingface.co", False),
        ("*.pypi.org", "files.pypi.org", True),
        ("*.pypi.org", "*.pypi.org", True),
        ("*.pypi.org", "*.files.pypi.org", True),
        ("*.pypi.org", "*.org", False),
        ("*.pypi.org", "pypi.org", False),
        ("*.pypi.org", "evilpypi.org", False),
        ("*.pypi.org", "*", False),
        ("*", "*.pypi.org", True),
        ("*", "*", True),
        ("*:*", "8.8.8.8:53", True),
        # Whoever writes * means names and the internet, not the machine and the networks beside it.
        ("*:*", "10.0.0.5:5432", False),
        ("*:*", "169.254.169.254", False),
        ("*:*", "127.0.0.1", False),
        ("*:*", "[::1]", False),
        ("*:*", "[::ffff:10.0.0.5]", False),
        ("*:*", "0.0.0.0/0", False),
        ("0.0.0.0/0:*", "10.0.0.5", False),
        ("10.0.0.0/8:5432", "10.1.2.3:5432", True),
        ("10.0.0.0/8:5432", "10.1.0.0/16:5432", True),
        ("10.0.0.0/8:5432", "0.0.0.0/0:5432", False),
        ("10.0.0.0/8:5432", "11.1.2.3:5432", False),
        ("2001:db8::/32", "10.1.2.3", False),
        ("10.1.2.3", "db.acme.local", False),
        ("a.example:443 a.example:80", "a.example", False),  # one entry covers all of it
    ],
)
def test_one_may_ask_for_what_is_listed_or_narrower(asklist: str, wanted: str, *, is_covered: bool) -> None:
    asks = [parse_rule(one, effect="ask", source="") for one in asklist.split()]
    assert (covering(asks, rule(wanted)) is not None) is is_covered


@pytest.mark.parametrize(
    ("said", "host", "port", "by"),
    [
        (reach(ask="huggingface.co"), "huggingface.co", 443, "ask"),
        (reach(ask="huggingface.co"), "huggingface.co", 22, None),
        (reach(ask="huggingface.co", public=True), "huggingface.co", 443, "ask"),
        (reach(deny="huggingface.co", ask="huggingface.co"), "huggingface.co", 443, "deny"),
        # The closer entry counts: everything may be asked for, but not what is allowed by name …
        (reach(allow="pypi.org", ask="*"), "pypi.org", 443, "allow"),
        (reach(allow="pypi.org", ask="*"), "other.org", 443, "ask"),
        (reach(allow="*.files.pypi.org", ask="*.pypi.org"), "a.files.pypi.org", 443, "allow"),
        # … and all is allowed below a name, but for what is to be asked for.
        (reach(allow="*.acme.local", ask="hr.acme.local"), "hr.acme.local", 443, "ask"),
        (reach(allow="*.acme.local", ask="hr.acme.local"), "it.acme.local", 443, "allow"),
        (reach(allow="10.0.0.0/8", ask="10.1.0.0/16"), "10.1.2.3", 443, "ask"),
        (reach(allow="10.0.0.0/8", ask="10.1.0.0/16"), "10.2.2.3", 443, "allow"),
        (reach(allow="pypi.org", ask="pypi.org"), "pypi.org", 443, "ask"),
    ],
)
def test_which_list_decides(said: Reach, host: str, port: int, by: str | None) -> None:
    decision = compiled(said).decide(host, port)
    assert (decision.rule.effect if decision.rule else None) == by
    assert decision.allowed is (by == "allow")


def test_a_grant_opens_what_it_names_and_nothing_else() -> None:
    rules = compiled(reach(ask="*.pypi.org"), "files.pypi.org:443")
    decision = rules.decide("files.pypi.org", 443)
    assert decision.allowed
    assert decision.rule is not None
    assert decision.rule.id == "gra_1"
    assert "grant gra_1 of jane" in decision.reason
    for host, port in (("files.pypi.org", 80), ("other.pypi.org", 443), ("a.files.pypi.org", 443)):
        assert not rules.decide(host, port).allowed


def test_a_denial_and_a_shorter_ask_list_take_its_power() -> None:
    assert (
        not compiled(reach(deny="*.pypi.org", ask="*.pypi.org"), "files.pypi.org")
        .decide("files.pypi.org", 443)
        .allowed
    )
    assert not compiled(reach(ask="other.org"), "files.pypi.org").decide("files.pypi.org", 443).allowed
    late = policy_of(
        "ses_1", reach(ask="*.pypi.org"), ("files.pypi.org",), granted=(grant("files.pypi.org"),)
    )
    assert not Compiled(late).decide("files.pypi.org", 443).allowed


def test_a_granted_name_leads_to_a_private_network_only_if_an_admin_wrote_exactly_it() -> None:
    assert (
        not compiled(reach(ask="*.acme.local:5432"), "db.acme.local:5432")
        .decide_address("db.acme.local", 5432, "10.0.0.5")
        .allowed
    )
    assert (
        compiled(reach(ask="db.acme.local:5432"), "db.acme.local:5432")
        .decide_address("db.acme.local", 5432, "10.0.0.5")
        .allowed
    )
    assert (
        not compiled(reach(ask="*"), "rebind.example")
        .decide_address("rebind.example", 443, "169.254.169.254")
        .allowed
    )
    assert (
        compiled(reach(ask="10.0.0.0/8:5432"), "10.0.0.5:5432")
        .decide_address("10.0.0.5", 5432, "10.0.0.5")
        .allowed
    )


def test_a_part_of_the_internet_that_is_to_be_asked_for_is_not_reached_by_name_either() -> None:
    rules = compiled(reach(ask="198.51.100.0/24", public=True))
    assert not rules.decide_address("any.example", 443, "198.51.100.7").allowed
    assert rules.decide_address("any.example", 443, "8.8.8.8").allowed
    named = compiled(reach(allow="any.example", ask="9.9.9.0/24", public=True))
    assert named.decide_address("any.example", 443, "9.9.9.9").allowed  # an admin wrote this name


def test_a_policy_loses_its_grants_at_their_moment_wherever_it_is() -> None:
    policy = policy_of("ses_1", reach(allow="pypi.org", ask="*"), granted=(grant("huggingface.co"),))
    before = policy.at(NOW + timedelta(hours=2, microseconds=-1))
    assert before is policy
    after = policy.at(NOW + timedelta(hours=2))
    assert [str(one) for one in after.rules] == ["ask *:80,443", "allow pypi.org:80,443"]
    assert not Compiled(after).decide("huggingface.co", 443).allowed
    assert Policy.from_json(policy.as_json()) == policy
    with pytest.raises(ValueError, match="zone"):
        Rule.from_json(grant("a.example").as_json() | {"until": "2026-05-01T14:00:00"})


def test_a_refusal_gives_the_command_and_the_page_to_ask_with() -> None:
    policy = policy_of(
        "ses_1", reach(ask="[2001:db8::1]:443 huggingface.co"), ask_at="http://x/portal/grants"
    )
    decision = Compiled(policy).decide("huggingface.co", 443)
    told = blocked(decision, "huggingface.co", 443, "ses_1", policy.ask_at).http().decode()
    assert "`nbkeep grant request huggingface.co:443 --session ses_1 --reason '…' --for 2h`" in told
    assert "http://x/portal/grants?session=ses_1&host=huggingface.co%3A443" in told
    assert '"egress-ask"' in blocked(decision, "huggingface.co", 443, "ses_1").http(as_json=True).decode()
    assert (
        "nbkeep grant request [2001:db8::1]:443 --session ses_1" in explain(policy, "[2001:db8::1]:443").note
    )
    nothing = blocked(Compiled(policy).decide("other.example", 443), "other.example", 443, "ses_1")
    assert "nbkeep grant" not in nothing.remedy
