"""Token counts, read out of the answers of model APIs as they pass. Pure; only a bounded part is held.

Answers are read by their shape, not by the address that was asked: whatever a call's path looks like, what it
used is in its answer. Understood are the shapes of OpenAI (chat completions, completions, responses,
embeddings) and of Anthropic (messages), whole or as a stream of events (WHATWG HTML, 9.2).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from .picked import Picker

if TYPE_CHECKING:
    from collections.abc import Callable

    from .picked import Path

# measured: the provider told. estimated: counted from what passed. unknown: the answer told nothing that
# could be counted. unmetered: no call of a model that is known. failed: an error came. refused: not sent.
Measure = Literal["measured", "estimated", "unknown", "unmetered", "failed", "refused"]
MOST_TOKENS = 100_000_000  # of one call; whoever tells more is not believed
LONGEST_MODEL = 100
BYTES_PER_TOKEN = 4  # of text, as a rule of thumb
_MOST_BYTES = 64 << 10  # of one value
_LINE_END = re.compile(rb"[\r\n]")
_BOM = b"\xef\xbb\xbf"
_FIELD = b"data:"
_DONE = b"[DONE]"
_HEAD_BYTES = 16
_BEGUN: Path = ("message", "usage")
_USAGES: tuple[Path, ...] = (("usage",), ("response", "usage"), _BEGUN)
_MODELS: tuple[Path, ...] = (("model",), ("response", "model"), ("message", "model"))
_WHOLE = frozenset({*_USAGES, *_MODELS})
_EVENT = frozenset({*_WHOLE, ("type",), ("choices",), ("delta",)})
_LAST = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed"})
_NO_TEXT = frozenset({"role", "type", "id", "name", "index", "finish_reason", "stop_reason", "signature",
                      "logprobs"})  # fmt: skip


@dataclass(frozen=True)
class Usage:
    """Tokens of one call. `tokens_in` is all of the input, `tokens_cached` what of it came from a cache."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0


@dataclass(frozen=True)
class Reading:
    """What an answer told. `reason`: why it is not measured; `model`: the provider's name of it, or ""."""

    measure: Measure
    usage: Usage
    model: str = ""
    reason: str = ""


class _NonsenseError(Exception):
    pass


