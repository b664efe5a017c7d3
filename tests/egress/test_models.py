"""Calls of models are metered as they pass: with the providers' own clients, whole and streamed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from egress_parts import SESSION, Authority, serving
from keyed_parts import VALUE
from model_parts import ANTHROPIC, OPENAI, WORDS, Inside, Metered, ModelApi, make_metered, standing
from nbkeep.egress.model_calls import Provider

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

PLACEHOLDER = "nbkeep-placeholder-openai"
CLIENTS = """
import anthropic, openai
client = openai.OpenAI(api_key="{key}", base_url="https://{openai}:{port}/v1")
asked = dict(model="gpt-x", messages=[dict(role="user", content="Tell me a story")])
print(client.chat.completions.create(**asked).choices[0].message.content)
def text(chunks):
    return "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
print(text(client.chat.completions.create(**asked, stream=True, stream_options=dict(include_usage=True))))
print(text(client.chat.completions.create(**asked, stream=True)))
print(client.responses.create(model="gpt-x", input="Tell").output_text)
print("".join(one.delta for one in client.responses.create(model="gpt-x", input="Tell", stream=True)
              if one.type == "response.output_text.delta"))
print(len(client.embeddings.create(model="emb-x", input="Tell", encoding_format="float").data[0].embedding))
print([one.id for one in client.models.list()])
other = anthropic.Anthropic(api_key="{key}", base_url="https://{anthropic}:{port}")
asked = dict(model="claude-x", max_tokens=100, messages=[dict(role="user", content="Tell me a story")])
print(other.messages.create(**asked).content[0].text)
with other.messages.stream(**asked) as stream:
    print("".join(stream.text_stream))
"""
REFUSED = """
import anthropic, openai
try:
    openai.OpenAI(api_key="x", base_url="https://{openai}:{port}/v1").chat.completions.create(model="m", messages=[])
except openai.RateLimitError as error:
    print(error.code, error.type, error.status_code, error.message)
try:
    anthropic.Anthropic(api_key="x", base_url="https://{anthropic}:{port}").messages.create(
        model="m", max_tokens=1, messages=[dict(role="user", content="Hi")])
except anthropic.RateLimitError as error:
    print(error.body["error"]["type"], error.status_code, error.message)
