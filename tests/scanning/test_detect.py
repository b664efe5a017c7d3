"""What the detector says of texts: where, once, the same with every engine, and in bounded time whatever the text."""

from __future__ import annotations

import random
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbkeep.model.placeholder import placeholder
from nbkeep.scanning import detect, engines, examples, rulebook
from nbkeep.scanning.interface import Hint

STANDARD = detect.standard()
PLAIN = detect.Standard(engines.Plain)
KINDS = ("code", "text", "config", "table", "output")


def made(template: str, seed: int = 1) -> str:
    return examples.fill(template, random.Random(seed))


def test_where_a_value_stands_is_told_in_characters() -> None:
    """Also behind letters that are many bytes, and marks that are two words of UTF-16."""
    token = made("ghp_{crc62:30}")
    text = f"# été 🙂🙂 {token} — fin"
    (hit,) = STANDARD.find(text, Hint("text"))
    assert text[hit.begin : hit.end] == token
    assert (hit.rule, hit.kind, hit.severity) == ("github-token", "secret", "critical")


def test_a_value_is_told_once_and_by_the_rule_that_knows_most() -> None:
    """A token of GitHub that is assigned to a password is a token of GitHub; the address in a URL is its password."""
    text = made('password = "ghp_{crc62:30}"\nurl = "postgres://app:{password}@db.acme.io/x"')
    assert [hit.rule for hit in STANDARD.find(text, Hint("code"))] == ["github-token", "url-password"]


def test_what_stands_for_a_secret_of_the_vault_is_no_finding() -> None:
    """Telling people to move a placeholder to the vault would make them mistrust every other finding."""
    held = placeholder("openai-production-2024")
    for text in (
        f'api_key = "{held}"',
        f"OPENAI_API_KEY={held}",
        f"Authorization: Bearer {held}",
        f"https://u:{held}@acme.io/",
    ):
        for kind in KINDS:
            assert not STANDARD.find(text, Hint(kind))


@pytest.mark.parametrize(
    "text",
    [
        'password = "file:/run/secrets/db"',
        "password: file:/run/secrets/db",
        'password_env = "ACME_DB_PASSWORD_2"',
        'password = "ACME_DB_PASSWORD_2"',
        'passwd = "1.24.3-rc1.dev0"',
        "password: v1.24.3",
        'f"password=q7Kw-zD3{number}"',
        '{"passwd": "".join(random.choice(az09) for i in x7), "user": "bob"}',
        'aws_secret_access_key = "wJal' + 'rXUtnFEMI/K7MDENG/bPxRfiCYq8Zr2pKEY"',
        '("the name and the password", "Tr0ub4dor&3")',
        '{"user", "password", "Tr0ub4dor&3": 1}',
    ],
)
def test_what_only_speaks_of_a_password_is_none_and_one_beside_it_is_found(text: str) -> None:
    real = 'password = "q7Kw-zD3!mPx"'
    for kind in ("code", "text", "config"):
        assert not STANDARD.find(text, Hint(kind))
        hits = STANDARD.find(f"{text}\n{real}\n", Hint(kind))
        assert [hit.rule for hit in hits] == ["assigned-password"], kind


@pytest.mark.parametrize(
    "text",
    [
        'user("password", "q7Kw-zD3!mPx")',
        "users['password'] = 'q7Kw-zD3!mPx'",
        'password = "1.24.3.q7Kw-zD3"',
        'password = "FILE7_q7Kw-zD3!mPx"',
        'passwd = """q7Kw-zD3!mPx"""',
    ],
)
def test_what_looks_like_one_of_these_and_is_a_password_is_found(text: str) -> None:
    assert [hit.rule for hit in STANDARD.find(text, Hint("code"))] == ["assigned-password"]


@pytest.mark.parametrize("escaped", ["\\n", "\\t", "\n", " ", '"', "'", "(", ">", "=", ":", ",", "/", "`"])
def test_a_token_is_found_whatever_stands_before_it(escaped: str) -> None:
    token = made("glpat-{alnum:20}")
    for text in (f"x{escaped}{token}", f"{escaped}{token}{escaped}"):
        assert [text[h.begin : h.end] for h in STANDARD.find(text, Hint("output"))] == [token]


def test_every_engine_finds_the_same() -> None:
    """A machine without Hyperscan is slower, and misses nothing."""
    assert PLAIN.engine == "python"
    for rule in rulebook.built_in():
        rng = random.Random(rule.id)
        for template in (*rule.examples, *rule.config_examples, *rule.others):
            text = "x = 1\n" * 5 + examples.fill(template, rng) + "\ny = 2" * 5
            for kind in ("code", "config"):
                hint = Hint(kind, name=rule.example_name)
                assert PLAIN.find(text, hint) == STANDARD.find(text, hint), rule.id


