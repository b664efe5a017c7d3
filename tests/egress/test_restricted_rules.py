"""Which requests rules with methods and paths open, and how paths are compared. Pure."""

from __future__ import annotations

import json
import re
import string
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.egress.parse import parse_rule
from nbkeep.egress.paths import AmbiguousError, Pattern, folded, plain, spelled
from nbkeep.egress.rules import Compiled
from nbkeep.egress.values import Policy, Request, Rule
from nbkeep.model.errors import Refused
from nbkeep.profiles.parse import profile_from

HOST = "github.com"


def policy(
    allow: str = "",
    deny: str = "",
    *,
    ask: str = "",
    firm: str = "",
    public: bool = False,
    dry_run: bool = False,
) -> Compiled:
    rules = [replace(parse_rule(one, effect="deny", source="platform"), firm=True) for one in firm.split()]
    rules += [parse_rule(text, effect="deny", source="profile p") for text in deny.split()]
    rules += [parse_rule(text, effect="ask", source="profile p") for text in ask.split()]
    rules += [parse_rule(text, effect="allow", source="profile p") for text in allow.split()]
    return Compiled(Policy("ses_1", tuple(rules), public, dry_run, "v1"))


def may(rules: Compiled, method: str, path: str, host: str = HOST, port: int = 443) -> bool:
    return rules.decide_request(host, port, "", Request(method, path)).allowed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GET|HEAD@github.com/acme/*", "allow GET|HEAD@github.com:80,443/acme/*"),
        ("HEAD|GET@GitHub.com.", "allow GET|HEAD@github.com:80,443"),
        ("github.com:443/acme/*", "allow github.com:443/acme/*"),
        ("*.acme.local:8443,443/", "allow *.acme.local:443,8443/"),
        ("GET@registry.npmjs.org/@scope/*", "allow GET@registry.npmjs.org:80,443/@scope/*"),
        ("pypi.org/%73imple/%2c%20%2A*", "allow pypi.org:80,443/simple/%2C%20%2A*"),
        ("acme.local/café", "allow acme.local:80,443/caf%C3%A9"),
        ("10.0.0.0/8:5432", "allow 10.0.0.0/8:5432"),
        ("2001:db8::/32", "allow [2001:db8::/32]:80,443"),
    ],
)
def test_a_rule_is_read_and_written_back(text: str, words: str) -> None:
    rule = parse_rule(text, effect="allow", source="profile p")
    assert str(rule) == rule.id == words
    if rule.is_restricted:
        assert parse_rule(words.removeprefix("allow "), effect="allow", source="profile p") == rule
    assert Rule.from_json(json.loads(json.dumps(rule.as_json()))) == rule


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("GET@10.0.0.0/8", "go with names"),
        ("GET@10.0.0.1", "go with names"),
        ("GET@[2001:db8::1]:443", "go with names"),
        ("GET@*", "go with names"),
        ("*/acme", "go with names"),
        ("*:443/acme", "go with names"),
        ("10.0.0.1:443/x", "is no port"),
        ("@github.com", "no list of methods"),
        ("GET|@github.com", "no list of methods"),
        ("G3T@github.com", "no list of methods"),
        ("get@github.com", "no list of methods in capitals"),
        ("git@github.com/acme/x", "no list of methods in capitals"),
        ("CONNECT@github.com", "no list of methods"),
        ("GET,HEAD@github.com", "no list of methods"),
        ("https://github.com/acme", "address of a page"),
        ("github.com/a//b", "two slashes"),
        ("github.com/a/../b", "the segment .."),
        ("github.com/a?x=1", "question mark"),
        ("github.com/a%2fb", "encoded slash"),
        ("github.com/a,b", "comma or a blank"),
        ("github.com/" + "a" * 300, "more than 300 letters"),
        ("GET@/acme", "names no host"),
        ("git hub.com/x", "no host name"),
    ],
)
def test_what_is_no_such_rule_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(Refused, match=r"(?s).*") as refused:
        parse_rule(text, effect="allow", source="x")
    assert says in refused.value.message


