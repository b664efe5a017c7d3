"""A notebook is made so that what exports it fails, hangs, fills the memory, or answers something else than it saw."""

from __future__ import annotations

import json
import os
import struct
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from nbkeep.model.jsontypes import is_object
from nbkeep.rendering import job, rebuild
from nbkeep.rendering.book import NotMade
from nbkeep.rendering.interface import Keep, Made, Order
from nbkeep.rendering.notes import Notes
from render_parts import as_html, b64, code, made, needs_a_jail, notebook, png, shown, stream, text

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.attack

DEEP = 10_000
BAD = {
    "deep list": b'{"cells":['
    + b"[" * DEEP
    + b"]" * DEEP
    + b'],"metadata":{},"nbformat":4,"nbformat_minor":5}',
    "deep object": b'{"cells":[],"metadata":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b',"nbformat":4}',
    "a key twice": b'{"cells":[],"cells":[{"cell_type":"raw","source":"x"}],"metadata":{},"nbformat":4}',
    "a key twice within": b'{"cells":[{"cell_type":"code","source":"a","source":"b"}],"metadata":{},"nbformat":4}',
    "no number": b'{"cells":[],"metadata":{"a":NaN},"nbformat":4}',
    "endless number": b'{"cells":[],"metadata":{"a":' + b"9" * 10_000 + b'},"nbformat":4}',
    "cut off": notebook(code("a"))[:-10],
    "no cells": b'{"cells":{},"nbformat":4}',
    "other format": b'{"cells":[],"nbformat":5}',
    "format 3": b'{"worksheets":[{"cells":[]}],"nbformat":3}',
    "other encoding": notebook(code("a")).decode().encode("utf-16"),
    "bytes": os.urandom(2000),
    "nothing": b"",
    "a list": b"[]",
}


@pytest.mark.parametrize("data", list(BAD.values()), ids=list(BAD))
def test_what_can_be_read_in_two_ways_or_none_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(NotMade) as refused:
        rebuild.rebuild(data, Keep(), Notes())
    assert str(refused.value).startswith("is ")


@needs_a_jail
@pytest.mark.parametrize("name", ["deep object", "a key twice"])
def test_the_child_refuses_it_too_and_nothing_leaves(name: str, tmp_path: Path) -> None:
    source = tmp_path / "a.ipynb"
    source.write_bytes(BAD[name])
    done = job.make(source, Order("a.ipynb", "html"), tmp_path)
    assert done.plain is None
    assert done.redacted is None
    assert done.problem.startswith("The document is ")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.ipynb"]


def odd_values() -> list[Any]:
    return [None, 1, "x", [], {}, [None], {"a": None}, [1, "x"], True, -1, 10**30, "\ud800", {"": {"": []}}]


def test_values_of_wrong_kinds_anywhere_break_nothing() -> None:
    good: dict[str, Any] = json.loads(notebook(
        text("a", attachments={"a.png": {"image/png": b64(png())}}),
        code("b", stream("x"), shown(text_html="<b>x</b>"), {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}),
    ))  # fmt: skip
    places: list[tuple[Any, Any]] = []

    def walk(one: Any) -> None:
        keys: list[Any] = list(one.keys()) if is_object(one) else list(range(len(one)))
        for key in keys:
            places.append((one, key))
            if isinstance(one[key], (dict, list)):
                walk(one[key])

    walk(good)
    for holder, key in places:
        kept = holder[key]
        for odd in odd_values():
            holder[key] = odd
            try:
                as_html(json.dumps(good).encode())
            except NotMade:
                assert holder is good
        holder[key] = kept


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packed = zlib.compress(b"\0" * 20_000_000, 9)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_pictures_that_unpack_to_gigabytes_are_left_out() -> None:
    many = [code("x", shown(image_png=b64(bomb(50_000, 50_000)), text_plain="a picture")) for _ in range(3)]
    found, left_out = made(notebook(*many))
    assert [one.outputs[0].mime for one in found.cells] == ["text/plain"] * 3
    assert "3 pictures that could not be read, or are too large" in left_out


def test_drawings_that_unfold_are_left_out() -> None:
    laughs = '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "lol">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)) + "]><svg>&j;</svg>"  # fmt: skip
    deep = "<svg>" + "<g>" * 5000 + "</g>" * 5000 + "</svg>"
    outside = '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg><text>&x;</text></svg>'
    found, left_out = made(
        notebook(code("x", *(shown(image_svg_xml=one) for one in (laughs, deep, outside))))
    )
    assert found.cells[0].outputs == ()
    assert "3 pictures that could not be read, or are too large" in left_out


def test_an_output_of_a_hundred_megabytes_is_cut_and_said_to_be() -> None:
    found, left_out = made(notebook(code("x", stream("0123456789abcdef\n" * 6_200_000))))
    assert len(found.cells[0].outputs[0].text) < 3 * 2**20
    assert "the rest of 1 text that is too long" in left_out


