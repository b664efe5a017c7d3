"""Which hosts and addresses a policy opens."""

from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.egress.parse import parse_rule
from nbkeep.egress.rules import Compiled
from nbkeep.egress.values import Policy, Rule
from nbkeep.model.errors import Refused

METADATA = "169.254.169.254"
OWN = frozenset({ipaddress.ip_address("10.9.9.9"), ipaddress.ip_address("93.184.216.1")})


def policy(allow: str = "", deny: str = "", *, public: bool = False, dry_run: bool = False) -> Compiled:
    rules = [parse_rule(text, effect="deny", source="platform") for text in deny.split()]
    rules += [parse_rule(text, effect="allow", source="profile p") for text in allow.split()]
    return Compiled(Policy("ses_1", tuple(rules), public, dry_run, "v1"), OWN)


@pytest.mark.parametrize(
    ("allow", "host", "port", "expected"),
    [
        ("pypi.org", "pypi.org", 443, True),
        ("pypi.org", "pypi.org", 80, True),
        ("pypi.org", "pypi.org", 22, False),
        ("pypi.org:22", "pypi.org", 443, False),
        ("pypi.org:*", "pypi.org", 22, True),
        ("pypi.org", "PyPI.org.", 443, True),
        ("pypi.org", "files.pypi.org", 443, False),
        ("*.acme.local", "a.acme.local", 443, True),
        ("*.acme.local", "a.b.acme.local", 443, True),
        ("*.acme.local", "acme.local", 443, False),
        ("*.acme.local", "evilacme.local", 443, False),
        ("*.acme.local", "acme.local.evil.com", 443, False),
        ("*.acme.local", ".acme.local", 443, False),
        ("*.bd", "gov.bd", 443, True),
        ("*.bd", "evil.abd", 443, False),
        ("*", "anything.example", 443, True),
        ("*", "anything.example", 22, False),
        ("münchen.example", "xn--mnchen-3ya.example", 443, True),
        ("münchen.example", "MÜNCHEN.example", 443, True),
        ("pypi.org", "рypi.org", 443, False),  # noqa: RUF001  Cyrillic
        ("pypi.org", "pypi。org", 443, True),  # an ideographic full stop is a dot (UTS 46)
        ("10.0.0.0/8:5432", "10.1.2.3", 5432, True),
        ("10.0.0.0/8:5432", "11.1.2.3", 5432, False),
        ("[2001:db8::1]:443", "2001:db8:0::1", 443, True),
        ("[2001:db8::/32]:443", "2001:db8:ffff::1", 443, True),
        ("", "pypi.org", 443, False),
    ],
)
def test_allow(allow: str, host: str, port: int, *, expected: bool) -> None:
    decision = policy(allow).decide(host, port)
    assert decision.allowed is expected, decision
    assert not decision.would_block
    assert (decision.rule is not None) is expected


def test_deny_wins_however_exact_the_other_rule_is() -> None:
    rules = policy("files.acme.local pypi.org", "*.acme.local", public=True)
    refused = rules.decide("files.acme.local", 443)
    assert not refused.allowed
    assert refused.rule is not None
    assert refused.reason == "files.acme.local:443 is denied by the rule 'deny *.acme.local:*' (platform)"
    assert rules.decide("pypi.org", 443).allowed
    assert rules.decide("files.acme.local", 22).allowed is False, (
        "a deny rule without port is about every port"
    )


def test_the_public_internet_needs_no_rule_but_private_networks_do() -> None:
    rules = policy(public=True)
    assert rules.decide_address("example.com", 443, "93.184.216.34").allowed
    assert rules.decide_address("example.com", 8443, "2606:2800:220:1::1").allowed
    for address in ("10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd00::1", METADATA, "127.0.0.1"):
        assert not rules.decide_address("example.com", 443, address).allowed, address


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.1", METADATA, "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe",
        "2002:7f00:1::", "2002:a9fe:a9fe::1", "::127.0.0.1", "2001:0:7f00:1::", "10.9.9.9", "93.184.216.1",
        "168.63.129.16", "100.100.100.200", "fd00:ec2::254",
    ],
)  # fmt: skip
def test_no_name_and_no_trial_opens_this_machine_its_link_or_the_metadata(address: str) -> None:
    """Also not from inside another address, nor through a network that happens to be so wide."""
    for allow in ("db.acme.local", "*.acme.local", "*", "db.acme.local 0.0.0.0/0:443 ::/0"):
        for dry_run in (False, True):
            rules = policy(allow, public=True, dry_run=dry_run)
            assert not rules.decide_address("db.acme.local", 443, address).allowed
    literal = f"[{address}]" if ":" in address else address
    assert not policy("*", public=True).decide_address(literal, 443, address).allowed
    by_rule = policy(f"db.acme.local {literal}:443")
    assert by_rule.decide_address("db.acme.local", 443, address).allowed
    assert by_rule.decide_address(literal, 443, address).allowed
    assert not by_rule.decide_address("db.acme.local", 80, address).allowed


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.9", "100.64.3.3", "fd12::1", "::ffff:10.1.2.3"])
def test_private_addresses_take_an_exact_name_or_a_network(address: str) -> None:
    assert policy("db.acme.local").decide_address("db.acme.local", 443, address).allowed
    for allow in ("*.acme.local", "*", "*.acme.local 0.0.0.0/0 ::/0"):
        assert not policy(allow, public=True).decide_address("db.acme.local", 443, address).allowed
    network = "[fc00::/7]:443" if address.startswith("fd") else "10.0.0.0/8 192.168.0.0/16 100.64.0.0/10"
    assert policy(f"*.acme.local {network}").decide_address("db.acme.local", 443, address).allowed


