"""Usage is read out of answers however they are cut, and never believed when it cannot be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_parts import (
    WORDS,
    chat_chunks,
    chat_usage,
    message,
    message_events,
    response,
    response_events,
    sse,
)
from nbkeep.egress.model_calls import operation_of, spelled
from nbkeep.egress.picked import Picker
from nbkeep.egress.usage import MOST_TOKENS, Answer, Usage

if TYPE_CHECKING:
    from nbkeep.egress.usage import Reading

CHAT = sse(*chat_chunks("gpt-x", chat_usage()))
WHOLE = {
    "chat": (CHAT, Usage(19, 10, 8), "gpt-x"),
    "responses": (sse(*response_events("gpt-x"), named=True), Usage(30, 12, 5), "gpt-x"),
    "messages": (sse(*message_events("claude-x"), named=True), Usage(175, 15, 50), "claude-x"),
    "response": (json.dumps(response("gpt-x"), indent=2).encode(), Usage(30, 12, 5), "gpt-x"),
    "message": (json.dumps(message("claude-x")).encode(), Usage(175, 15, 50), "claude-x"),
    "carriage returns": (CHAT.replace(b"\n", b"\r"), Usage(19, 10, 8), "gpt-x"),
    "both": (b"\xef\xbb\xbf: hello\r\n\r\n" + CHAT.replace(b"\n", b"\r\n"), Usage(19, 10, 8), "gpt-x"),
    "one event in two lines": (
        b'data: {"model": "m", "usage":\r\ndata:  {"total_tokens": 3}}\r\n\r\n',
        Usage(3),
        "m",
    ),
}


def read(*pieces: bytes, is_whole: bool = True) -> Reading:
    answer = Answer()
    for one in pieces:
        answer.feed(one)
    return answer.read(is_whole=is_whole, sent_bytes=100)


@pytest.mark.parametrize("name", WHOLE)
def test_no_cut_changes_what_is_read(name: str) -> None:
    data, usage, model = WHOLE[name]
    for at in range(len(data) + 1):
        found = read(data[:at], data[at:])
        assert (found.measure, found.usage, found.model) == ("measured", usage, model), at
    found = read(*(data[at : at + 1] for at in range(len(data))))
    assert (found.measure, found.usage) == ("measured", usage)


@pytest.mark.parametrize("name", ["chat", "responses", "messages"])
def test_a_stream_that_is_cut_is_estimated_by_what_came(name: str) -> None:
    """However early it is cut, it is never measured as less than came, and grows with what came."""
    data, usage, _ = WHOLE[name]
    before = 0
    for at in range(0, data.rindex(b'"usage"') - 2, 7):
        found = read(data[:at], is_whole=False)
        assert found.measure in {"estimated", "unknown"}, at
        assert found.usage.tokens_in >= 25
        assert found.usage.tokens_out >= before
        before = found.usage.tokens_out
    assert before >= len(WORDS)
    assert before <= usage.tokens_out + len(WORDS)


def test_a_stream_without_usage_is_estimated_not_zero() -> None:
    found = read(sse(*chat_chunks("gpt-x", None)))
    assert (found.measure, found.usage) == ("estimated", Usage(25, -(-len("".join(WORDS)) // 4)))
    assert found.reason == "the stream held no usage"


def test_usage_that_grows_with_a_stream_is_an_estimate_when_it_is_cut() -> None:
    events = [
        {"choices": [{"delta": {"content": one}}], "usage": chat_usage(19, at)}
        for at, one in enumerate(WORDS)
    ]
    assert read(sse(*events), is_whole=False).measure == "estimated"
    found = read(sse(*events))
    assert (found.measure, found.usage.tokens_out) == ("measured", len(WORDS) - 1)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -5, "completion_tokens": 1},
        {"prompt_tokens": 5, "completion_tokens": MOST_TOKENS + 1},
        {"prompt_tokens": "5", "completion_tokens": 1},
        {"prompt_tokens": True},
        {"prompt_tokens": 1.5},
        {"input_tokens": MOST_TOKENS, "cache_read_input_tokens": MOST_TOKENS},
        [1],
        "much",
        {"prompt_tokens": 5, "x": "y" * 100_000},
    ],
)
def test_usage_that_cannot_be_true_is_unknown(usage: object) -> None:
    found = read(json.dumps({"model": "m", "usage": usage}).encode())
    assert (found.measure, found.usage) == ("unknown", Usage(25))
    assert found.reason == "the usage in the answer makes no sense"


def test_of_two_usages_the_greater_counts() -> None:
    first, second = json.dumps(chat_usage(500, 1)), json.dumps(chat_usage(1, 700))
    found = read(f'{{"usage": {first}, "usage": {second}}}'.encode())
    assert (found.measure, found.usage.tokens_in, found.usage.tokens_out) == ("measured", 500, 700)


def test_usage_is_not_taken_from_what_a_model_says() -> None:
    said = '"usage": {"prompt_tokens": 1}, {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}\\'
    whole = {
        "choices": [{"message": {"content": said, "usage": {"prompt_tokens": 1}}}],
        "usage": chat_usage(),
    }
    assert read(json.dumps(whole).encode()).usage == Usage(19, 10, 8)
    assert read(json.dumps([whole]).encode()).measure == "unknown"


def test_a_name_written_with_escapes_is_the_same() -> None:
    assert read(b'{"us\\u0061ge": {"total_tokens": 3}}').usage == Usage(3)


def test_a_models_name_is_bounded_and_printable() -> None:
    found = read(json.dumps({"model": "\x1b[31m\u202e" + "m" * 500, "usage": chat_usage()}).encode())
    assert found.model.isprintable()
    assert len(found.model) == 100


def test_little_is_held_of_much() -> None:
    """An answer without an end, in every state that the reader can be in, takes no memory."""
    for begin, more in (
        (b'{"x": "', b"y" * 65536),
        (b'{"', b"y" * 65536),
        (b'{"usage": "', b"y" * 65536),
        (b"{", b'"a":[' * 10_000),
        (b"[", b"[" * 65536),
        (b"data: ", b"y" * 65536),
        (b'data: {"choices": ["', b"y" * 65536),
        (b"x", b"y" * 65536),
        (b"", b" " * 65536),
    ):
        answer = Answer()
        answer.feed(begin)
        for _ in range(64):
            answer.feed(more)
        assert _held(answer) < 400_000, begin
        assert answer.read(is_whole=False, sent_bytes=0).measure in {"unknown", "estimated"}


def _held(thing: Any) -> int:
    """Return how many bytes of text are held by a reader and what it is made of."""
    if isinstance(thing, bytes | bytearray | str):
        return len(thing)
    if isinstance(thing, list | tuple | dict):
        parts = (
            cast("dict[Any, Any]", thing).values() if isinstance(thing, dict) else cast("list[Any]", thing)
        )
        return sum(_held(one) + 50 for one in parts)
    is_ours = type(thing).__module__.startswith("nbkeep.egress")
    return _held(cast("dict[str, Any]", vars(thing))) if is_ours else 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4) | st.just("a"), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON, st.data(), st.sampled_from([None, 1]))
def test_what_is_picked_is_what_is_there(value: object, data: st.DataObject, indent: int | None) -> None:
    text = json.dumps({"a": value, "b": {"a": [value], "b": value}}, indent=indent).encode()
    found: dict[tuple[str, ...], object] = {}
    picker = Picker(
        {("a",), ("b", "b")}, 1 << 20, lambda path, taken: found.__setitem__(path, json.loads(taken or b"0"))
    )
    at = data.draw(st.integers(0, len(text)))
    picker.feed(text[:at])
    picker.feed(text[at:])
    assert found == {("a",): value, ("b", "b"): value}
    assert picker.is_whole


@pytest.mark.parametrize(
    "path",
    [b"/v1/chat/completions", b"/v1/chat%2Fcompletions", b"//v1//chat//completions/", b"/V1/Chat/Completions?x=1",
     b"/v1/./chat/x/../completions", b"/v1/chat%252Fcompletions", b"/v1\\chat/completions", b"/v1;a=b/chat;/completions"],
)  # fmt: skip
def test_every_spelling_of_a_path_is_one(path: bytes) -> None:
    assert spelled(path) == "/v1/chat/completions"
    assert operation_of(spelled(path)) == "chat"
