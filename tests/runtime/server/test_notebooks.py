"""Notebook files are read and written as nbformat does, byte for byte, in bounded memory."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import io
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep_runtime.server import notebooks
from nbkeep_runtime.server.trust import TrustStore


def as_nbformat(notebook: dict) -> str:
    node = nbformat.from_dict(notebook)
    return nbformat.v4.writes(node) + "\n"


def written(notebook: dict) -> str:
    out = io.BytesIO()
    notebooks.write(notebook, out.write)
    return out.getvalue().decode()


def sample(text: str, *, html: str = "<b>x</b>") -> dict:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "é"}, "empty": {}, "list": [1, 2.5, None]},
        "cells": [
            {"cell_type": "markdown", "id": "m", "metadata": {}, "source": text,
             "attachments": {"a.png": {"image/png": "QUJD"}}},
            {"cell_type": "code", "id": "c", "metadata": {"tags": []}, "source": text, "execution_count": 3,
             "outputs": [
                 {"output_type": "stream", "name": "stdout", "text": text},
                 {"output_type": "display_data", "metadata": {}, "data": {
                     "text/html": html, "application/json": {"text": [text]}, "application/vnd.x+json": {"a": text}}},
                 {"output_type": "error", "ename": "E", "evalue": text, "traceback": [text]}]},
        ],
    }  # fmt: skip


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_written_as_nbformat_writes_it(text: str) -> None:
    notebook = sample(text)
    assert written(notebook) == as_nbformat(notebook)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_what_is_written_is_read_again(text: str) -> None:
    notebook = sample(text)
    assert notebooks.parse(written(notebook).encode()) == notebook


def test_long_texts_are_written_in_pieces() -> None:
    notebook = sample("a line\r\nanother\x0bwith \u2028 breaks\n" * 100_000 + "tail")
    assert written(notebook) == as_nbformat(notebook)


def test_old_versions_and_odd_numbers_are_read() -> None:
    v3 = nbformat.v3
    old = v3.new_notebook(worksheets=[v3.new_worksheet(cells=[v3.new_code_cell("x=1")])])
    parsed = notebooks.parse(v3.writes_json(old).encode())
    assert parsed["nbformat"] == 4
    assert parsed["cells"][0]["source"] == "x=1"
    assert notebooks.parse(b'{"nbformat": 4, "metadata": {"x": NaN}, "cells": []}')["cells"] == []


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"nbformat": 4}', b"\xff\xfe", b'{"nbformat": 9, "cells": 1}']
)
def test_what_is_no_notebook_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(notebooks.NotANotebook):
        notebooks.parse(raw)


def test_only_what_its_user_saved_is_trusted(short_dir: Path) -> None:
    """A notebook that code in the sandbox writes, even with `trusted` in it, is not trusted when opened."""
    store = TrustStore(short_dir)
    notebook = sample("x")
    for cell in notebook["cells"]:
        cell["metadata"]["trusted"] = True
    store.sign_if_trusted(notebook)
    assert "trusted" not in written(notebook)
    reopened = notebooks.parse(written(notebook).encode())
    store.mark(reopened)
    assert reopened["cells"][1]["metadata"]["trusted"] is True

    forged = sample("x", html="<script>steal()</script>")
    forged["cells"][1]["metadata"]["trusted"] = True
    store.mark(forged)
    assert forged["cells"][1]["metadata"]["trusted"] is False
    store.close()