def test_a_denied_network_is_denied_through_a_name_too() -> None:
    rules = policy("db.acme.local *", "10.0.0.0/8 93.0.0.0/8", public=True)
    assert not rules.decide_address("db.acme.local", 443, "10.1.2.3").allowed
    assert not rules.decide_address("example.com", 443, "::ffff:93.1.1.1").allowed
    assert not rules.decide_address("example.com", 443, "64:ff9b::5d01:101").allowed
    assert rules.decide_address("example.com", 443, "94.1.1.1").allowed


def test_a_policy_on_trial_blocks_nothing_and_tells_what_it_would() -> None:
    rules = policy("pypi.org", "evil.example", dry_run=True)
    for host in ("evil.example", "unknown.example"):
        decision = rules.decide_address(host, 443, "93.184.216.34")
        assert decision.allowed
        assert decision.would_block
    assert not rules.decide_address("pypi.org", 443, "151.101.0.223").would_block
    assert rules.decide_address("pypi.org", 443, "10.0.0.1").would_block is False, "an exact name"
    private = rules.decide_address("unknown.example", 443, "10.0.0.1")
    assert not private.allowed, "a trial opens no network that nobody named"
    assert not rules.decide("0x7f.1", 443).allowed


@pytest.mark.parametrize(
    "host",
    [
        "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "010.0.0.1", "1.2.3.4.5",
        "\uff11\uff12\uff17.\uff11", "fe80::1%eth0", "[::1", "", ".", "..", "a..b", "a b", "a/b", "user@host", "host:80", "-a.b",
        "a\r\nb", "a\x00.b", "xn--a\u0301.example", "xn--zzzzzzz999.example", "a" * 64 + ".b", "a." * 130,
    ],
)  # fmt: skip
def test_hosts_that_could_be_read_in_two_ways_are_refused(host: str) -> None:
    decision = policy("*:* 0.0.0.0/0:*", public=True).decide(host, 80)
    assert not decision.allowed
    assert decision.rule is None


def test_ten_thousand_rules_are_found_as_one_is() -> None:
    many = " ".join(f"h{n}.example *.d{n}.example 10.{n // 256}.{n % 256}.0/24:443" for n in range(3400))
    rules = policy(many)
    assert rules.decide("h3399.example", 443).allowed
    assert rules.decide("a.d17.example", 443).allowed
    assert rules.decide_address("10.13.71.9", 443, "10.13.71.9").allowed
    assert not rules.decide("h3400.example", 443).allowed


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{1,5}){1,3}", fullmatch=True).filter(
    lambda name: not any(label[2:4] == "--" for label in name.split("."))
)


@given(NAMES, NAMES)
def test_a_wildcard_matches_exactly_what_ends_in_a_dot_and_its_name(name: str, other: str) -> None:
    rules = policy(f"*.{name}")
    for host in (other, f"{other}.{name}", f"{other}{name}", name):
        assert rules.decide(host, 443).allowed is host.endswith(f".{name}")


@given(st.sampled_from(["allow", "deny"]), NAMES, st.frozensets(st.integers(1, 65535), max_size=4), st.text())
def test_values_survive_a_round_trip(effect: str, host: str, ports: frozenset[int], source: str) -> None:
    rule = Rule("r1", "allow" if effect == "allow" else "deny", host, ports, source)
    before = Policy("ses_1", (rule,), True, False, "v")
    assert Policy.from_json(json.loads(json.dumps(before.as_json()))) == before
    assert parse_rule(str(rule).partition(" ")[2], effect=rule.effect, source=source, rule_id="r1") == rule


@pytest.mark.parametrize(
    "change",
    [
        {"rules": None}, {"rules": [1]}, {"dry_run": 1}, {"session_id": None}, {"extra": 1},
        {"rules": [{"id": "r", "effect": "ask", "host": "a.b", "ports": [1], "source": ""}]},
        {"rules": [{"id": "r", "effect": "allow", "host": "a.b", "ports": [70000], "source": ""}]},
        {"rules": [{"id": "r", "effect": "allow", "host": "a.b", "ports": [True], "source": ""}]},
        {"rules": [{"id": "r", "effect": "allow", "host": 7, "ports": [1], "source": ""}]},
        {"rules": [{"id": "r", "effect": "allow", "host": "a.b", "ports": [1]}]},
    ],
)  # fmt: skip
def test_json_that_is_no_policy_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Policy.from_json(Policy("ses_1", (), False, False, "v").as_json() | change)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pypi.org", "allow pypi.org:80,443"),
        (" PyPI.org.:443 ", "allow pypi.org:443"),
        ("*.ACME.local:*", "allow *.acme.local:*"),
        ("a.b:80,443, 8080", "allow a.b:80,443,8080"),
        ("10.0.0.0/8:5432", "allow 10.0.0.0/8:5432"),
        ("2001:db8::/32", "allow [2001:db8::/32]:80,443"),
        ("[2001:DB8::1]:443", "allow [2001:db8::1]:443"),
        ("*", "allow *:80,443"),
        ("bücher.example", "allow xn--bcher-kva.example:80,443"),
    ],
)
def test_what_an_admin_writes_has_one_form(text: str, expected: str) -> None:
    assert str(parse_rule(text, effect="allow", source="")) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", ":443", "pypi.org:", "pypi.org:0", "pypi.org:65536", "pypi.org:http", "*pypi.org", "a.*.org", "*.",
        "*.10.0.0.1", "10.0.0.1/8", "10.0.0.0/33", "010.0.0.1", "127.1", "https://pypi.org", "a b", "[::1",
        "[::1]x:443", "pypi.org:+443", "pypi.org:٤٤٣",
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_kept_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_rule(text, effect="allow", source="")
    assert caught.value.status == 400
    assert not text or text in caught.value.message
    assert caught.value.remedy
