"""Opens and saves big notebooks cell by cell, so that no step holds all as objects or keeps others waiting.

A file in nbformat's layout has every cell on lines of its own. A raw line end is never inside a JSON string,
and each part is parsed by itself, so parts that all parse are together exactly what the whole file says; a
file in any other layout fails at a part and is read whole. The same holds for what browsers send.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

from nbkeep_runtime.server import notebooks
from nbkeep_runtime.server.trust import is_active, is_trusted, strip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    if frame is None or frame.get("nbformat") != 4 or "cells" in frame:  # the format's number
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


def _object(part: bytes | bytearray | memoryview) -> dict[str, Any] | None:
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


def _written(parts: list[tuple[dict[str, Any], bytes]], is_trusted: bool) -> Iterator[bytes | memoryview]:
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


_CELLS_KEY = b'"cells":['
_FRAME_BYTES = 1 << 20
_ENDS_TRIED = 64


class OtherLayout(ValueError):
    """What was sent is not laid out as browsers lay out JSON."""


@dataclass(frozen=True)
class Incoming:
    """A big notebook on its way into a file: all but its cells as objects, the cells as they were sent."""

    rest: dict[str, Any]
    body: bytearray
    start: int
    end: int
    between: bytes

    def write(self, trust: TrustStore, put: Callable[[bytes], object]) -> None:
        """Write it as `notebooks.write` does and remember its trust; raises `OtherLayout`, half written."""
        hasher = trust.hasher()
        trusted = True

        def cells() -> Iterator[dict[str, Any]]:
            nonlocal trusted
            for part in self._parts():
                cell = _object(part)
                if cell is None:
                    raise OtherLayout
                alone = {"cells": [cell]}
                notebooks.join_texts(alone)
                trusted = trusted and (is_trusted(cell) or not is_active(cell))
                strip(alone)
                hasher.add(cell)
                yield cell

        strip(self.rest)
        notebooks.write_cells(cells(), self.rest, put)
        if trusted:
            trust.sign_digest(hasher.digest())

    def _parts(self) -> Iterator[memoryview]:
        start = self.start
        with memoryview(self.body) as view:
            while start < self.end:
                found = self.body.find(self.between, start, self.end)
                stop = self.end if found < 0 else found + 1
                with view[start:stop] as part:
                    yield part
                start = stop + 1

    def whole(self) -> Any:
        """Return the notebook as objects."""
        return orjson.loads(self.body)["content"]


def incoming(body: bytearray) -> dict[str, Any] | None:
    """Return the model that a browser sends to save a notebook, its content `Incoming`, or None.

    The first key of the first cell tells where the others begin; texts that look the same make a part
    unreadable, which `Incoming.write` finds.
    """
    key = body.find(_CELLS_KEY + b'{"')
    start = key + len(_CELLS_KEY)
    quote = body.find(b'"', start + 2, start + 100)
    if key < 0 or quote < 0:
        return None
    mark = secrets.token_hex(8)
    end = len(body)
    for _ in range(_ENDS_TRIED):
        end = body.rfind(b"}]", start, end)
        if end < 0 or key + len(body) - end > _FRAME_BYTES:
            return None
        model = _object(body[:start] + f'"{mark}"'.encode() + body[end + 1 :])
        content: Any = model.get("content") if model is not None else None
        if model is None or not isinstance(content, dict):
            continue
        rest = cast("dict[str, Any]", content)
        if rest.pop("cells", None) != [mark]:
            continue
        if min(rest, default="d") < "cells" or model.get("type") != "notebook":
            return None
        return model | {"content": Incoming(rest, body, start, end + 1, b"}," + body[start : quote + 1])}
    return None
