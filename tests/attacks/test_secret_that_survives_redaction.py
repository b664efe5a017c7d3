"""Somebody hides copies of a secret in a notebook, hoping that one of them leaves with the redacted document."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest

from hidden_parts import SOURCES
from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.rendering.preview import preview
from nbkeep.rendering.redact import redact
from nbkeep.scanning import decode, detect, digits
from nbkeep.scanning.interface import Hint
from nbkeep.scanning.scan import Look, examine
from nbkeep.scanning.values import Limits
from scan_parts import KEY, code, look, notebook, shown, stream

PASSWORD = "kJ8-dhW2pQ"
"""Found by the word before it, and nowhere else: its copies are known only by being equal."""


def texts(value: Any) -> list[str]:
    """Return all strings of JSON: values and keys, lists joined too, and numbers."""
    if is_object(value):
        return [*value, *(text for one in value.values() for text in texts(one))]
    if is_list(value):
        joined = ["".join(value)] if all(isinstance(one, str) for one in value) else []
        return joined + [text for one in value for text in texts(one)]
    return [str(value)]


def holds(data: bytes, value: str) -> bool:
    """Return whether a search of the text finds it, in clear or in anything that decodes to it."""
    found = texts(json.loads(data))
    return any(
        value in one or any(value in derived.text for derived in decode.derive(one, Hint("config")))
        for one in found
    )


def redacted(document: dict[str, Any], how: Look | None = None) -> bytes:
    made = redact(json.dumps(document).encode(), "a.ipynb", how or look())
    assert made.data is not None, made.why
    assert made.count
    assert not examine(made.data, "a.ipynb", how or look()).findings
    return made.data


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("where", ["source", "lines", "output", "metadata", "traceback", "attachment"])
def test_no_way_to_write_it_survives(source: str, where: str):
    cell = {
        "source": lambda: code(source),
        "lines": lambda: code(source.splitlines(keepends=True)),
        "output": lambda: code("", stream(source)),
        "metadata": lambda: code("", metadata={"note": source, "more": [{"deep": source}]}),
        "traceback": lambda: code("", {**ERROR, "traceback": source.split("\n")}),
        "attachment": lambda: code("", attachments={"a.txt": {"text/plain": source}}),
    }[where]()
    data = redacted(notebook(cell, code("print('all is well')")))
    assert not holds(data, KEY)
    assert b"all is well" in data


ERROR = {"output_type": "error", "ename": "E", "evalue": "x"}
COPIES = {
    "in clear": f"it was {PASSWORD}, or not",
    "in base64": base64.b64encode(f"user:{PASSWORD}".encode()).decode(),
    "in base64 of bytes": base64.b64encode(b"\x80\x04\x95\xff" + PASSWORD.encode() + b"\xfe\x94.").decode(),
    "in hex": PASSWORD.encode().hex(),
    "in hex of bytes": (b"\xff\xfe\x01" + PASSWORD.encode() + b"\x80").hex().upper(),
    "in a URL": f"https://host/?p={PASSWORD.replace('-', '%2D')}",
    "as JSON in a string": json.dumps(json.dumps({"a": PASSWORD})),
    "without width": f"{PASSWORD[:4]}\u200b{PASSWORD[4:]}",
    "in two strings": f'"{PASSWORD[:4]}" + "{PASSWORD[4:]}"',
    "in a tag": f"{PASSWORD[:4]}<b></b>{PASSWORD[4:]}",
    "within a path": f"/home/{PASSWORD}/x",
    "after an underscore": f"backup_{PASSWORD}_2",
}  # fmt: skip


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_that_no_rule_would_find_goes_too(copy: str):
    """What is a password is known only where it is assigned."""
    document = notebook(
        code(f"password = '{PASSWORD}'"),
        code(["x = 1\n", copy], stream(copy), shown(text__html=f"<p>{copy}</p>", text__plain=copy)),
        {"cell_type": "markdown", "id": "m", "metadata": {"old": [copy]}, "source": f"See {copy}"},
        metadata={"widgets": {"state": {"a": {"value": copy, copy: 1}}}},
    )
    data = redacted(document)
    assert not holds(data, PASSWORD)
    assert copy not in "".join(texts(json.loads(data)))


def test_pieces_of_one_stream_and_short_outputs_are_one_text():
    pieces = [stream(["p: ", PASSWORD[:5]]), stream("w", "stderr"), stream([PASSWORD[5:], "\n"])]
    short = [shown(text__plain=f"'{piece}'") for piece in (PASSWORD[:5], PASSWORD[5:])]
    data = redacted(notebook(code(f"password = '{PASSWORD}'", *pieces), code("", *short)))
    assert PASSWORD[5:] not in data.decode()


def test_keys_of_objects_names_of_attachments_and_cells_hide_nothing_and_stay_apart():
    cell = code("", attachments={f"{KEY}.png": {"text/plain": "a"}}, metadata={KEY: 1, f"x {KEY}": 2}, id=KEY)
    cell["outputs"] = [shown(**{KEY: "b"})]
    document = json.loads(redacted(notebook(cell, metadata={"a": {KEY: {"b": 1}}})))
    assert KEY not in json.dumps(document)
    made = document["cells"][0]
    assert sorted(made["metadata"].values()) == [1, 2]
    assert made["id"].replace("-", "").isalnum()


def test_numbers_go_as_well():
    card = "453957826145309"
    card += next(last for last in "0123456789" if digits.luhn(card + last))
    spaced = " ".join(card[at : at + 4] for at in range(0, 16, 4))
    document = notebook(code(f"card: {spaced}"), metadata={"a": [int(card)], "b": 42})
    how = Look(detect.standard(), Limits(ocr_s=0))
    data = json.loads(redacted(document, how))
    assert data["metadata"]["b"] == 42
    assert card not in json.dumps(data)


def test_a_picture_with_a_secret_beside_its_pixels_is_replaced_and_others_stay():
    def png(text: str) -> str:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        end = chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
        return base64.b64encode(head + chunk(b"tEXt", b"Comment\0" + text.encode()) + end).decode()

    bad, good, only_equal = png(f"by {KEY}"), png("made with care"), png(f"about {PASSWORD}")
    cell = code(
        f"password = '{PASSWORD}'", shown(image__png=bad, text__plain="<Figure>"), shown(image__png=good),
        shown(image__png=only_equal), shown(text__html=f'<img src="data:image/png;base64,{bad}"> beside'),
        attachments={"a.png": {"image/png": bad}, "b.png": {"image/png": good}}, metadata={"icon": bad},
    )  # fmt: skip
    made = json.loads(redacted(notebook(cell)))["cells"][0]
    everything = json.dumps(made)
    assert bad not in everything
    assert only_equal not in everything
    assert made["outputs"][1]["data"] == {"image/png": good}
    assert made["attachments"]["b.png"] == {"image/png": good}
    assert made["outputs"][0]["data"]["text/plain"] == "<Figure>\n[removed: picture with AWS access key]"
    assert (
        made["outputs"][3]["data"]["text/html"] == '<img src="[removed: picture with AWS access key]"> beside'
    )


def test_a_drawing_and_the_state_of_a_widget_are_redacted():
    svg = f"<svg><text x='1'>{KEY[:6]}<tspan></tspan></text><!-- {KEY} --><a href='?k={KEY}'/></svg>"
    state = {"state": {"m": {"state": {"value": f"token {KEY}", "list": [KEY[:8], KEY[8:]]}}}}
    document = notebook(code("", shown(image__svg_xml=svg)), metadata={"widgets": {"application/x": state}})
    document["cells"][0]["outputs"][0]["data"] = {"image/svg+xml": svg}
    data = redacted(document)
    assert not holds(data, KEY)
    assert KEY[8:] not in data.decode()


def test_a_key_written_twice_hides_nothing():
    text = json.dumps(notebook(code("x"))).replace('"source": "x"', f'"source": "{KEY}", "source": "x"')
    made = redact(text.encode(), "a.ipynb", look())
    assert made.data
    assert KEY.encode() not in made.data


def test_what_only_looks_like_a_mark_is_redacted():
    data = redacted(notebook(code(f"a = '[removed: {KEY}]'\npassword = '[removed: {PASSWORD}]'")))
    assert not holds(data, KEY)
    assert not holds(data, PASSWORD)


def test_neither_the_answer_nor_an_error_tells_a_value():
    for content in (notebook(code(f"k = '{KEY}'")), {"cells": KEY}, [KEY]):
        made = redact(json.dumps(content).encode(), "a.ipynb", look())
        assert KEY not in repr(made)
        assert KEY not in made.why


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_preview_shows_no_value_either(source: str):
    cells = (
        code([source], stream(source), metadata={"a": source}),
        code(f"password = '{PASSWORD}'", stream(PASSWORD)),
    )
    page = preview(json.dumps(notebook(*cells)).encode(), f"{KEY}.ipynb", look()).decode()
    assert KEY not in page
    assert PASSWORD not in page
    assert page.count("<mark") >= 4