def test_one_asks_for_whole_hosts() -> None:
    with pytest.raises(Refused, match="whole host"):
        parse_rule("GET@github.com", effect="ask", source="x")


def test_such_rules_survive_lists_of_text() -> None:
    text = "GET|HEAD@github.com:80,443/acme/*, pypi.org  PUT@a.acme.local/v1,10.0.0.0/8:1,2 DELETE@x.org:*/v2"
    found = profile_from({"name": "p", "image": "base", "flavor": "f", "egress_allowlist": text})
    assert found.egress_allowlist == (
        "GET|HEAD@github.com:80,443/acme/*", "pypi.org", "PUT@a.acme.local/v1", "10.0.0.0/8:1,2", "DELETE@x.org:*/v2"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [("methods", "GET"), ("methods", ["get"]), ("methods", [1]), ("path", "acme"), ("path", "/a/../b"),
     ("path", "/%61"), ("path", None)],
)  # fmt: skip
def test_json_that_is_no_such_rule_is_refused(field: str, value: object) -> None:
    rule = parse_rule("GET@github.com/acme/*", effect="allow", source="x")
    with pytest.raises(ValueError, match=r"rule|path|type|slash|segment"):
        Rule.from_json({**rule.as_json(), field: value})


@pytest.mark.parametrize(
    ("allow", "method", "path", "expected"),
    [
        ("GET|HEAD@github.com/acme/*", "GET", "/acme/x/y", True),
        ("GET|HEAD@github.com/acme/*", "HEAD", "/acme/", True),
        ("GET|HEAD@github.com/acme/*", "POST", "/acme/x", False),
        ("GET|HEAD@github.com/acme/*", "GET", "/acme", False),
        ("GET|HEAD@github.com/acme/*", "GET", "/other/acme/x", False),
        ("GET@github.com", "GET", "/any/thing", True),
        ("GET@github.com", "get", "/", False),
        ("github.com/acme", "DELETE", "/acme", True),
        ("github.com/acme", "GET", "/acme/", False),
        ("github.com/acme", "GET", "/Acme", False),
        ("github.com/*/raw/*.csv", "GET", "/acme/raw/a/b.csv", True),
        ("github.com/*/raw/*.csv", "GET", "/acme/raw/a/b.csv.exe", False),
        ("github.com/a%2A", "GET", "/a*", True),
        ("github.com/a%2A", "GET", "/ab", False),
        ("GET@github.com/a POST@github.com/b", "POST", "/a", False),
        ("GET@github.com/a POST@github.com/b", "POST", "/b", True),
        ("*.com/acme", "GET", "/acme", True),
        ("github.com:8443/acme", "GET", "/acme", False),
        ("github.com GET@github.com/acme", "POST", "/b", True),
    ],
)
def test_an_allowance_opens_exactly_these_requests(
    allow: str, method: str, path: str, *, expected: bool
) -> None:
    assert may(policy(allow), method, path) is expected


@pytest.mark.parametrize(
    ("deny", "method", "path", "expected"),
    [
        ("DELETE@github.com", "DELETE", "/x", False),
        ("DELETE@github.com", "GET", "/x", True),
        ("DELETE@github.com", "delete", "/x", False),
        ("github.com/admin*", "GET", "/admin", False),
        ("github.com/admin*", "GET", "/ADMIN/x", False),
        ("github.com/admin*", "GET", "/%61dmin", False),
        ("github.com/admin*", "GET", "/x/../admin", False),
        ("github.com/admin*", "GET", "/user", True),
        ("*.com/admin", "GET", "/admin", False),
        ("POST@github.com:22/x", "POST", "/x", True),
    ],
)
def test_a_refusal_closes_exactly_these_requests(
    deny: str, method: str, path: str, *, expected: bool
) -> None:
    for rules in (
        policy("github.com", deny),
        policy(f"{method.upper()}@github.com", deny),
        policy(deny=deny, public=True),
    ):
        assert rules.decide(HOST, 443).allowed
        assert may(rules, method, path) is expected


