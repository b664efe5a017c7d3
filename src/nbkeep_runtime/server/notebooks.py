"""Reads and writes notebook files fast: the same bytes as nbformat, without a copy of them per step.

`orjson` parses; writing goes line by line, because multi-line texts are lists of lines on disk. The schema
is not checked: JupyterLab checks what it opens, and a check costs seconds for a big notebook.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Notebook = dict[str, Any]
_PIECE = 1 << 20
_SPLIT_MIMES = {"application/javascript", "image/svg+xml"}  # as nbformat.v4.rwbase


class NotANotebook(ValueError):
    """The file is no notebook; the message says why, for its user."""


def parse(raw: bytes) -> Notebook:
    """Return the notebook in memory form (version 4, texts joined); raises `NotANotebook`."""
    try:
        loaded: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            loaded = json.loads(raw)  # also reads NaN, Infinity and lone surrogates, which old files hold
        except ValueError as error:
            raise NotANotebook(f"It is not valid JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise NotANotebook("It holds JSON, but no notebook.")
    notebook = cast("Notebook", loaded)
    if notebook.get("nbformat") != 4:  # the format's own number
        notebook = _converted(raw)
    if not isinstance(notebook.get("cells"), list):
        raise NotANotebook("It has no list of cells.")
    join_texts(notebook)
    return notebook


def _converted(raw: bytes) -> Notebook:
    """Read an old (or unknown) version with nbformat, which is imported for these few only."""
    import nbformat  # noqa: PLC0415

    try:
        return cast("Notebook", nbformat.reads(raw.decode(), as_version=4))  # pyright: ignore[reportUnknownMemberType]
    except Exception as error:  # nbformat raises many kinds for bad files
        raise NotANotebook(f"It cannot be read as a notebook: {error}") from error


def cells_of(notebook: Notebook) -> Iterator[dict[str, Any]]:
    """Give the cells that are objects; hand-made files hold other things too."""
    cells: Any = notebook.get("cells")
    if isinstance(cells, list):
        for cell in cast("list[Any]", cells):
            if isinstance(cell, dict):
                yield cast("dict[str, Any]", cell)


def outputs_of(cell: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give a cell's outputs that are objects."""
    outputs: Any = cell.get("outputs")
    if isinstance(outputs, list):
        for output in cast("list[Any]", outputs):
            if isinstance(output, dict):
                yield cast("dict[str, Any]", output)


def _texts(notebook: Notebook) -> Iterator[tuple[dict[str, Any], str]]:
    """Give (holder, key) of every value that is a list of lines on disk and one string in memory."""
    for cell in cells_of(notebook):
        yield cell, "source"
        attachments: Any = cell.get("attachments")
        if isinstance(attachments, dict):
            for bundle in cast("dict[str, Any]", attachments).values():
                yield from _bundle(bundle)
        for output in outputs_of(cell):
            if output.get("output_type") == "stream":
                yield output, "text"
            elif output.get("output_type") in {"execute_result", "display_data"}:
                yield from _bundle(output.get("data"))


def _bundle(bundle: Any) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(bundle, dict):
        data = cast("dict[str, Any]", bundle)
        for mime in data:
            if not _is_json(mime):
                yield data, mime


def _is_json(mime: str) -> bool:
    return mime == "application/json" or (mime.startswith("application/") and mime.endswith("+json"))


def _is_split(key: str) -> bool:
    """Tell whether a text lies on disk as a list of lines; pictures do not."""
    return "/" not in key or key.startswith("text/") or key in _SPLIT_MIMES


def join_texts(notebook: Notebook) -> None:
    """Turn lists of lines into strings, in place; harmless twice."""
    for holder, key in _texts(notebook):
        value = holder.get(key)
        if isinstance(value, list):
            lines = cast("list[Any]", value)
            if all(isinstance(line, str) for line in lines):
                holder[key] = "".join(lines)


def write(notebook: Notebook, put: Callable[[bytes], object]) -> None:
    """Write the notebook (memory form) as nbformat would: sorted, indented by one, lines apart."""
    _value(notebook, "\n", put, _split_texts(notebook))
    put(b"\n")


def write_cells(cells: Iterable[dict[str, Any]], rest: Notebook, put: Callable[[bytes], object]) -> None:
    """Write as `write` does, cell by cell. There must be a cell; keys of `rest` must sort after "cells"."""
    lead = b'{\n "cells": [\n  '
    for cell in cells:
        put(lead)
        _value(cell, "\n  ", put, _split_texts({"cells": [cell]}))
        lead = b",\n  "
    put(b"\n ]")
    for key in sorted(rest):
        put(b",\n " + _scalar(key) + b": ")
        _value(rest[key], "\n ", put, set())
    put(b"\n}\n")


def _split_texts(notebook: Notebook) -> set[tuple[int, str]]:
    return {
        (id(holder), key)
        for holder, key in _texts(notebook)
        if isinstance(holder.get(key), str) and _is_split(key)
    }


def _value(value: Any, newline: str, put: Callable[[bytes], object], split: set[tuple[int, str]]) -> None:
    inner = newline + " "
    if isinstance(value, dict) and value:
        mapping = cast("dict[str, Any]", value)
        lead = "{"
        for key in sorted(mapping):
            put(f"{lead}{inner}".encode() + _scalar(key) + b": ")
            if (id(mapping), key) in split:
                _lines(mapping[key], inner, put)
            else:
                _value(mapping[key], inner, put, split)
            lead = ","
        put(f"{newline}}}".encode())
    elif isinstance(value, list) and value:
        lead = "["
        for item in cast("list[Any]", value):
            put(f"{lead}{inner}".encode())
            _value(item, inner, put, split)
            lead = ","
        put(f"{newline}]".encode())
    else:
        put(_scalar(cast("object", value)))


def _scalar(value: object) -> bytes:
    """Return JSON of a leaf (or an empty container), as `json` writes it."""
    if isinstance(value, str):
        try:
            return orjson.dumps(value)
        except orjson.JSONEncodeError:  # a lone surrogate
            return json.dumps(value).encode()
    return json.dumps(value, ensure_ascii=False).encode()


def _lines(text: str, newline: str, put: Callable[[bytes], object]) -> None:
    if not text:
        put(b"[]")
        return
    between = f",{newline} ".encode()
    put(f"[{newline} ".encode())
    start = 0
    while start < len(text):  # piece by piece, so that a huge text is never held twice
        end = text.find("\n", start + _PIECE)
        end = len(text) if end < 0 else end + 1
        lines = _listed(text[start:end], between)
        put(lines if start == 0 else between + lines)
        start = end
    put(f"{newline}]".encode())


def _listed(piece: str, between: bytes) -> bytes:
    """Return a text's lines as JSON strings with `between` between them."""
    written = _scalar(piece)
    if not any(mark in written for mark in _UNUSUAL):
        # Only plain line ends: they are where the escape for one stands, which is quick to find.
        listed = written.replace(b"\\n", b'\\n"' + between + b'"')
        return listed[: -len(between) - 2] if piece.endswith("\n") else listed
    return between.join(map(_scalar, piece.splitlines(keepends=True)))


# In JSON: an escaped backslash, and all else that `str.splitlines` ends a line at.
_UNUSUAL = (b"\\\\", b"\\r", b"\\f", b"\\u", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
