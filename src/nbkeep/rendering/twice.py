"""Keys that stand twice in an object of JSON: of these readers take one, and nobody sees the others."""

from __future__ import annotations

import json
from typing import Any


def every_key(text: str) -> tuple[str, int]:
    """Return a text of JSON with a name of its own for each key that stands twice, and how many there were.

    The last keeps its name, as Jupyter takes that one. The text itself where there is none. Raises
    `ValueError` and `RecursionError` for what is no JSON.
    """
    count = 0

    def named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal count
        made: dict[str, Any] = dict(pairs)
        if len(made) == len(pairs):
            return made
        last = {key: at for at, (key, _) in enumerate(pairs)}
        made = {}
        for at, (key, value) in enumerate(pairs):
            name = key
            if last[key] != at:
                count += 1
                name = f"{key} (written before, {at + 1})"
                while name in last:
                    name += " "
            made[name] = value
        return made

    found: Any = json.loads(text, object_pairs_hook=named)
    return (json.dumps(found, indent=1, ensure_ascii=False), count) if count else (text, 0)
