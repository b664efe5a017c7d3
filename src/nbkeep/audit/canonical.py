"""One spelling for one JSON value, after RFC 8785; only very small and very large floats differ from it."""

from __future__ import annotations

import json
import math
from typing import Any

# Beyond these, programs that read JSON numbers as doubles (RFC 7493) see another integer.
_INT_MAX = 2**53 - 1


def canonical(value: Any) -> str:
    """Return the canonical JSON text of a value; raise ValueError for what has none (NaN, huge integers).

    Keys are sorted by UTF-16 code units and nothing is between the tokens, as RFC 8785 says. Numbers:
    integers within 2^53, and floats in Python's shortest form, whole floats as integers, so that `1.0` and
    `1` are the same value and have the same spelling.

    >>> canonical({"b": [1, 2.0, None], "a": "é"})
    '{"a":"é","b":[1,2,null]}'
    """
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            value.encode()  # a lone surrogate has no UTF-8 form and could not be hashed later
            return value
        case int():
            if abs(value) > _INT_MAX:
                raise ValueError(f"{value} is beyond the integers that every JSON reader keeps")
            return value
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{value} has no JSON form")
            return int(value) if value.is_integer() and abs(value) <= _INT_MAX else value
        case dict():
            items: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
            if not all(isinstance(key, str) for key in items):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ValueError("JSON keys are strings")
            return {key: _plain(items[key]) for key in sorted(items, key=lambda key: key.encode("utf-16-be"))}
        case list() | tuple():
            return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            raise ValueError(f"{type(value).__name__} has no JSON form")