@pytest.mark.parametrize(
    "source",
    ["[" * 20_000, "![" * 5_000, "> " * 3_000 + "x", "$" * 9_999, "`" * 9_999 + "x", "*a_" * 5_000, "<" * 20_000, "- " * 2_000,
     "$\\frac" + "{" * 3_000 + "}" * 3_000 + "$", "|a" * 5_000 + "\n" + "|-" * 5_000, "<b>" * 20_000, "<!--" * 5_000],
    ids=lambda text: text[:6],
)  # fmt: skip
def test_texts_that_readers_of_markdown_choke_on_are_shown(source: str) -> None:
    assert "</html>" in as_html(notebook(text(source)))


def test_a_text_cannot_have_a_block_of_code_put_in_again_and_again() -> None:
    """What stands for a block while a text is cleaned can be written as characters by their numbers."""
    mark = "&#xe000;0&#xe001;"
    source = "```\n" + "some code\n" * 900 + f"```\n# $x$ {mark}\n" + mark * 1100
    page = as_html(notebook(text(source)))
    assert len(page) < 2**20
    assert page.count("some code") == 900
    assert page == as_html(notebook(text(source)))
    assert page.count("<math") == 1


def pretending(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, timeout_s: float = 10) -> Made:
    """Make something with another program in the place of the child."""
    fake = tmp_path / "fake.py"
    fake.write_text(program)
    jail = tmp_path / "bwrap"  # that is none, and finds the folder to write to among what it is told
    jail.write_text(
        "#!/bin/sh\n"
        'while [ "$1" != --bind ]; do shift; done\n'
        f'exec {sys.executable} {fake} "$2"\n'
    )  # fmt: skip
    jail.chmod(0o755)
    monkeypatch.setattr("nbkeep.rendering.jail.find", lambda: str(jail))
    source = tmp_path / "a.ipynb"
    source.write_bytes(notebook(code("a")))
    into = tmp_path / "into"
    into.mkdir()
    return job.make(source, Order("a.ipynb", "html"), into, timeout_s=timeout_s)


GOOD: dict[str, Any] = {
    "problem": "",
    "not_redacted": "x",
    "suffix": "",
    "unnamed": False,
    "left_out": [],
    "findings": [],
    "not_read": [],
    "values": [],
}
FAKE = "import json,os,sys\nout = sys.argv[-1]\nanswer = {answer!r}\n{more}\nopen(out + '/result.json', 'w').write({text})\n"


@pytest.mark.parametrize(
    ("change", "more", "written"),
    [
        ({"findings": [{"kind": "secret"}]}, "open(out + '/plain', 'w').write('x')", "json.dumps(answer)"),
        ({"findings": "none"}, "open(out + '/plain', 'w').write('x')", "json.dumps(answer)"),
        ({"left_out": ["a\x1b[2J"]}, "open(out + '/plain', 'w').write('x')", "json.dumps(answer)"),
        ({"left_out": ["a" * 10_000]}, "open(out + '/plain', 'w').write('x')", "json.dumps(answer)"),
        ({"suffix": "/../../x"}, "open(out + '/plain', 'w').write('x')", "json.dumps(answer)"),
        ({}, "os.symlink('/etc/passwd', out + '/plain')", "json.dumps(answer)"),
        ({}, "os.mkfifo(out + '/plain')", "json.dumps(answer)"),
        ({}, "os.mkdir(out + '/plain')", "json.dumps(answer)"),
        ({}, "os.truncate(os.open(out + '/plain', os.O_CREAT | os.O_RDWR), 2**40)", "json.dumps(answer)"),
        ({}, "pass", "json.dumps(answer)"),
        ({}, "pass", "'[' * 100000"),
        ({}, "pass", "'{}'"),
        ({}, "sys.exit(0)", "''"),
        ({}, "os.kill(os.getpid(), 11)", "''"),
        ({"not_redacted": ""}, "open(out + '/plain', 'w').write('x')", "json.dumps(answer)"),
    ],
)
def test_a_child_that_lies_gets_nothing_out(
    change: dict[str, Any], more: str, written: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = pretending(monkeypatch, tmp_path, FAKE.format(answer=GOOD | change, more=more, text=written))
    assert done.problem
    assert done.plain is None


def test_what_a_child_says_is_taken_where_it_is_as_it_should_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    more = "open(out + '/plain', 'w').write('x')"
    done = pretending(monkeypatch, tmp_path, FAKE.format(answer=GOOD, more=more, text="json.dumps(answer)"))
    assert done.problem == ""
    assert done.plain is not None


def test_what_a_child_leaves_running_ends_with_its_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sign = tmp_path / "alive"
    program = f"import os,time\nif os.fork() == 0:\n    time.sleep(6)\n    open({str(sign)!r}, 'w')\ntime.sleep(60)\n"
    done = pretending(monkeypatch, tmp_path, program, timeout_s=0.5)
    assert "not ready within" in done.problem
    assert not sign.exists()
