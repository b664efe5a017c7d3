"""Opens a big notebook cell by cell: no step holds all of it as objects, or keeps other requests waiting.

A file in nbformat's layout has every cell on lines of its own. A raw line end is never inside a JSON string,
and each part is parsed by itself, so parts that all parse are together exactly what the whole file says; a
file in any other layout fails at a part and is read whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import orjson

from nbkeep_runtime.server import notebooks
from nbkeep_runtime.server.trust import is_active, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbkeep_runtime.server.trust import TrustStore

_HEAD = b'{\n "cells": [\n'
_FIRST = b"  {\n"
_BETWEEN = b"\n  },\n"
_LAST = b"\n  }\n ],\n"
_WRITE = orjson.OPT_NON_STR_KEYS


def opened(raw: bytes, trust: TrustStore) -> list[bytes | memoryview] | None:
    """Return the JSON of a notebook in memory form, marked by trust, in parts; None for another layout."""
    cells_end = raw.rfind(_LAST)
    if not raw.startswith(_HEAD + _FIRST) or cells_end < 0:
        return None
    frame = _object(b"{" + raw[cells_end + len(_LAST) :])
    if frame is None or frame.get("nbformat") != 4 or "cells" in frame:  # noqa: PLR2004  # the format's number
        return None
    strip(frame)
    hasher = trust.hasher()
    parts: list[tuple[dict[str, Any], bytes]] = []  # what the marks go into, and the rest as JSON
    for part in _cells(raw, cells_end + len(b"\n  }")):
        cell = _object(part)
        if cell is None:
            return None
        alone = {"cells": [cell]}
        notebooks.join_texts(alone)
        strip(alone)
        hasher.add(cell)
        parts.append(_apart(cell))
    is_trusted = trust.knows(hasher.digest())
    return [*_written(parts, is_trusted), b"]," + orjson.dumps(frame, option=_WRITE)[1:]]


def _cells(raw: bytes, end: int) -> Iterator[memoryview]:
    view = memoryview(raw)
    start = len(_HEAD)
    while start < end:
        found = raw.find(_BETWEEN, start, end)
        stop = end if found < 0 else found + len(b"\n  }")
        yield view[start:stop]
        start = stop + len(b",\n")


def _object(part: bytes | memoryview) -> dict[str, Any] | None:
    try:
        loaded: Any = orjson.loads(part)
    except orjson.JSONDecodeError:
        return None
    return cast("dict[str, Any]", loaded) if isinstance(loaded, dict) else None


def _apart(cell: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return ({metadata}, JSON of the rest); a code cell's marks are set when the whole notebook is known."""
    small: dict[str, Any] = {}
    if cell.get("cell_type") == "code":
        metadata = cell.setdefault("metadata", {})
        if isinstance(metadata, dict):
            metadata["trusted"] = not is_active(cell)
            small = {"metadata": cell.pop("metadata")}
    return small, orjson.dumps(cell, option=_WRITE)  # never empty where it was taken apart: it has a type


def _written(parts: list[tuple[dict[str, Any], bytes]], is_trusted: bool) -> Iterator[bytes | memoryview]:  # noqa: FBT001
    lead = b'{"cells":['
    for small, rest in parts:
        if small:
            small["metadata"]["trusted"] |= is_trusted
            yield lead + orjson.dumps(small, option=_WRITE)[:-1] + b","
            yield memoryview(rest)[1:]
        else:
            yield lead
            yield memoryview(rest)
        lead = b","
