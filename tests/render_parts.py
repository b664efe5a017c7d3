"""Notebooks to make something of, and short ways to do so."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from nbkeep.rendering import book, jail, page, rebuild, script, slides
from nbkeep.rendering.interface import Keep
from nbkeep.rendering.notes import Notes

needs_a_jail = pytest.mark.skipif(
    jail.find() is None, reason="no bubblewrap here: install it with `make system`"
)


def png(*, comment: str = "", size: tuple[int, int] = (4, 3), colour: str = "red") -> bytes:
    info = PngImagePlugin.PngInfo()
    if comment:
        info.add_text("Comment", comment)
    made = io.BytesIO()
    Image.new("RGB", size, colour).save(made, "PNG", pnginfo=info)
    return made.getvalue()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def code(source: str, *outputs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "id": "x", "metadata": metadata, "execution_count": 1, "source": source,
            "outputs": list(outputs)}  # fmt: skip


def text(source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "x", "metadata": {}, "source": source, **more}


def shown(**data: Any) -> dict[str, Any]:
    """An output; `text_html` stands for text/html."""
    return {"output_type": "display_data", "metadata": {},
            "data": {key.replace("_", "/", 1).replace("_xml", "+xml"): value for key, value in data.items()}}  # fmt: skip


def stream(written: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": written}


def notebook(*cells: dict[str, Any], **metadata: Any) -> bytes:
    return json.dumps(
        {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    ).encode()


def made(data: bytes, keep: Keep | None = None) -> tuple[book.Book, list[str]]:
    """Return the notebook made anew, and what was left out."""
    notes = Notes()
    found = rebuild.rebuild(data, keep or Keep(), notes)
    return found, notes.sentences()


def as_html(data: bytes, keep: Keep | None = None) -> str:
    return page.of_book(made(data, keep)[0], "a.ipynb", Notes()).decode()


def in_every_form(data: bytes, keep: Keep | None = None) -> dict[str, bytes]:
    """Return all that can be made of a notebook without a browser."""
    found, _ = made(data, keep)
    return {
        "ipynb": book.as_json(found),
        "html": page.of_book(found, "a.ipynb", Notes()),
        "slides": slides.of_book(found, "a.ipynb", Notes()),
        "script": script.of_book(found),
    }