def test_only_hosts_with_such_rules_are_opened() -> None:
    rules = policy("GET@github.com/a pypi.org GET@pypi.org/x *.acme.local", "DELETE@api.acme.local:443")
    assert rules.judges(HOST, 443)
    assert not rules.judges(HOST, 8443)
    assert not rules.judges("pypi.org", 443), "it is allowed as a whole"
    assert rules.judges("api.acme.local", 443)
    assert not rules.judges("api.acme.local", 80)
    assert not rules.judges("other.acme.local", 443)
    assert not policy("GET@github.com", public=True).judges(HOST, 443)
    assert policy("", "GET@github.com", public=True).judges(HOST, 443)
    assert rules.decide_unread("pypi.org", 443) is None
    unread = rules.decide_unread(HOST, 443)
    assert unread is not None
    assert not unread.allowed


def test_reasons_name_the_rule_and_never_the_path() -> None:
    rules = policy("GET@github.com/acme/*", "github.com/acme/secret*")
    said = [
        rules.decide_request(HOST, 443, "", Request(method, path)).reason
        for method, path in [("GET", "/acme/SECRET-7"), ("POST", "/acme/hush"), ("GET", "/acme//hush")]
    ]
    assert said == [
        "this GET request to github.com:443 is denied by the rule 'deny github.com:*/acme/secret*' (profile p)",
        "no rule allows this POST request to github.com:443",
        (
            "the path of this GET request to github.com:443 can be read in two ways (it has two slashes in a row), "
            "and the rule 'deny github.com:*/acme/secret*' (profile p) is about some requests only"
        ),
    ]


def test_a_private_address_needs_the_exact_name_for_each_request() -> None:
    rules = policy("GET@db.acme.local/a POST@*.acme.local/b", public=True)
    assert not rules.judges("db.acme.local", 443)
    assert rules.judges("db.acme.local", 443, "10.0.0.1"), "there the public internet does not lead"
    told = {
        path: rules.decide_request("db.acme.local", 443, "10.0.0.1", Request(method, path)).allowed
        for method, path in [("GET", "/a"), ("POST", "/b")]
    }
    assert told == {"/a": True, "/b": False}
    assert not rules.decide_address("x.acme.local", 443, "10.0.0.1").allowed
    assert not rules.decide_address("db.acme.local", 443, "127.0.0.1").allowed


def test_some_requests_are_free_and_the_host_is_asked_for() -> None:
    rules = policy("GET@github.com", ask="github.com")
    assert may(rules, "GET", "/x")
    refused = rules.decide_request(HOST, 443, "", Request("POST", "/x"))
    assert refused.rule is not None
    assert refused.rule.effect == "ask"
    assert not may(policy("GET@*.com", ask="github.com"), "GET", "/x"), "the ask-list is closer"


def test_on_trial_all_passes_but_what_is_firm() -> None:
    rules = policy("GET@github.com", "github.com/a", dry_run=True)
    for request in (Request("POST", "/x"), Request("GET", "/a"), Request("GET", "/b//c")):
        decision = rules.decide_request(HOST, 443, "", request)
        assert (decision.allowed, decision.would_block) == (True, True), request
    assert not rules.decide_request(HOST, 443, "", Request("GET", "/b")).would_block
    firm = policy("github.com", "github.com/x POST@github.com", firm="*.com/admin", dry_run=True)
    assert may(firm, "GET", "/x")
    assert not may(firm, "GET", "/admin")
    assert not may(firm, "GET", "//admin")
    assert not may(policy(deny="github.com/admin", firm="*.com/admin", dry_run=True), "GET", "/admin")