"""


@pytest.fixture(scope="module")
def api(authority: Authority) -> Generator[ModelApi]:
    with serving(ModelApi(authority, OPENAI, ANTHROPIC)) as server:
        yield server


@pytest.fixture
def metered(tmp_path: Path, authority: Authority, api: ModelApi) -> Generator[Metered]:
    api.seen.clear()
    api.says.clear()
    found = make_metered(tmp_path, authority, api)
    yield found
    found.end()


@pytest.fixture
def inside(metered: Metered) -> Generator[Inside]:
    found = Inside(metered)
    yield found
    found.end()


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "gpt-x", "messages": [{"role": "user", "content": "Tell me"}], **more}


def test_the_providers_own_clients_are_metered(metered: Metered, inside: Inside, api: ModelApi) -> None:
    metered.add(f"{OPENAI}:{api.port}")
    code = CLIENTS.format(key=PLACEHOLDER, openai=OPENAI, anthropic=ANTHROPIC, port=api.port)
    story = "".join(WORDS)
    assert inside.python(code).splitlines() == [story] * 5 + ["1000", "['gpt-x']"] + [story] * 2
    calls = metered.ended_calls(8)
    assert {one.session_id for one in calls} == {SESSION}
    told = [
        (one.provider, one.operation, one.model, one.streamed, one.measure, one.tokens_in, one.tokens_out,
         one.tokens_cached)
        for one in calls
    ]  # fmt: skip
    sent = len(json.dumps(chat(messages=[{"role": "user", "content": "Tell me a story"}], stream=True)))
    assert told[2][5] in range(sent // 4 - 5, sent // 4 + 5)
    assert told == [
        ("openai", "chat", "gpt-x-2026-05-01", False, "measured", 19, 10, 8),
        ("openai", "chat", "gpt-x", True, "measured", 19, 10, 8),
        ("openai", "chat", "gpt-x", True, "estimated", told[2][5], -(-len(story) // 4), 0),
        ("openai", "response", "gpt-x", False, "measured", 30, 12, 5),
        ("openai", "response", "gpt-x", True, "measured", 30, 12, 5),
        ("openai", "embedding", "emb-x", False, "measured", 7, 0, 0),
        ("anthropic", "message", "claude-x", False, "measured", 175, 15, 50),
        ("anthropic", "message", "claude-x", True, "measured", 175, 15, 50),
    ]
    keys = {
        headers.get("Authorization") or headers.get("Authorization".lower()) for _, headers, _ in api.seen[:7]
    }
    assert keys == {f"Bearer {VALUE}"}
    records = metered.records(9)
    assert "metered as a call of openai" in records[0].reason
    # Nothing of what was said is kept.
    kept = json.dumps([one.as_json() for one in (*calls, *records)])
    for said in ("Once", "upon", "Tell", "story", VALUE, PLACEHOLDER, "/v1"):
        assert said not in kept


def test_a_spent_budget_refuses_before_anything_is_sent_in_the_providers_words(
    metered: Metered, inside: Inside, api: ModelApi
) -> None:
    metered.stand(standing(SESSION, 104, is_spent=True))
    said = inside.python(REFUSED.format(openai=OPENAI, anthropic=ANTHROPIC, port=api.port)).splitlines()
    assert said[0].startswith("nbkeep_budget insufficient_quota 429")
    assert said[1].startswith("rate_limit_error 429")
    assert all("Ask an admin for more." in line and "2026-12-01" in line for line in said)
    assert api.seen == []
    calls = metered.ended_calls(2)
    assert [(one.measure, one.provider) for one in calls] == [("refused", "openai"), ("refused", "anthropic")]
    assert not any(one.allowed for one in metered.records(2))
    # Neither client has tried again.
    assert len(metered.calls) == 2
    metered.stand()
    assert metered.post("/v1/chat/completions", chat())[0] == 200


def test_lists_are_free_and_other_paths_are_on_record(metered: Metered, api: ModelApi) -> None:
    metered.stand(standing(SESSION, 100, is_spent=True))
    assert metered.ask_tls(api.port, "/v1/models", host=OPENAI)[0] == 200
    metered.stand()
    assert metered.post("/v1/files", {})[0] == 200
    assert [(one.measure, one.operation) for one in metered.ended_calls(1)] == [("unmetered", "other")]


def test_a_warning_is_a_header(metered: Metered) -> None:
    assert "X-Nbkeep-Budget" not in metered.post("/v1/chat/completions", chat())[1]
    metered.stand(standing(SESSION, 83))
    _, headers, _ = metered.post("/v1/chat/completions", chat())
    assert headers["X-Nbkeep-Budget"] == "83%; of=50.00 EUR; until=2026-12-01"


def test_errors_of_the_provider_are_no_usage(metered: Metered, api: ModelApi) -> None:
    api.says["gpt-x"] = lambda handler: handler.send_error(401)
    assert metered.post("/v1/chat/completions", chat())[0] == 401
    call = metered.ended_calls(1)[0]
    assert (call.measure, call.status, call.tokens_in, call.tokens_out) == ("failed", 401, 0, 0)


def test_what_is_compressed_all_the_same_is_unknown_and_not_zero(metered: Metered, api: ModelApi) -> None:
    api.says["gpt-x"] = lambda handler: handler.say(b"\x1f\x8b123", {"Content-Encoding": "gzip"})
    assert (
        metered.post("/v1/chat/completions", chat(), headers={"Accept-Encoding": "gzip"})[2] == b"\x1f\x8b123"
    )
    assert api.seen[0][1]["Accept-Encoding"] == "identity"
    call = metered.ended_calls(1)[0]
    assert (call.measure, call.reason[:26]) == ("unknown", "the answer came compressed")
    assert call.tokens_in > 10


def test_only_what_is_below_the_prefix_is_metered(metered: Metered, api: ModelApi) -> None:
    metered.providers = [Provider("lite", "openai", OPENAI, api.port, "/llm")]
    metered.stand()
    assert metered.post("/v1/chat/completions", chat())[0] == 200
    assert metered.post("/llm/v1/chat/completions", chat())[0] == 200
    assert metered.post("/llms/v1/chat/completions", chat())[0] == 200
    metered.records(3)
    assert [one.provider for one in metered.calls] == ["lite"]
