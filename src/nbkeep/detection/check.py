"""Tries a file of rules before it holds: in a child in a jail, as it may be hostile, or only careless.

A pattern may take gigabytes, an example may never end, and a file of two thousand rules may be so slow that
no document is examined in time any more. None of these gets further than here.
"""

from __future__ import annotations

import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbkeep.model.errors import Refused, Unavailable, invalid
from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.rendering import jail
from nbkeep.rendering.job import read_out
from nbkeep.scanning.ownrules import MOST_BYTES, MOST_RULES

from .values import Checked, FoundWords, RuleWords

TIMEOUT_S = 20.0
MOST_SAMPLE_CHARS = 1 << 20
_MOST_RESULT = 8 << 20
_MOST_FOUND = 1_000
_LONGEST = 2_000


@lru_cache(maxsize=4)
def checked(text: str) -> Checked:
    """Return what is in a file of rules. Takes a second, and half a minute for a hostile one.

    Twice is cheap for what is good: to be called before a transaction begins, and again within it. Raises
    `Invalid` with the rule, its line and what to do, and `Unavailable` where there is no jail.
    """
    if not text.strip():
        raise invalid("rules", "The file is empty.", "Write rules; to take them away, unset them.")
    return _ran(text, "", "")


def tried(text: str, sample: str, name: str = "sample.txt") -> Checked:
    """Return what the built-in rules and these ("" for none) find in a sample, as if it were a file `name`.

    Nothing of it is kept. Raises as `checked` does.
    """
    if len(sample) > MOST_SAMPLE_CHARS:
        raise invalid(
            "sample", "The sample has more than 1 MiB.", "Try a part of it, or `nbkeep scan --rules`."
        )
    return _ran(text, sample, name)


def _ran(text: str, sample: str, name: str) -> Checked:
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise invalid("rules", "The file is not UTF-8.", "Save it as UTF-8.") from error
    if size_bytes > MOST_BYTES:
        raise invalid("rules", f"The file has more than {MOST_BYTES >> 20} MiB.", "Split or shorten it.")
    with tempfile.TemporaryDirectory(prefix="nbkeep-rules-") as folder:
        source, out = Path(folder) / "source", Path(folder) / "out"
        out.mkdir()
        source.write_text(json.dumps({"rules": text, "sample": sample, "name": name}), encoding="utf-8")
        ended = jail.run("nbkeep.detection", [], source, out, said=b"", timeout_s=TIMEOUT_S)
        if ended.problem:
            raise Unavailable("no-jail", f"The rules were not tried. {ended.problem}")
        if ended.status is None:
            raise invalid(
                "rules",
                f"The file was not read within {TIMEOUT_S:.0f} seconds.",
                "Leave out examples with thousands of characters, and patterns that repeat a lot.",
            )
        try:  # where it failed there is no result, or none that is whole
            return _answer(json.loads(read_out(out / "result.json", _MOST_RESULT)))
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise invalid(
                "rules",
                "The file made the program that reads it fail.",
                "Leave out what is unusual in it: patterns that repeat a lot, large numbers.",
            ) from error


def _answer(told: Any) -> Checked:
    """Return what a child said; raises `Invalid` for what it refused, ValueError for what is no answer."""
    if not is_object(told):
        raise ValueError("no answer")
    if told["problem"]:
        raise Refused("invalid-rules", _text(told["problem"]), _text(told["remedy"]), status=400)
    rules = [
        RuleWords(
            **_texts(one, "id", "title", "kind", "severity"), ignores_names=one["ignores_names"] is True
        )
        for one in _few(told["rules"], MOST_RULES)
    ]
    found = [
        FoundWords(
            **_texts(one, "rule", "title", "kind", "severity", "masked"),
            line=int(one["line"]),
            is_own=one["is_own"] is True,
        )
        for one in _few(told["found"], _MOST_FOUND)
    ]
    return Checked(tuple(rules), tuple(found), tuple(_text(one) for one in _few(told["unread"], _MOST_FOUND)))


def _few(value: Any, most: int) -> list[Any]:
    if not is_list(value) or len(value) > most:
        raise ValueError("no list, or too long")
    return value


def _texts(value: Any, *keys: str) -> dict[str, str]:
    if not is_object(value):
        raise ValueError("no object")
    return {key: _text(value[key]) for key in keys}


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise ValueError("no text, or too long")
    return value if value.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in value)