class Answer:
    """One answer as it comes in."""

    def __init__(self) -> None:
        self._form: _Events | Picker | None = None
        self._values: dict[Path, bytes | None] = {}
        self._head = b""
        self._usage: Usage | None = None
        self._is_nonsense = self._is_last_seen = self._is_complete = False
        self._pieces = self._letters = 0
        self.model = ""

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of events."""
        return isinstance(self._form, _Events)

    def feed(self, data: bytes) -> None:
        """Read on."""
        if self._form is None:
            self._head += data
            begun = self._head.removeprefix(_BOM).lstrip()
            if not begun or (len(self._head) < len(_BOM) and _BOM.startswith(self._head)):
                self._head = self._head[:_HEAD_BYTES]
                return
            is_json = begun[:1] in {b"{", b"["}
            self._form = (
                Picker(_WHOLE, _MOST_BYTES, self._take) if is_json else _Events(self._take, self._end_event)
            )
            data, self._head = begun, b""
        self._form.feed(data)

    def read(self, *, is_whole: bool, sent_bytes: int) -> Reading:
        """Return what it told. `is_whole`: it came to its end; `sent_bytes`: how long the request was."""
        guess = -(-sent_bytes // BYTES_PER_TOKEN)
        counted = max(self._pieces, -(-self._letters // BYTES_PER_TOKEN))
        if self._is_nonsense:
            return self._unknown(guess, "the usage in the answer makes no sense")
        is_whole = is_whole or self._is_last_seen or (isinstance(self._form, Picker) and self._form.is_whole)
        if self._usage is not None and is_whole and (self._is_complete or self._is_last_seen):
            return Reading("measured", self._usage, self.model)
        if self._usage is not None:
            usage = _most(self._usage, Usage(0, counted))
            return Reading("estimated", usage, self.model, "the answer was cut before its usage was complete")
        if self._pieces:
            reason = "the stream held no usage" if is_whole else "the answer was cut before its usage came"
            return Reading("estimated", _bounded(guess, counted), self.model, reason)
        reason = "the answer held no usage" if is_whole else "the answer was cut before its usage came"
        return self._unknown(guess, reason)

    def _unknown(self, guess: int, reason: str) -> Reading:
        return Reading("unknown", _bounded(guess, 0), self.model, reason)

    def _take(self, path: Path, value: bytes | None) -> None:
        if path in _USAGES:
            self._take_usage(value)
            # Anthropic begins a stream with the input's usage, and tells the output's at its end.
            self._is_complete = self._is_complete or path != _BEGUN
        elif path in _MODELS:
            name = _parsed(value)
            if isinstance(name, str) and name and not self.model:
                self.model = printable_name(name)
        else:
            self._values[path] = value

    def _take_usage(self, value: bytes | None) -> None:
        told = _parsed(value)
        if value is not None and told is None and value.strip() == b"null":
            return
        try:
            found = usage_of(told)
        except _NonsenseError:
            self._is_nonsense = True
            return
        if found is not None:
            self._usage = found if self._usage is None else _most(self._usage, found)

    def _end_event(self, head: bytes) -> None:
        """Note the end of an event of the stream, of whose data this is the beginning."""
        values, self._values = self._values, {}
        if head.strip() == _DONE:
            self._is_last_seen = True
            return
        kind = _parsed(values.get(("type",)))
        if kind in _LAST:
            self._is_last_seen = True
        texts = values.get(("choices",), b"")
        if isinstance(kind, str) and kind.endswith("delta") and kind != "message_delta":
            texts = values.get(("delta",), b"")
        letters = _MOST_BYTES if texts is None else _letters(_parsed(texts))
        if letters:
            self._pieces += 1
            self._letters += letters


class _Events:
    """Takes a stream apart into the data of its events."""

    def __init__(
        self, take: Callable[[Path, bytes | None], None], end_event: Callable[[bytes], None]
    ) -> None:
        self._take, self._end_event = take, end_event
        self._line = b""  # the beginning of a line whose field is not known yet
        self._is_data: bool | None = None
        self._is_after_cr = False
        self._begin()

    def _begin(self) -> None:
        self._picker = Picker(_EVENT, _MOST_BYTES, self._take)
        self._head = b""
        self._has_data = False

    def feed(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            match = _LINE_END.search(data, at)
            end = match.start() if match else len(data)
            if end > at:
                self._is_after_cr = False
                self._text(data[at:end])
            at = end
            if match:
                at += 1
                if match[0] == b"\n" and self._is_after_cr:
                    self._is_after_cr = False
                    continue
                self._is_after_cr = match[0] == b"\r"
                self._end_line()

    def _text(self, text: bytes) -> None:
        if self._is_data is None:
            self._line += text[: len(_FIELD)]
            if len(self._line) < len(_FIELD) and _FIELD.startswith(self._line):
                return
            kept = min(len(text), len(_FIELD))
            self._is_data = self._line.startswith(_FIELD)
            if self._is_data:
                text = self._line[len(_FIELD) :] + text[kept:]
        if self._is_data:
            self._has_data = True
            self._head = (self._head + text[:_HEAD_BYTES])[:_HEAD_BYTES]
            self._picker.feed(text)

    def _end_line(self) -> None:
        is_blank = not self._line and self._is_data is None
        if self._is_data:
            self._picker.feed(b"\n")
        self._line, self._is_data = b"", None
        if is_blank and self._has_data:
            self._end_event(self._head)
            self._begin()


def usage_of(told: object) -> Usage | None:
    """Return the counts of a `usage`, None where it has none; raises an error for what cannot be true."""
    if not isinstance(told, dict):
        raise _NonsenseError
    found = cast("dict[str, Any]", told)
    if "prompt_tokens" in found or "completion_tokens" in found:
        tokens_in, tokens_out = _count(found, "prompt_tokens"), _count(found, "completion_tokens")
        cached = _count(_inner(found, "prompt_tokens_details"), "cached_tokens")
    elif "input_tokens" in found or "output_tokens" in found:
        read = _count(found, "cache_read_input_tokens")
        # Anthropic counts what a cache gave, or took, beside the input; OpenAI inside of it.
        tokens_in = _count(found, "input_tokens") + _count(found, "cache_creation_input_tokens") + read
        tokens_out = _count(found, "output_tokens")
        cached = read or _count(_inner(found, "input_tokens_details"), "cached_tokens")
    elif "total_tokens" in found:
        tokens_in, tokens_out, cached = _count(found, "total_tokens"), 0, 0
    else:
        return None
    if max(tokens_in, tokens_out) > MOST_TOKENS:
        raise _NonsenseError
    return Usage(tokens_in, tokens_out, min(cached, tokens_in))


def printable_name(name: str) -> str:
    """Return a name that a server or program wrote, fit for records."""
    return "".join(one if one.isprintable() else "?" for one in name[:LONGEST_MODEL])


def _inner(found: dict[str, Any], name: str) -> dict[str, Any]:
    inner = found.get(name)
    return cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}


def _count(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_TOKENS:
        raise _NonsenseError
    return value


def _most(one: Usage, other: Usage) -> Usage:
    return Usage(
        max(one.tokens_in, other.tokens_in),
        max(one.tokens_out, other.tokens_out),
        max(one.tokens_cached, other.tokens_cached),
    )


def _bounded(tokens_in: int, tokens_out: int) -> Usage:
    return Usage(min(tokens_in, MOST_TOKENS), min(tokens_out, MOST_TOKENS))


def _parsed(value: bytes | None) -> object:
    if not value:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _letters(value: object) -> int:
    """Return how many letters of text are in a piece of an answer."""
    count, left = 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            count += len(one)
        elif isinstance(one, list):
            left += cast("list[object]", one)
        elif isinstance(one, dict):
            left += [inner for key, inner in cast("dict[str, object]", one).items() if key not in _NO_TEXT]
    return count
