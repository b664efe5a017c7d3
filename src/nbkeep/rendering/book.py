"""A notebook as it leaves: nothing but what was put into these values, and its bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

SLIDES = frozenset({"slide", "subslide", "fragment", "skip", "notes", "-"})
"""What Jupyter lets people say of a cell's place in a show."""
_KERNELS = {"python": ("python3", "Python 3"), "r": ("ir", "R")}


class NotMade(Exception):
    """A document that cannot be made anew; the reason as the end of "The document …"."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output: `kind` is "stream", "error" or "data".

    `name`: of the stream, or of the exception. `mime`: of data. `text`: clean; base64 for png and jpeg.
    `width`, `height`: in CSS pixels, 0 where nothing was said.
    """

    kind: str
    text: str
    name: str = ""
    value: str = ""
    mime: str = ""
    is_result: bool = False
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `kind`: "code", "markdown" or "raw". `attachments`: name -> (mime, base64)."""

    kind: str
    source: str
    outputs: tuple[Output, ...] = ()
    count: int | None = None
    attachments: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    slide: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Book:
    """A notebook that was made anew by `rebuild`. `language`: of its code, in lower case; "" if unknown."""

    cells: tuple[Cell, ...]
    language: str = "python"


def as_json(book: Book) -> bytes:
    """Return a notebook of format 4.5: the same bytes for the same book."""
    metadata: dict[str, Any] = {}
    if book.language:
        metadata["language_info"] = {"name": book.language}
    if book.language in _KERNELS:
        name, title = _KERNELS[book.language]
        metadata["kernelspec"] = {"display_name": title, "language": book.language, "name": name}
    made = {
        "cells": [_cell(cell, at) for at, cell in enumerate(book.cells, 1)],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _cell(cell: Cell, number: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if cell.slide:
        metadata["slideshow"] = {"slide_type": cell.slide}
    if cell.tags:
        metadata["tags"] = list(cell.tags)
    made: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": f"cell-{number}",  # its own might tell something, and need not be unique
        "metadata": metadata,
        "source": cell.source.splitlines(keepends=True),
    }
    if cell.kind == "code":
        made["execution_count"] = cell.count
        made["outputs"] = [_output(one, cell.count) for one in cell.outputs]
    elif cell.attachments:
        made["attachments"] = {name: {mime: data} for name, (mime, data) in cell.attachments.items()}
    return made


def _output(one: Output, count: int | None) -> dict[str, Any]:
    if one.kind == "stream":
        return {"output_type": "stream", "name": one.name, "text": one.text.splitlines(keepends=True)}
    if one.kind == "error":
        return {"output_type": "error", "ename": one.name, "evalue": one.value,
                "traceback": one.text.split("\n")}  # fmt: skip
    size = {key: value for key, value in (("width", one.width), ("height", one.height)) if value}
    shown: Any = one.text if one.mime.startswith("image/") else one.text.splitlines(keepends=True)
    if one.mime == "application/json":
        shown = json.loads(one.text)
    made: dict[str, Any] = {"data": {one.mime: shown}, "metadata": {one.mime: size} if size else {}}
    if one.is_result:
        return {**made, "output_type": "execute_result", "execution_count": count}
    return {**made, "output_type": "display_data"}
