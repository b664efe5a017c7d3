"""A document is made to crash, to stall or to deceive what looks through it: it is read in bounds, or said not to be."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from typing import Any

import pytest

from nbkeep.scanning.values import Limits
from scan_parts import KEY, FewRules, code, notebook, places, scan, shown, stream, the

SMALL = Limits(ocr_s=0, file_bytes=2**20, archive_bytes=2**20, archive_members=20)


def test_every_value_of_a_key_that_is_there_twice_is_read():
    """Jupyter shows the last one, and other readers the first."""
    hidden = '{"cells": [{"cell_type": "code", "metadata": {}, "outputs": [], "source": "%s", "source": "fine"}], "nbformat": 4}'
    found = scan(hidden % KEY)
    assert places(found) == [(1, "metadata", 0, "aws-access-key-id")]
    assert [
        (one.partly, one.reason.startswith("is ambiguous: a key written twice")) for one in found.not_read
    ] == [(True, True)]
    assert not scan(json.dumps(notebook(code("x = 1")))).not_read
    cells = json.dumps([code(f"k = '{KEY}'")])
    twice = f'{{"cells": {cells}, "metadata": {{}}, "nbformat": 4, "cells": [], "nbformat_minor": 5}}'
    assert scan(twice).findings
    output = json.dumps(stream("x"))[:-1] + f', "text": ["{KEY}"], "text": ["y"]}}'
    assert scan('{"cells": [{"outputs": [' + output + '], "source": ""}], "nbformat": 4}').findings


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(notebook(code(f"k = '{KEY}'")))[:-5],
        '{"cells": [' + f'{{"source": "{KEY}"}},' * 2,
        '{"nbformat": 4, "cells": ' + "[" * 10_000 + f'"{KEY}"' + "]" * 10_000 + "}",
        '{"cells": {"a": "' + KEY + '"}, "nbformat": 4}',
        f'"{KEY}"',
        "[" * 200_000 + KEY,
        '{"nbformat": 4, "cells": [], "x": ' + "9" * 5000 + f', "y": "{KEY}"}}',
        f'{{"cells": [], "metadata": {{"a": "\\ud800{KEY[:1]}{KEY[1:]}"}} ',
    ],
    ids=["cut", "open", "deep", "no-list", "a-string", "brackets", "huge-number", "half-characters"],
)  # fmt: skip
def test_a_broken_notebook_is_read_as_text_and_said_to_be(text: str):
    found = scan(text)
    assert {one.rule for one in found.findings} == {"aws-access-key-id"}
    assert [(one.partly, one.reason.startswith("is unreadable as a notebook")) for one in found.not_read] == [
        (True, True)
    ]


def test_halves_of_characters_stop_nothing():
    text = (
        '{"cells": [{"cell_type": "code", "source": "\\udfff '
        + KEY
        + '", "outputs": [1, null, "x", {}]}], "nbformat": 4}'
    )
    assert the(scan(text)).rule == "aws-access-key-id"


SHAPES: list[Any] = [
        None, 1, "x", [], {}, {"source": None}, {"source": 4, "outputs": {}}, {"source": [1, None]}, {"outputs": 3},
        {"outputs": [{"output_type": "stream"}]}, {"outputs": [{"output_type": "stream", "text": 3, "name": []}]},
        {"outputs": [{"output_type": "error", "traceback": 3}]}, {"outputs": [{"output_type": "error", "traceback": [3, None]}]},
        {"outputs": [{"output_type": "display_data", "data": []}]}, {"outputs": [{"data": {"image/png": {}}}]},
        {"attachments": {"a": 3, "b": {"image/png": "!"}, "c": {"application/pdf": "x"}}}, {"id": {}, "metadata": 3},
]  # fmt: skip


@pytest.mark.parametrize("cell", SHAPES)
def test_cells_of_any_shape_are_read(cell: Any):
    found = scan({"cells": [cell, code(KEY)], "nbformat": 4})
    assert places(found) == [(2, "source", 1, "aws-access-key-id")]


def test_a_secret_in_an_output_larger_than_a_window_is_found_on_its_line():
    lines = [f"line {number} of a long log, with words\n" for number in range(3000)]
    lines[2500] = f"{KEY}\n"
    windows = Limits(ocr_s=0, window=5000, overlap=300)
    assert places(scan(notebook(code("", stream(lines))), limits=windows)) == [
        (1, "output 1 stdout", 2501, "aws-access-key-id")
    ]
    one_line = "x" * 60_001 + " " + KEY + " " + "y" * 60_000
    assert len(scan(notebook(code("", stream(one_line))), limits=windows).findings) == 1


def test_findings_without_end_end_somewhere_and_say_so():
    found = scan(
        notebook(*[code(f"{KEY[:-5]}{number:05}") for number in range(300)]),
        limits=Limits(findings=100, ocr_s=0),
    )
    assert len(found.findings) == 100
    assert [(one.partly, one.reason) for one in found.not_read] == [(False, "has more than 100 findings")]


def test_one_text_full_of_findings_ends_too():
    found = scan(
        "\n".join(f"{KEY[:-5]}{number:05}" for number in range(300)), "a.txt", limits=Limits(findings=100)
    )
    assert (len(found.findings), [one.partly for one in found.not_read]) == (100, [False])


def test_a_document_that_makes_its_reader_fail_is_not_clean(monkeypatch: pytest.MonkeyPatch):
    def fails(*_args: object) -> object:
        raise MemoryError

    monkeypatch.setattr(FewRules, "find", fails)
    assert [(one.partly, one.reason) for one in scan("x = 1", "a.py").not_read] == [
        (False, "made its reader fail (MemoryError)")
    ]


def test_a_state_of_widgets_that_refers_to_itself_is_read_once():
    """A billion laughs: names that stand for names. Nothing is put in for anything."""
    state = {
        f"m{at}": {"model": [f"IPY_MODEL_m{at + 1}"] * 10, "v": KEY if at == 50 else ""} for at in range(100)
    }
    found = scan(
        notebook(metadata={"widgets": {"application/vnd.jupyter.widget-state+json": {"state": state}}})
    )
    assert len(found.findings) == 1
    yaml = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + at)}: &{chr(98 + at)} [*{chr(97 + at)}, *{chr(97 + at)}]\n" for at in range(20)
    )
    assert scan(yaml + f"k: {KEY}\n", "a.yaml").findings


def bomb_zip(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("zeros", b"\0" * size)
        made.writestr("key", KEY)
    return out.getvalue()


def many(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for at in range(count):
            made.writestr(f"{at}", b"")
    return out.getvalue()


def nested(depth: int) -> bytes:
    data = KEY.encode()
    for _ in range(depth):
        data = gzip.compress(data)
    return data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bomb_zip(3 * 2**20), "times its size"),
        (gzip.compress(b"\0" * 3 * 2**20), "times its size"),
        (gzip.compress(b"\0" * 3 * 2**20) * 3, "times its size"),
        (nested(9), "within 4 archives"),
        (many(30), "more than 20 files"),
        (b"PK\x03\x04" + b"\0" * 50, "cannot be read"),
        (b"\xfd7zXZ\0" + b"\xff" * 50, "cannot be read"),
        (b"BZh9" + b"\xff" * 50, "cannot be read"),
    ],
    ids=["zip", "gzip", "gzips", "nested", "many", "broken-zip", "broken-xz", "broken-bz2"],
)
def test_a_zip_bomb_is_refused_and_said_to_be(data: bytes, reason: str):
    found = scan(data, "a.zip", limits=Limits(ocr_s=0, archive_members=20))
    assert any(reason in one.reason and not one.partly for one in found.not_read), found.not_read


def test_what_a_nest_of_archives_unpacks_to_is_counted_together():
    inner = bomb_zip(0)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for at in range(12):
            part = io.BytesIO()
            with zipfile.ZipFile(part, "w") as one:
                one.writestr("words", bytes(range(256)) * 800)
            made.writestr(f"{at}.zip", part.getvalue())
        made.writestr("last.zip", inner)
    found = scan(out.getvalue(), "a.zip", limits=SMALL)
    assert {one.reason for one in found.not_read if not one.partly} == {"unpacks to more than 1 MiB"}
    assert found.files == 1


def test_names_in_an_archive_lead_nowhere():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        link = tarfile.TarInfo("passwd")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(link)
        up = tarfile.TarInfo("../../up.py")
        up.size = len(KEY)
        made.addfile(up, io.BytesIO(KEY.encode()))
    found = scan(out.getvalue(), "a.tar")
    assert [one.place.inside for one in found.findings] == ["../../up.py"]


def test_a_huge_compressed_text_in_a_picture_or_a_string_is_read_in_part():
    packed = b"Comment\0\0" + zlib.compress(KEY.encode() + b" " + b"\0" * 2**20)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(packed)) + b"zTXt" + packed + b"\0\0\0\0"
    assert scan(png, "a.png").findings
    text = base64.b64encode(zlib.compress(KEY.encode() + b" words " * 2**16)).decode()
    assert scan(f"x = '{text}'", "a.py").findings


@pytest.mark.parametrize(
    "text",
    [
        "'" * 30_000, '" "' * 10_000, '("a" + ' * 6_000, "<table>" * 6_000, "<tr><td>" * 6_000, "<" * 30_000,
        "<!--" * 6_000, "%41" * 10_000, "\\u0041" * 6_000, "&#65;" * 6_000, "\u200ba" * 10_000, "A" * 50_000,
        "12, " * 10_000 + "bytes(", "YWFh" * 12_000, ("YWFh" * 19 + "\n") * 400, "data:image/png;base64," * 3_000,
        "\x1b[" * 10_000, "\\\n" * 10_000, ", ".join('"a"' for _ in range(6_000)) + "join(", "nbkeep:allow " * 3_000,
    ],
)  # fmt: skip
@pytest.mark.timeout(20)
def test_no_text_takes_longer_than_its_length(text: str):
    """Each of these takes minutes where a pattern goes back and forth; here, a fraction of a second."""
    scan(notebook(code("", shown(text__html=text, text__plain=text)), code(text)))


def test_a_column_of_a_table_with_a_million_cells_in_a_row_ends():
    found = scan("name," * 100_000 + "\n" + "Jane Doe," * 100_000, "a.csv")
    assert found.findings


def tar(*names: str, links: str = "", content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name in names:
            one = tarfile.TarInfo(name)
            if links:
                one.type, one.linkname = tarfile.SYMTYPE, links
            else:
                one.size = len(content)
            made.addfile(one, io.BytesIO(content))
    return out.getvalue()


def zipped(*, name: str = "a.py", content: bytes = b"x", comment: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        member = zipfile.ZipInfo(name)
        member.comment = comment.encode()
        made.writestr(member, content)
    return out.getvalue()


def before_the_directory(data: bytes) -> bytes:
    """Put a key between the last file and the directory, whose place the end of the archive tells."""
    at = data.index(b"PK\x01\x02")
    end = bytearray(data[at:])
    key = f"    {KEY}    ".encode()
    place = end.index(b"PK\x05\x06") + 16
    end[place : place + 4] = struct.pack("<I", at + len(key))
    return data[:at] + key + bytes(end)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.gz", gzip.compress(b"x") + KEY.encode()),
        ("a.tar", tar("a.py") + KEY.encode()),
        ("a.tar", tar("a", links=KEY)),
        ("a.zip", f"{KEY}\n{'x' * 30}\n".encode() + zipped()),
        ("a.zip", zipped(comment=KEY)),
        ("a.zip", zipped(name="a/", content=KEY.encode())),
        ("a.zip", before_the_directory(zipped())),
    ],
    ids=["behind-gzip", "behind-tar", "link", "before-zip", "comment", "folder-with-bytes", "between"],
)
def test_what_stands_around_the_files_of_an_archive_is_read(name: str, data: bytes):
    assert {one.rule for one in scan(data, name).findings} == {"aws-access-key-id"}


def old_tar(content: bytes) -> bytes:
    """Return a tar archive of the first kind, which has no mark of its own and is full of zeros."""
    made = bytearray(tar("a.py", content=content))
    made[257:265] = bytes(8)
    return bytes(made)


@pytest.mark.parametrize(
    "data",
    [
        b"SQLite format 3\0" + b"\0" * 4000 + f"key {KEY}".encode() + b"\0" * 4000,
        old_tar(KEY.encode()),
        b"\x01\0\0\0" * 500 + KEY.encode() + b"\0" * 4000,
        b"\x01\0\0\0" * 500 + KEY.encode("utf-32-le") + b"\0" * 4000,
    ],
    ids=["sqlite", "old-tar", "numbers", "wide"],
)
def test_what_is_full_of_zeros_is_no_text_of_two_bytes_a_character(data: bytes):
    """Taken for UTF-16, what stands there in clear would be read as Chinese."""
    assert {one.rule for one in scan(data, "a.db").findings} == {"aws-access-key-id"}