@given(st.text(max_size=400), st.sampled_from(KINDS), st.text(max_size=20))
@settings(max_examples=50, deadline=None)
def test_no_text_is_too_odd(text: str, kind: str, column: str) -> None:
    """Lone surrogates, null characters, nothing at all: never an error, and every hit lies within the text."""
    for hit in STANDARD.find(text + "\ud800 password = 'k3jXd82n'", Hint(kind, column)):
        assert 0 <= hit.begin < hit.end <= len(text) + 25


HOSTILE = {
    "names": "password" * 20_000,
    "assignments": "password='" * 10_000,
    "open quotes": 'token="' + "a1B2c3d4" * 40_000,
    "web tokens": "-eyJ" * 80_000,
    "web tokens with dots": ("-eyJ" * 500 + ".aaaaaaaaaaaaaaaa") * 150,
    "armour": "-----BEGIN PRIVATE KEY-----\n" * 10_000,
    "armour that never ends": "-----BEGIN PRIVATE KEY-----\n" + ("QUJDRkdISUpLTE1OT1BRUg==\n" * 12_000),
    "addresses": "a@a." * 80_000,
    "ats": "a@" * 150_000,
    "long local part": "a." * 150_000 + "@acme.io",
    "numbers": "4111 1111 1111 1112 " * 15_000,
    "digits": "4" * 300_000,
    "phones": "+49 30 " * 40_000,
    "urls": "a://a:" * 50_000,
    "urls with ats": "a://a:b@" * 40_000,
    "cookies": "cookie: " * 40_000,
    "cookie with no end": "Cookie: " + "session " * 40_000,
    "backslashes": 'secret="' + "\\" * 300_000,
    "keys of AWS": "AKIA" * 80_000,
    "key pairs": ("AKIA" + "B" * 16 + " ") * 12_000,
    "bearers": "bearer " * 40_000,
    "ops": "-ops_eyJ" * 40_000,
    "names with blanks": "aws " + "secret " * 40_000,
    "services": "spotify" * 40_000 + "key='",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_takes_bounded_time(name: str) -> None:
    """Attack: a notebook whose text makes the rules look again and again."""
    begun = time.process_time()
    STANDARD.find(HOSTILE[name], Hint("output"))
    assert time.process_time() - begun < 4


def test_several_threads_may_ask_at_once() -> None:
    text = made("token ghp_{crc62:30}\n") * 50
    results: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: results.extend(len(STANDARD.find(text, Hint("text"))) for _ in range(20))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [50] * 80


def test_numbers_that_are_right_by_chance_are_not_told() -> None:
    """A column of random numbers of sixteen digits holds a few that pass as cards."""
    rng = random.Random(5)
    noise = "\n".join(str(rng.randrange(4 * 10**15, 5 * 10**15)) for _ in range(300))
    for kind in KINDS:
        assert not STANDARD.find(noise, Hint(kind, "id" if kind == "table" else ""))


def test_a_table_s_cells_are_judged_by_its_column() -> None:
    """The same words are names in one column and species in another."""
    people = "Amara Okafor\nJonas Weber\nPriya Nair"
    assert [h.rule for h in STANDARD.find(people, Hint("table", "customer_name"))] == ["person-name"] * 3
    assert [h.rule for h in STANDARD.find(people, Hint("table", "Name"))] == ["person-name"] * 3
    assert not STANDARD.find(people, Hint("table", "project"))
    assert not STANDARD.find(people, Hint("text"))
    phones = "030 5558 1234\n0171 5550 123"
    assert {h.rule for h in STANDARD.find("+49 30 901820\n+44 20 7946 0958", Hint("table", "phone"))} == {
        "phone"
    }
    assert not STANDARD.find(phones, Hint("table", "amount"))


@pytest.mark.parametrize(
    "text",
    [
        "sha256:" + "0f3c2d9a7b1e4f6680aa55c1d2e3f490" * 2,
        "commit 0f3c2d9a7b1e4f6680aa55c1d2e3f490aabbccdd",
        "123e4567-e89b-12d3-a456-426614174000",
        "tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased')",
        "tokens = tokenizer('hello world 12')",
        "max_tokens=2048, token_type_ids=token_type_ids",
        "secret_santa = 'Jonas'",
        "key = lambda pair: pair[1]",
        "password: Optional[str] = None",
        "api_key=os.getenv('OPENAI_API_KEY')",
        "sklearn.metrics.pairwise_distances at 0x7f3c2d9a7b1e",
        "jane@example.com",
        "numpy==1.26.4.20240101",
        "AutoTokenizer.from_pretrained(model, token=True)",
        "df.to_csv('s3://bucket/password/2024.csv')",
        "x = a@b.T",
        "@property",
        "Epoch 12/100 loss: 0.4111111111111111",
    ],
)
def test_what_notebooks_are_full_of_is_no_finding(text: str) -> None:
    for kind in ("code", "text", "output"):
        assert not STANDARD.find(text, Hint(kind))
