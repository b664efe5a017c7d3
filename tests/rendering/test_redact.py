"""What is redacted is gone with its copies; what is not stays as it was, and the document opens as before."""

from __future__ import annotations

import csv
import json
from typing import Any, Self

import nbformat
import pytest

from nbkeep.rendering.known import KnownValues
from nbkeep.rendering.redact import redact
from nbkeep.scanning import detect
from nbkeep.scanning.interface import Hint, Hit
from nbkeep.scanning.marks import mark_of
from nbkeep.scanning.scan import Look, examine
from nbkeep.scanning.spans import Span
from nbkeep.scanning.values import Limits
from scan_parts import KEY, FewRules, code, look, notebook, shown, stream

STANDARD = Look(detect.standard(), Limits(ocr_s=0))
NAMES = ["Anna Schmidt", "Jens Müller", "Maria Garcia", "Peter Hansen", "Julia Weber", "Thomas Koch"]


def redacted(content: str | dict[str, Any], name: str = "a.ipynb", how: Look | None = None) -> str:
    text = json.dumps(content) if isinstance(content, dict) else content
    made = redact(text.encode(), name, how or look())
    assert made.data is not None, made.why
    assert not examine(made.data, name, how or look()).findings
    return made.data.decode()


def opens(text: str, version: int) -> None:
    """Raise where it is no notebook of this format."""
    book: Any = nbformat
    book.validate(book.reads(text, as_version=version))


def test_a_document_without_findings_stays_the_same_to_the_byte():
    for content, name in ((b"x = 1\r\n", "a.py"), (b"\xff\xd8\xff\xe0 a picture", "a.jpg"), (b"", "a.ipynb")):
        made = redact(content, name, look())
        assert made.data == content
        assert made.count == 0


def test_a_redacted_notebook_is_a_valid_one_and_redacted_again_the_same():
    content = notebook(
        code([f"k = '{KEY}'\n", "print(k)"], stream([KEY, "\n"]), shown(text__html=f"<b>{KEY}</b>"), id=KEY),
        {"cell_type": "markdown", "id": "m", "metadata": {"tags": [KEY]}, "source": [f"by a@b.com {KEY}"],
         "attachments": {"a.png": {"image/png": KEY}}},
        {"cell_type": "raw", "id": "r", "metadata": {}, "source": KEY},
    )  # fmt: skip
    text = redacted(content)
    opens(text, 4)
    assert redacted(text) == text
    first = json.loads(text)["cells"][0]
    assert first["source"] == ["k = '[removed: AWS access key]'\n", "print(k)"]
    assert first["outputs"][0]["text"] == ["[removed: AWS access key]", "\n"]


def test_notebooks_of_format_3_are_redacted_too():
    cell: dict[str, Any] = {"cell_type": "code", "language": "python", "input": [f"k = '{KEY}'"], "metadata": {}, "collapsed": False,
            "outputs": [{"output_type": "pyout", "text": [KEY], "metadata": {}, "prompt_number": 1}]}  # fmt: skip
    old: dict[str, Any] = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0,
           "worksheets": [{"cells": [cell], "metadata": {"a": KEY}}]}  # fmt: skip
    text = redacted(old)
    assert KEY not in text
    opens(text, 3)


def test_only_the_cells_of_a_table_in_which_something_was_found_change():
    lines = [f'{number},"{name}",{name.split()[0]}, x ,1990' for number, name in enumerate(NAMES)]
    table = "id,name,tag,note,year\r\n" + "\r\n".join(lines) + '\r\n7,"",ok,"a ""b""",2000\r\n'
    text = redacted(table, "people.csv", STANDARD)
    rows = list(csv.reader(text.splitlines()))
    mark = "[removed: Name of a person in a table]"
    assert [row[1] for row in rows] == ["name", *[mark] * 6, ""]
    assert [row[0] for row in rows] == ["id", *"012345", "7"]
    assert {row[4] for row in rows[1:7]} == {"1990"}
    assert text.endswith('\r\n7,"",ok,"a ""b""",2000\r\n'), "a row without findings stays to the byte"
    assert text.count("\r\n") == table.count("\r\n")


def test_a_name_that_is_a_word_goes_from_the_cells_of_its_table_and_not_from_the_text():
    people = [*NAMES, "Will Smith", "May Brown"]
    rows = "".join(
        f"<tr><td>{name.split()[0]}</td><td>{name.split()[1]}</td><td>ok</td></tr>" for name in people
    )
    table = f"<table><tr><th>first name</th><th>last name</th><th>x</th></tr>{rows}</table>"
    text = redacted(f"<html><p>In May we will meet Mr Brown.</p>{table}</html>", "a.html", STANDARD)
    assert "In May we will meet Mr Brown" in text
    assert "<td>May</td>" not in text
    assert text.count("<td>ok</td>") == len(people)


def test_a_short_value_takes_no_other_cell_with_it():
    rule = [("pin", "secret", "PIN", "high", r"(?<=pin )\d{4}")]
    how = Look(Own(rule), Limits(ocr_s=0))
    text = redacted(
        notebook(code("pin 2024\nyear = 2024\nn = 120245"), code("print(2024)", stream("2024"))), how=how
    )
    sources = [cell["source"] for cell in json.loads(text)["cells"]]
    assert sources == ["pin [removed: PIN]\nyear = [removed: PIN]\nn = 120245", "print(2024)"]


