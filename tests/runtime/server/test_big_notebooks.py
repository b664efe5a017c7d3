"""A big notebook is opened part by part: the same answer as when it is read whole, in bounded memory."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import httpx
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
def test_parts_say_what_the_whole_says(short_dir: Path, text: str, signs: bool) -> None:
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


def sent(notebook: dict) -> bytearray:
    """Return what a browser sends to save it."""
    model = {"type": "notebook", "format": "json", "content": notebook}
    return bytearray(json.dumps(model, separators=(",", ":"), ensure_ascii=False).encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(st.sampled_from(["a", "\n", '},{"cell_type":', "}]", '"', "\\", "}]}}", "},{"])).map("".join),
       trusted=st.booleans(), first=st.booleans())  # fmt: skip
def test_what_is_saved_in_parts_is_what_is_saved_whole(
    short_dir: Path,
    text: str,
    trusted: bool,
    first: bool,
) -> None:
    notebook = sample(text, html=text)
    for cell in notebook["cells"]:
        cell["metadata"]["trusted"] = trusted
    if first:
        notebook = {"cells": notebook.pop("cells"), **notebook}
    notebook["metadata"]["authors"] = [{"name": text}]
    model = pieces.incoming(sent(notebook))
    assert model is not None
    incoming = model["content"]
    assert incoming.whole() == notebook
    (short_dir / "x").mkdir(exist_ok=True)
    in_parts, whole = TrustStore(short_dir), TrustStore(short_dir / "x")
    out = io.BytesIO()
    incoming.write(in_parts, out.write)
    whole.sign_if_trusted(notebook)
    assert out.getvalue() == raw_of(notebook)
    for store in (in_parts, whole):
        assert store.knows(store._digest(notebook)) or not trusted
        store.close()


def test_a_text_that_looks_like_a_new_cell_is_found_and_nothing_is_lost(short_dir: Path) -> None:
    store = TrustStore(short_dir)
    notebook = sample("x")
    notebook["cells"][0] = {
        "cell_type": "raw",
        "metadata": {"a": [{"b": 1}, {"cell_type": 2}]},
        "source": "x",
    }
    model = pieces.incoming(sent(notebook))
    assert model is not None
    with pytest.raises(pieces.OtherLayout):
        model["content"].write(store, lambda _: None)
    assert model["content"].whole() == notebook
    store.close()


def test_opening_and_saving_100_mb_needs_less_than_three_times_as_much_memory() -> None:
    line = "some text of output that is about eighty characters long, for a realistic line\n"
    output = {"output_type": "stream", "name": "stdout", "text": line * (10_000_000 // len(line))}
    cells = [{"cell_type": "code", "id": f"c{number}", "metadata": {}, "source": "x", "execution_count": 1,
              "outputs": [output]} for number in range(10)]  # fmt: skip
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    raw, body = raw_of(notebook), bytes(sent(notebook))
    with RunningServer() as server:
        server.request("GET", "api/contents")
        assert server.server is not None
        memory = Path(f"/proc/{server.server.pid}")

        def times(method: str, **options: Any) -> tuple[httpx.Response, float]:
            """Return the answer, and how many times the file the server grew meanwhile."""
            before = int((memory / "statm").read_text().split()[1]) * 4096
            (memory / "clear_refs").write_text("5")
            answer = server.request(method, "api/contents/big.ipynb?content=1", **options)
            peak = int((memory / "status").read_text().split("VmHWM:")[1].split()[0]) * 1024
            return answer, (peak - before) / len(raw)

        saved, to_save = times("PUT", content=body)
        assert saved.status_code == 201, saved.text
        assert (server.home / "big.ipynb").read_bytes() == raw
        opened, to_open = times("GET")
    assert opened.json()["content"]["cells"][9]["outputs"][0]["text"] == output["text"]
    assert opened.json()["format"] == "json"
    assert to_save < 3, f"{to_save:.2f} times the file to save it"
    assert to_open < 3, f"{to_open:.2f} times the file to open it"
