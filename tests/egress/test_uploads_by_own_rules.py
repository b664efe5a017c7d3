"""What an organisation's own rules find in an upload keeps it here, in the real jail; without them it is unread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from egress_parts import NameServer, Web
from nbkeep.detection.records import hash_of
from nbkeep.egress.leaving import ownrules
from nbkeep.egress.leaving.ownrules import OwnRules
from nbkeep.egress.leaving.scanner import JailedScanner
from nbkeep.model.errors import Unavailable
from own_rules_parts import BADGE, RULES
from render_parts import needs_a_jail
from upload_parts import Examining, made_key, plain

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytest.importorskip("re2")
NAME = "web.acme.local"
BROKEN = "[[rules]]\nid = 'x'\nregex = '''(?=a)'''\n"
BODY = f"badge = '{BADGE}'".encode()


@pytest.fixture
def rules() -> OwnRules:
    return OwnRules()


@pytest.fixture
def scanner(rules: OwnRules) -> Generator[JailedScanner]:
    found = JailedScanner(rules)
    yield found
    found.close()


@pytest.fixture
def gate(tmp_path: Path, scanner: JailedScanner, web: Web) -> Generator[Examining]:
    found = Examining(tmp_path, NameServer(web_acme_local=[["127.0.0.1"]]), scanner=scanner)
    found.decide(f"{NAME}:{web.port} 127.0.0.1:{web.port}", secret="deny", unread="deny")
    yield found
    found.end()


def hear(gate: Examining, rules: OwnRules, text: str, *, told: str | None = None) -> None:
    """Have the gateway know of rules, and have them fetched; `told`: what came instead."""
    gate.call(rules.hear, {"own_rules": hash_of(text) if text else ""})
    gate.call(rules.take, {"text": text if told is None else told})


def sent(gate: Examining, web: Web, body: bytes = BODY) -> str:
    return gate.ask(plain(f"{NAME}:{web.port}", body)).decode()


@needs_a_jail
def test_rules_hold_from_the_next_request_on_and_without_them_nothing_is_read(
    gate: Examining, rules: OwnRules, scanner: JailedScanner, web: Web
) -> None:
    assert "got " in sent(gate, web), "nobody knows yet that it is one"
    first = scanner.pid
    hear(gate, rules, RULES)
    answer = sent(gate, web)
    assert "holds a secret (Badge of Acme): none of it was sent" in answer
    assert BADGE not in answer
    assert "got 5" in sent(gate, web, b"clean")
    assert "GitHub token" in sent(gate, web, made_key().encode()), "the built-in rules hold beside them"
    hear(gate, rules, BROKEN)
    assert "own rules cannot be read" in sent(gate, web, b"clean")
    hear(gate, rules, RULES, told=BROKEN)
    assert "own rules are not here yet" in sent(gate, web, b"clean"), "what came is not what was told of"
    hear(gate, rules, RULES)
    assert "Badge of Acme" in sent(gate, web)
    scanner.close()
    assert "Badge of Acme" in sent(gate, web), "a jail that is started anew is told them, too"
    assert scanner.pid != first
    hear(gate, rules, "")
    assert "got " in sent(gate, web)


async def test_rules_are_fetched_once_for_each_change_and_again_until_they_are_those_that_were_told_of(
    rules: OwnRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownrules, "_PAUSE_S", 0)
    answers: list[dict[str, Any] | None] = [None, {"text": BROKEN}, {"text": 7}, {}, {"text": RULES}]
    asked: list[int] = []

    async def fetch() -> dict[str, Any]:
        asked.append(len(asked))
        answer = answers.pop(0)
        if answer is None:
            raise Unavailable("office-away", "The office does not answer.")
        return answer

    follows = asyncio.create_task(rules.follow(fetch))
    rules.hear({"own_rules": hash_of(RULES)})
    assert rules.now.data is None
    while rules.now.data is None:  # noqa: ASYNC110  it turns until all was asked
        await asyncio.sleep(0)
    rules.hear({"own_rules": hash_of(RULES)})
    await asyncio.sleep(0)
    rules.hear({})
    await asyncio.sleep(0)
    assert (len(asked), rules.now.data) == (5, b"")
    follows.cancel()


@pytest.mark.parametrize("told", [7, None, ["a"]])
def test_what_is_no_hash_keeps_the_whole_answer_from_taking_effect(rules: OwnRules, told: object) -> None:
    with pytest.raises(ValueError, match="no hash"):
        rules.hear({"own_rules": told})


def test_rules_that_are_larger_than_any_are_not_kept(rules: OwnRules) -> None:
    text = "#" * ((2 << 20) + 1)
    rules.hear({"own_rules": hash_of(text)})
    rules.take({"text": text})
    assert rules.now.data is None
