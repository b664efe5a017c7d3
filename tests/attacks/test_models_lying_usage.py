"""Attack: a server that tells of usage that cannot be, or of two, so that calls cost nothing or break the books."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from egress_parts import Authority, serving
from model_parts import ANTHROPIC, OPENAI, Metered, ModelApi, chat_chunks, chat_usage, make_metered, sse
from nbkeep.egress.usage import MOST_TOKENS
from nbkeep.inference.calls import take_calls
from office_parts import OfficeForTests, office

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["office"]
pytestmark = pytest.mark.attack
ASKED = {"model": "lies", "messages": [{"role": "user", "content": "Tell me"}]}
LIES: list[object] = [-1, 10**30, MOST_TOKENS + 1, "7", 7.5, True, [7], {"of": 7}]


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Generator[Metered]:
    folder: Path = tmp_path_factory.mktemp("metered")
    authority = Authority.make(folder)
    with serving(ModelApi(authority, OPENAI, ANTHROPIC)) as api:
        found = make_metered(folder, authority, api)
        yield found
        found.end()


def _told(metered: Metered, body: bytes, *, streamed: bool) -> Any:
    count = len(metered.calls)
    metered.api.says["lies"] = lambda handler: handler.stream(body) if streamed else handler.say(body)
    # The person gets what the server said, whatever it is.
    assert metered.post("/v1/chat/completions", ASKED)[2] == body
    return metered.ended_calls(count + 1)[count]


@pytest.mark.parametrize("lie", LIES, ids=str)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_cannot_be_is_unknown_and_never_nothing(
    metered: Metered, lie: object, *, streamed: bool
) -> None:
    for name in ("prompt_tokens", "completion_tokens"):
        usage = chat_usage() | {name: lie}
        body = sse(*chat_chunks("lies", usage)) if streamed else json.dumps({"usage": usage}).encode()
        call = _told(metered, body, streamed=streamed)
        assert (call.measure, call.reason) == ("unknown", "the usage in the answer makes no sense")
        assert call.tokens_in == -(-len(json.dumps(ASKED)) // 4)


def test_of_several_usages_the_most_counts(metered: Metered) -> None:
    first, *others = chat_chunks("lies", chat_usage(900, 50))
    zero: list[object] = [{"model": "lies", "choices": [], "usage": chat_usage(0, 0, 0)}]
    for events in ([*zero, first, *others], [first, *others[:-1], *zero, "[DONE]"]):
        call = _told(metered, sse(*events), streamed=True)
        assert (call.measure, call.tokens_in, call.tokens_out) == ("measured", 900, 50)


def test_a_model_cannot_name_itself_into_records(metered: Metered) -> None:
    name = "gpt\x1b[2J\r\nX-Header: 1\u202e" + "x" * 10_000
    call = _told(metered, json.dumps({"model": name, "usage": chat_usage()}).encode(), streamed=False)
    assert call.model.isprintable()
    assert len(call.model) <= 100


def test_the_office_believes_no_gateway_that_says_so(office: OfficeForTests) -> None:
    session = office.ready(office.user())
    sound = {
        "id": "cal_1", "session_id": session, "at": office.clock.now().isoformat(), "provider": "openai",
        "operation": "chat", "model": "m", "streamed": False, "status": 200, "measure": "measured", "tokens_in": 1,
        "tokens_out": 1, "tokens_cached": 0, "reason": "", "duration_s": 1.0,
    }  # fmt: skip
    wrong: list[tuple[str, object]] = [("tokens_in", lie) for lie in LIES]
    wrong += [("measure", "free"), ("at", "now"), ("at", None), ("id", "a b"), ("session_id", "ses_0"),
              ("provider", "../x"), ("operation", "CHAT"), ("tokens_out", None)]  # fmt: skip
    with office.store.write() as tx:
        taken = take_calls(tx, office.clock, "EUR", [sound | {name: lie} for name, lie in wrong])
        assert (taken.accepted, len(taken.refused)) == (0, len(wrong))
        odd = {
            "model": "\x00\ud800",
            "reason": 7,
            "duration_s": float("nan"),
            "status": 10**7,
            "streamed": "yes",
        }
        assert take_calls(tx, office.clock, "EUR", [sound | odd]).accepted == 1
