"""Attack: end a call before its usage comes, so as not to be counted; or a server that never ends it."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import pytest

from egress_parts import SESSION, Authority, serving, wait_for
from model_parts import (
    ANTHROPIC,
    OPENAI,
    WORDS,
    Metered,
    ModelApi,
    chat_chunks,
    chat_usage,
    make_metered,
    message_events,
    sse,
)
from nbkeep.egress.model_calls import Call
from nbkeep.egress.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
ASKED = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": "Tell me " * 20}]}
GUESS = -(-len(json.dumps(ASKED)) // 4)


@pytest.fixture
def metered(tmp_path: Path) -> Generator[Metered]:
    authority = Authority.make(tmp_path)
    with serving(ModelApi(authority, OPENAI, ANTHROPIC)) as api:
        found = make_metered(tmp_path, authority, api)
        yield found
        api.released.set()
        found.end()


def _begin(metered: Metered, host: str, path: str) -> tuple[http.client.HTTPConnection, Any]:
    connection = http.client.HTTPConnection(host, metered.api.port)
    connection.sock = metered.session(host, metered.api.port)
    connection.request("POST", path, json.dumps(ASKED), {"Content-Type": "application/json"})
    return connection, connection.getresponse()


def _endless(metered: Metered, events: list[object]) -> None:
    """Have the server send so much, and go on with empty comments until the test ends."""

    def say(handler: Any) -> None:
        handler.stream(sse(*events), ended=False)
        while not metered.api.released.wait(0.05):
            handler.wfile.write(b"3\r\n:\n\n\r\n")
            handler.wfile.flush()

    metered.api.says["slow"] = say


CASES = {
    "chat": (OPENAI, "/v1/chat/completions", chat_chunks("slow", chat_usage())[:-2], GUESS),
    "messages": (ANTHROPIC, "/v1/messages", message_events("slow")[:-3], 175),
}


@pytest.mark.parametrize("name", CASES)
def test_a_program_that_hangs_up_is_counted_by_what_came(metered: Metered, name: str) -> None:
    host, path, events, tokens_in = CASES[name]
    _endless(metered, events)
    connection, answer = _begin(metered, host, path)
    got = b""
    while WORDS[-1].encode() not in got:
        got += answer.read1(65536)
    assert metered.calls == []
    answer.close()
    connection.close()
    call = metered.ended_calls(1)[0]
    assert (call.measure, call.model, call.streamed) == ("estimated", "slow", True)
    assert call.tokens_in == tokens_in
    assert call.tokens_out >= len(WORDS)


def test_a_program_that_hangs_up_at_once_is_on_record(metered: Metered) -> None:
    def silent(_: object) -> None:
        metered.api.released.wait(30)

    metered.api.says["slow"] = silent
    connection = http.client.HTTPConnection(OPENAI, metered.api.port)
    connection.sock = metered.session(OPENAI, metered.api.port)
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(ASKED), {"Content-Type": "application/json"}
    )
    wait_for(lambda: bool(metered.calls_kept.open_ones) and bool(metered.api.seen), "the call")
    assert metered.calls_kept.open_ones[0].measure == "unknown"
    connection.close()
    metered.api.released.set()
    call = metered.ended_calls(1)[0]
    assert call.measure == "unknown"
    assert call.tokens_in >= GUESS


def test_a_stream_without_an_end_is_counted_when_the_session_ends(metered: Metered) -> None:
    _endless(metered, CASES["chat"][2])
    connection, answer = _begin(metered, OPENAI, "/v1/chat/completions")
    got = b""
    while WORDS[-1].encode() not in got:
        got += answer.read1(65536)
    metered.call(metered.gateway.close, SESSION)
    call = metered.ended_calls(1)[0]
    assert (call.measure, call.tokens_out >= len(WORDS)) == ("estimated", True)
    connection.close()


def test_a_call_under_way_is_on_record_after_the_gateway_was_killed(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "model-calls.jsonl")
    call = Call("cal_1", SESSION, "2026-11-21T10:00:00+00:00", "openai", "chat")
    spool.opened(call)
    found = Spool(tmp_path / "model-calls.jsonl").batch()
    assert [(one["id"], one["measure"]) for one in found] == [("cal_1", "unknown")]
    assert found[0]["reason"].startswith("the gateway ended before")
