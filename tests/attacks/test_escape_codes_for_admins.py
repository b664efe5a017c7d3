"""Names, paths and reasons that people choose reach an admin's terminal and must not steer it."""

from __future__ import annotations

import json

import pytest

from nbkeep.doors.cli.output import (
    Column,
    print_error,
    print_fields,
    print_json,
    print_json_line,
    print_table,
)

pytestmark = pytest.mark.attack

# Titles, clearing, C1 control sequences, new lines that fake a record, text that runs backwards.
HOSTILE = [
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[H",
    "\x9b2J",
    "\x7f",
    "a\nb\rc",
    "\u202eevil",
    "\x00",
    "\u2028",
    "\udcff",
]


def steers(text: str) -> list[str]:
    return [char for char in text if not char.isprintable() and char != "\n"]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_way_of_printing_lets_them_through(capsys: pytest.CaptureFixture[str], text: str) -> None:
    print_table([Column("name")], [[text]], "")
    print_fields([("name", text)])
    print_error(text, text)
    said = capsys.readouterr()
    assert steers(said.out + said.err) == []
    assert len(said.out.splitlines()) == 3
    assert len(said.err.splitlines()) == 2


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_json_shows_them_escaped_and_means_the_same(capsys: pytest.CaptureFixture[str], text: str) -> None:
    for show in (print_json, print_json_line):
        show({"path": text, text: ["é 🙂"]})
        out = capsys.readouterr().out
        assert steers(out) == []
        assert "é 🙂" in out
        assert json.loads(out) == {"path": text, text: ["é 🙂"]}
