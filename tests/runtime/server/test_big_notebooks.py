"""A big notebook is opened part by part: the same answer as when it is read whole, in bounded memory."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import io
import json
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from session_server import RunningServer
from test_notebooks import sample

from nbkeep_runtime.server import notebooks, pieces
from nbkeep_runtime.server.trust import TrustStore

# What looks like the layout itself, inside of texts.
TEXTS = st.lists(
    st.sampled_from(["a", "\n", "  },\n", '  {\n "', "\n  }\n ],\n", "é", '"', "\\", "\u2028"])
).map("".join)


def raw_of(notebook: dict) -> bytes:
    out = io.BytesIO()
    notebooks.write(notebook, out.write)
    return out.getvalue()


def read_whole(raw: bytes, store: TrustStore) -> dict:
    notebook = notebooks.parse(raw)
    store.mark(notebook)
    return notebook


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS, signs=st.booleans())
def test_parts_say_what_the_whole_says(short_dir: Path, text: str, signs: bool) -> None:  # noqa: FBT001
    store = TrustStore(short_dir)
    notebook = sample(text, html=text)
    if signs:
        store.sign(notebook)
    raw = raw_of(notebook)
    parts = pieces.opened(raw, store)
    assert parts is not None
    assert orjson.loads(b"".join(parts)) == read_whole(raw, store)
    store.close()


@pytest.mark.parametrize(
    "change",
    [lambda raw: json.dumps(json.loads(raw)).encode(), lambda raw: raw.replace(b'"nbformat": 4', b'"nbformat": 3'),
     lambda raw: raw[:-20], lambda raw: raw.replace(b'"metadata"', b'"cells"'), lambda raw: raw.replace(b"  {\n", b"  3\n", 1),
     lambda _raw: b"", lambda _raw: b"[]", lambda raw: raw.replace(b"\n  },\n", b"\n  }\n")],
)  # fmt: skip
def test_any_other_layout_is_left_to_the_reader_of_whole_files(short_dir: Path, change) -> None:
    store = TrustStore(short_dir)
    assert pieces.opened(change(raw_of(sample("x"))), store) is None
    store.close()


def test_opening_100_mb_needs_less_than_three_times_as_much_memory() -> None:
    line = "some text of output that is about eighty characters long, for a realistic line\n"
    output = {"output_type": "stream", "name": "stdout", "text": line * (10_000_000 // len(line))}
    cells = [{"cell_type": "code", "id": f"c{number}", "metadata": {}, "source": "x", "execution_count": 1,
              "outputs": [output]} for number in range(10)]  # fmt: skip
    raw = raw_of({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
    with RunningServer() as server:
        (server.home / "big.ipynb").write_bytes(raw)
        server.request("GET", "api/contents")
        assert server.server is not None
        memory = Path(f"/proc/{server.server.pid}")
        before = int((memory / "statm").read_text().split()[1]) * 4096
        (memory / "clear_refs").write_text("5")
        answer = server.request("GET", "api/contents/big.ipynb?content=1&hash=1").json()
        status = (memory / "status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    assert answer["content"]["cells"][9]["outputs"][0]["text"] == output["text"]
    assert answer["format"] == "json"
    assert peak - before < 3 * len(raw), f"{(peak - before) / len(raw):.2f} times the file"
