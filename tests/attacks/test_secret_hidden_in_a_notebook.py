"""Somebody hides a secret in a notebook, split or encoded, where a search for it would not see it."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator

import pytest

from hidden_parts import B64, SOURCES
from nbkeep.scanning import decode
from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits
from scan_parts import KEY, code, notebook, places, scan, shown, stream, the


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("where", ["source", "output", "metadata"])
def test_it_is_found_decoded_and_joined(source: str, where: str):
    cell = {
        "source": lambda: code(source),
        "output": lambda: code("", stream(source)),
        "metadata": lambda: code("", metadata={"note": source}),
    }[where]()
    found = scan(notebook(cell))
    assert {one.rule for one in found.findings} == {"aws-access-key-id"}, places(found)
    assert len(found.findings) == 1, "one finding for one value"
    assert found.findings[0].masked == "AKIA…PD"


@pytest.mark.parametrize("name", ["over lines", "base64 over lines", "hex", "zero width", "list items later"])
def test_the_line_is_the_one_where_it_is_hidden(name: str):
    assert the(scan("first = 1\n\n" + SOURCES[name], "a.py")).line in {3, 4}


def test_split_outputs_are_joined():
    cell = code("", stream(["my key: ", KEY[:9]]), stream("warning", "stderr"), stream([KEY[9:], "\n"]))
    assert places(scan(notebook(cell))) == [(1, "output 1 stdout", 1, "aws-access-key-id")]


def test_colours_hide_nothing_in_a_traceback():
    trace = [f"\x1b[0;31mAuthError\x1b[0m: \x1b[1;32m{KEY[:4]}\x1b[0m\x1b[32m{KEY[4:]}\x1b[0m"]
    cell = code("", {"output_type": "error", "ename": "AuthError", "evalue": "x", "traceback": trace})
    assert places(scan(notebook(cell))) == [(1, "output 1 traceback", 1, "aws-access-key-id")]


def test_a_value_in_clear_and_beside_it_in_base64_are_two_places_and_no_more():
    found = scan(f"k = '{KEY}'\nb = '{B64}'\n", "a.py")
    assert [(one.line, one.decoded) for one in found.findings] == [(1, False), (2, True)]


def test_html_escapes_hide_nothing():
    text = html.escape(f"<a href='x'>{KEY[:4]}") + "".join(f"&#x{ord(char):x};" for char in KEY[4:])
    assert the(scan(notebook(code("", shown(text__html=text))))).rule == "aws-access-key-id"


def test_a_file_of_another_name_is_what_it_holds():
    content = json.dumps(notebook(code("1"), code(f"k = '{KEY[:5]}' + '{KEY[5:]}'")))
    for name in ("picture.png", "a.csv.jpg", "model.bin", "noname"):
        assert places(scan(content, name)) == [(2, "source", 1, "aws-access-key-id")], name


def test_a_picture_that_is_none_is_read_as_text():
    text = f"iVBORw0KGgo{'A' * 80} password = {KEY}"
    assert scan(notebook(code("", shown(image__png=text)))).findings


ERROR = {"output_type": "error", "ename": "E", "evalue": "x", "traceback": ["E: x"]}
SHORT = [shown(text__plain=f"'{piece}'") for piece in (KEY[:9], KEY[9:])]


@pytest.mark.parametrize(
    "outputs",
    [
        [{**ERROR, "data": {"text/plain": KEY}}],
        [{**ERROR, "text": KEY}],
        [{**stream("x"), "traceback": [KEY]}],
        [{**stream("x"), "data": {"text/html": f"<b>{KEY}</b>"}}],
        [{**stream("x"), KEY: ""}],
        [shown(**{KEY: "x"})],
        [shown(**{f"text__{KEY}": ""})],
        [{"output_type": "display_data", "data": {}, "metadata": {KEY: {}}}],
        [{"output_type": "display_data", "data": {}, "metadata": {KEY: []}}],
        [shown(image__png=KEY)],
        [shown(image__jpeg=f"{KEY}/{'A' * 80}")],
        SHORT,
        [{**ERROR, "traceback": [KEY[:9], KEY[9:]]}],
    ],
)
def test_no_key_of_an_output_hides_it_whatever_readers_show(outputs: list[dict[str, object]]):
    """Readers show of an error its traceback, and of a stream its text: what else is there stays in the file."""
    assert {one.rule for one in scan(notebook(code("", *outputs))).findings} == {"aws-access-key-id"}


def test_what_outputs_show_together_is_not_found_twice():
    again = scan(notebook(code("", shown(text__plain=KEY), shown(text__plain="x"))))
    assert places(again) == [(1, "output 1 text/plain", 1, "aws-access-key-id")]
    trace = {**ERROR, "traceback": ["a", KEY, "b"]}
    assert places(scan(notebook(code("", trace)))) == [(1, "output 1 traceback", 2, "aws-access-key-id")]


def test_base64_that_is_longer_than_a_window_is_decoded_wherever_a_window_begins():
    text = base64.b64encode(b"words and words " * 3000 + KEY.encode() + b" " * 3000).decode()
    for overlap in range(300, 304):
        windows = Limits(ocr_s=0, window=30_000, overlap=overlap)
        assert scan(notebook(code("", stream(text))), limits=windows).findings, overlap


class CountingStrings:
    """Stands in for the pattern of strings, and counts how many characters it is let look at."""

    def __init__(self) -> None:
        self.looked_at = 0

    def finditer(self, text: str, begin: int, end: int) -> Iterator[re.Match[str]]:
        self.looked_at += min(end, len(text)) - begin
        return iter(())


def test_quotes_that_begin_no_string_are_not_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch):
    strings = CountingStrings()
    monkeypatch.setattr(decode, "_STRING", strings)
    text = '"\n' * 20_000
    list(decode.derive(text, Hint("code")))
    assert 0 < strings.looked_at < 10 * len(text)