def test_headers_that_say_another_method_are_refused_where_rules_are_about_requests() -> None:
    request = Request("POST", "/x", "its header x-http-method-override")
    assert not policy("GET|POST@github.com").decide_request(HOST, 443, "", request).allowed
    assert policy("github.com").decide_request(HOST, 443, "", request).allowed
    assert policy("github.com/x").decide_request(HOST, 443, "", request).allowed, "no rule is about methods"
    request = Request("MOVE", "/x", other_path="its header destination")
    assert not policy("github.com/x").decide_request(HOST, 443, "", request).allowed
    assert policy("MOVE@github.com").decide_request(HOST, 443, "", request).allowed


# Paths


@pytest.mark.parametrize(
    "path",
    [
        "/a/../b", "/a/./b", "/..", "/.", "/a/%2e%2e/b", "/a/%2E./b", "//a", "/a//b", "/a//", "/a;x=1", "/a%3bx",
        "/a\\b", "/a%5Cb", "/a%2fb", "/a%2Fb", "/a%00", "/a%0d%0ab", "/a%7f", "/a%", "/a%2", "/a%zz", "/a%u002f",
        "/a%252fb", "/a%25", "/a#b", "/a%23b", "/a%3Fb", "/a?b", "/caf%E9", "/%C0%AE%C0%AE/b", "/%C0%AFb",
        "/a%EF%BC%8Fb", "/%EF%BC%8E%EF%BC%8E/b", "/%E2%80%A6", "/admin.", "/admin%20", "/admin./x", "admin", "*", "",
        "http://github.com/a", "/a\udcff",
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_has_no_plain_form(path: str) -> None:
    with pytest.raises(AmbiguousError):
        plain(path)
    assert not may(policy("github.com/*"), "GET", path)
    assert not may(policy("github.com", "github.com/nothing"), "GET", path)


WORD = st.text(string.ascii_letters + string.digits + "-_~@:!$&'()+,= éß中", min_size=1, max_size=6).filter(
    lambda text: text == text.strip()
)
SEGMENTS = st.lists(WORD, max_size=5)


@given(SEGMENTS, st.data())
def test_every_spelling_of_a_path_is_the_same_path(segments: list[str], data: st.DataObject) -> None:
    path = "/" + "/".join(segments)

    def spell(letter: str) -> str:
        if letter != "/" and (not letter.isascii() or letter == " " or data.draw(st.booleans())):
            code = "".join(f"%{byte:02x}" for byte in letter.encode())
            return code.upper() if data.draw(st.booleans()) else code
        return letter

    assert plain("".join(spell(letter) for letter in path)) == path
    assert Pattern.of(spelled(quote(path))).matches(path)
    assert Pattern.of(spelled(quote(path)), fold=True).matches(folded(path.swapcase())) or "ß" in path


@given(st.text(string.printable + "é\uff0e\uff0f", max_size=30))
def test_a_plain_path_has_nothing_left_that_a_server_would_shorten(text: str) -> None:
    try:
        path = plain("/" + text)
    except AmbiguousError:
        return
    assert not set(path) & set("\\;%?#\0\r\n")
    segments = path[1:].split("/")
    assert not {".", ".."} & set(segments)
    assert "" not in segments[:-1]
    assert plain(quote(path)) == path, "twice is once"


@given(st.lists(st.sampled_from(["*", "a", "b", "/", "%2A"]), max_size=12).map("".join), st.data())
def test_a_pattern_matches_as_its_regular_expression_would(text: str, data: st.DataObject) -> None:
    try:
        written = spelled("/" + text)
    except AmbiguousError:
        return
    assert spelled(written) == written
    path = "/" + data.draw(st.text("ab/*", max_size=12))
    expression = ".*".join(re.escape(part.replace("%2A", "*")) for part in written.split("*"))
    assert Pattern.of(written).matches(path) is (re.fullmatch(expression, path, re.DOTALL) is not None)