class Own(FewRules):
    """Rules of somebody's own."""

    def __init__(self, rules: list[tuple[str, str, str, str, str]]) -> None:
        import re

        self._RULES = tuple((*rest, re.compile(pattern)) for *rest, pattern in rules)  # type: ignore[assignment]  of other lengths


def test_the_key_of_a_title_is_no_finding_of_another_rule():
    """A mark says "Password": what stands after it is not taken for one."""
    text = redacted("password = 'hunter2x'\nclient = boto3.client('s3')\n", "a.py")
    assert text == "password = '[removed: Password]'\nclient = boto3.client('s3')\n"


def test_a_rule_that_would_find_anything_ends_with_the_part_taken_out_whole():
    how = Look(Own([("all", "secret", "Anything", "high", r"[a-z]+[0-9]")]), Limits(ocr_s=0))
    made = redact(json.dumps(notebook(code("a1 b2 c3"), code("(2)"))).encode(), "a.ipynb", how)
    assert made.data
    assert not examine(made.data, "a.ipynb", how).findings


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"%PDF-1.4\n" + KEY.encode(), "a.pdf", "PDF"),
        (b"\x89PNG\r\n\x1a\n" + f" {KEY} ".encode() * 3, "a.png", "picture"),
        (b"PK\x03\x04" + b"\0" * 40 + KEY.encode(), "a.zip", "archive"),
        (b"\0\1\2\3" * 30 + KEY.encode(), "a.bin", "kind"),
        (b'{"cells": [' + KEY.encode(), "a.ipynb", "unreadable as a notebook"),
    ],
)
def test_what_cannot_be_redacted_is_said_and_nothing_given(content: bytes, name: str, why: str):
    made = redact(content, name, look())
    assert made.data is None
    assert why in made.why
    assert KEY not in made.why


def test_a_document_that_makes_its_reader_fail_gives_nothing():
    class Fails(FewRules):
        def find(self, text: str, hint: Hint) -> list[Hit]:
            raise RuntimeError(text + hint.name)

    made = redact(f"k = {KEY}".encode(), "a.py", Look(Fails()))
    assert made.data is None
    assert KEY not in made.why


def test_what_its_author_allowed_stays_where_that_counts():
    text = f"k = '{KEY}'  # nbkeep:allow aws-access-key-id the example of our manual\n"
    assert redact(text.encode(), "a.py", look()).data == text.encode()
    assert KEY not in redacted(text, "a.py", look(heed_marks=False))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", f"A=1\nTOKEN={KEY}\n"),
        ("a.json", json.dumps({"k": KEY, "l": [KEY, 2], "n": 1}, indent=2)),
        ("a.yaml", f"k: {KEY}\nn: 1\n"),
        ("a.md", f"See `{KEY}` here"),
        ("a.R", f"k <- paste0('{KEY[:9]}', '{KEY[9:]}')\nn = 1"),
        ("a.svg", f"<svg><text>{KEY}</text></svg>"),
    ],
)
def test_texts_of_all_kinds_are_redacted(name: str, content: str):
    text = redacted(content, name)
    assert KEY not in text
    assert KEY[9:] not in text
    if name.endswith(".json"):
        assert json.loads(text)["n"] == 1


def test_a_number_in_json_leaves_json_behind():
    how = Look(Own([("id", "personal", "Number", "high", r"\b77\d{8}\b")]), Limits(ocr_s=0))
    text = redacted('{"a": 7712345678, "b": [7712345679, 1], "c": "x 7712345670"}', "a.json", how)
    assert json.loads(text) == {
        "a": mark_of("Number"),
        "b": [mark_of("Number"), 1],
        "c": f"x {mark_of('Number')}",
    }


def test_files_in_other_encodings_come_back_as_utf_8():
    for encoding in ("utf-16", "utf-8-sig", "latin-1"):
        made = redact(f"schön = '{KEY}'\n".encode(encoding), "a.py", look())
        assert made.data
        assert made.data.decode() == "schön = '[removed: AWS access key]'\n"


def test_ten_thousand_values_are_searched_in_one_pass():
    known = KnownValues()
    for number in range(10_000):
        value = f"{number:08}kJ8dhW2pQ{number:08}"
        known.add(
            Span(Hit("r", "secret", "Key", "high", 0, 1), 0, 1, value, decoded=False),
            (1, "source"),
            of_table=False,
        )
    compared: list[object] = []
    searched = CountingText("x" * 5000 + "00000042kJ8dhW2pQ00000042" + "y" * 5000, compared)
    found = list(known.in_clear(searched, (2, "output")))
    assert [found[0][:2], len(found)] == [(5000, 5025), 1]
    assert len(compared) < 100


class CountingText(str):
    """A text that counts how often something is looked for in it."""

    __slots__ = ("_asked",)

    def __new__(cls, text: str, asked: list[object]) -> Self:
        made = super().__new__(cls, text)
        made._asked = asked
        return made

    def find(self, *args: Any) -> int:
        self._asked.append(args)
        return super().find(*args)

    def startswith(self, *args: Any) -> bool:
        self._asked.append(args)
        return super().startswith(*args)


def test_no_repr_tells_a_value():
    span = Span(Hit("r", "secret", "Key", "high", 0, 1), 0, 1, KEY, decoded=False)
    assert KEY not in repr(span)
