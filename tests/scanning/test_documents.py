"""Documents are read as what they are: every text in them is seen, at the place that a person would look at."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import io
import json
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image, ImageDraw, ImageFont

from nbkeep.scanning.detect import standard
from nbkeep.scanning.documents import image
from nbkeep.scanning.documents import pdf as pdf_reader
from nbkeep.scanning.scan import Look, examine
from nbkeep.scanning.values import Limits
from scan_parts import KEY, FewRules, code, notebook, places, scan, shown, stream, the

JPEG = (
    b"\xff\xd8\xff\xe1"
    + struct.pack(">H", 40)
    + b"Exif\0\0"
    + KEY.encode()
    + b"\0" * 12
    + b"\xff\xda"
    + b"\0" * 40
    + b"\xff\xd9"
)


def png(*chunks: tuple[bytes, bytes], after: bytes = b"") -> bytes:
    out = image.PNG
    for kind, data in ((b"IHDR", b"\0" * 13), *chunks, (b"IDAT", zlib.compress(b"\0" * 99)), (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return out + after


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (code(["import os\n", f"key = '{KEY}'\n"]), (1, "source", 2)),
        (code(f"\nkey = '{KEY}'"), (1, "source", 2)),
        ({"cell_type": "markdown", "metadata": {}, "source": f"# Title\n\nuse {KEY}"}, (1, "source", 3)),
        ({"cell_type": "raw", "metadata": {}, "source": KEY}, (1, "source", 1)),
        (code("", stream(["one\n", f"two {KEY}\n"])), (1, "output 1 stdout", 2)),
        (code("", shown(text__plain=KEY)), (1, "output 1 text/plain", 1)),
        (code("", stream("x"), shown(text__html=f"<p title='{KEY}'>")), (1, "output 2 text/html", 1)),
        (code("", shown(image__svgxml=f"<svg><desc>{KEY}</desc></svg>")), (1, "output 1 image/svgxml", 1)),
        (code("", shown(application__json={"deep": [{"token": KEY}]})), (1, "output 1 application/json", 0)),
        (code("", {"output_type": "display_data", "data": {}, "metadata": {"isolated": KEY}}), (1, "output 1 metadata", 0)),
        (code("", metadata={"papermill": {"parameters": {"key": KEY}}}), (1, "metadata", 0)),
        (code("", metadata={"tags": [KEY]}), (1, "metadata", 0)),
        (code("", unheard_of={KEY: 1}), (1, "metadata", 0)),
        (code("", {"output_type": "error", "ename": "ValueError", "evalue": KEY, "traceback": []}), (1, "output 1 traceback", 2)),
        ({"cell_type": KEY, "source": ""}, (1, "metadata", 0)),
    ],
)  # fmt: skip
def test_a_key_is_found_wherever_a_cell_holds_it(cell: dict[str, object], expected: tuple[int, str, int]):
    assert places(scan(notebook(cell))) == [(*expected, "aws-access-key-id")]


def test_notebook_metadata_and_the_state_of_widgets_are_read():
    state = {
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"a1": {"state": {"value": KEY}}}}}
    }
    assert places(scan(notebook(metadata=state))) == [(0, "metadata", 0, "aws-access-key-id")]
    assert places(scan({**notebook(), "comment": KEY})) == [(0, "metadata", 0, "aws-access-key-id")]


def test_notebooks_of_format_3_are_read_too():
    cell = {
        "cell_type": "code",
        "input": [f"k = '{KEY}'"],
        "language": "python",
        "outputs": [{"output_type": "pyout", "html": f"<b>{KEY}</b>"}],
    }
    found = scan({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [cell]}]})
    assert [(one.place.cell, one.place.part) for one in found.findings] == [
        (1, "source"),
        (1, "output 1 text/html"),
    ]


def test_the_line_in_the_file_is_told_for_tools_that_know_no_cells():
    text = json.dumps(notebook(code("pass"), code(f"k = '{KEY}'")), indent=1)
    expected = next(number for number, line in enumerate(text.splitlines(), 1) if KEY in line)
    assert the(scan(text)).file_line == expected


def test_a_data_frame_is_read_as_a_table_by_its_columns():
    html = "<table><thead><tr><th></th><th>name</th><th>v</th></tr></thead>\n<tbody>\n<tr><th>0</th><td>Jane &amp; <b>Doe</b></td><td>1</td></tr>\n<tr><th>1</th><td>John Smith</td><td>2</td></tr></tbody></table>"
    found = scan(notebook(code("df", shown(text__html=html))))
    assert places(found) == [(1, "output 1 text/html", 4, "person")]


def test_a_table_of_comma_separated_values_is_read_by_its_columns():
    found = scan('id;name\n1;Jane Doe\n2;"John\nSmith"\n', "people.csv")
    assert [(one.line, one.rule) for one in found.findings] == [(2, "person"), (3, "person")]


@pytest.mark.parametrize(
    "data",
    [
        png((b"tEXt", b"Comment\0" + KEY.encode())),
        png((b"zTXt", b"Comment\0\0" + zlib.compress(KEY.encode()))),
        png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + KEY.encode())),
        png((b"iTXt", b"A\0\1\0\0\0" + zlib.compress(KEY.encode()))),
        png((b"eXIf", b"MM\0*" + KEY.encode())),
        png(after=KEY.encode()),
        JPEG,
        b"GIF89a" + b"\0" * 20 + b"\x21\xfe\x14" + KEY.encode() + b"\0",
        b"RIFF\0\0\0\0WEBPVP8 " + KEY.encode(),
    ],
    ids=["tEXt", "zTXt", "iTXt", "iTXt-packed", "eXIf", "behind-the-end", "jpeg", "gif", "webp"],
)
def test_the_texts_beside_a_pictures_pixels_are_read(data: bytes):
    assert the(scan(data, "a.png")).rule == "aws-access-key-id"
    inside = base64.encodebytes(data).decode()
    assert places(scan(notebook(code("", shown(image__png=inside))))) == [
        (1, "output 1 image/png", 0, "aws-access-key-id")
    ]
    cell = {
        "cell_type": "markdown",
        "source": "![](attachment:a.png)",
        "metadata": {},
        "attachments": {"a.png": {"image/png": inside}},
    }
    assert the(scan(notebook(cell))).place.part == "attachment a.png image/png"


def test_pictures_are_no_text_of_random_letters(monkeypatch: pytest.MonkeyPatch):
    """What is base64 of pixels is never looked at as text: it would be full of false alarms."""
    pixels = base64.b64encode(png((b"IDAT", bytes(range(256)) * 40))).decode()
    seen: list[str] = []

    def find(_self: object, text: str, _hint: object) -> list[object]:
        seen.append(text)
        return []

    monkeypatch.setattr(FewRules, "find", find)
    scan(
        notebook(code("", shown(image__png=pixels, text__html=f'<img src="data:image/png;base64,{pixels}">')))
    )
    assert all(pixels[200:260] not in text for text in seen)


def test_a_picture_that_nobody_can_read_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(image, "ocr", lambda: "")
    found = scan(png(), "a.png", limits=Limits())
    assert [(one.partly, "tesseract" in one.reason) for one in found.not_read] == [(True, True)]


def test_what_a_picture_shows_is_read_where_tesseract_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    reads = tmp_path / "tesseract"
    reads.write_text(f"#!/bin/sh\ncat >/dev/null\necho {KEY}\n")
    reads.chmod(0o755)
    monkeypatch.setattr(image, "ocr", lambda: str(reads))
    found = scan(notebook(code("", shown(image__png=base64.b64encode(png()).decode()))), limits=Limits())
    assert places(found) == [(1, "output 1 image/png (shown)", 1, "aws-access-key-id")]


@pytest.mark.skipif(not image.ocr(), reason="no tesseract here: install it with `make system`")
def test_a_key_that_only_stands_in_the_pixels_of_a_picture_is_found():
    """By the real tesseract, in a screenshot of a terminal."""
    shown_ = Image.new("RGB", (900, 120), "white")
    ImageDraw.Draw(shown_).text((20, 40), f"key: {KEY}", "black", ImageFont.load_default(36))
    made = io.BytesIO()
    shown_.save(made, "PNG")
    book = notebook(code("", shown(image__png=base64.b64encode(made.getvalue()).decode())))
    assert places(scan(book, limits=Limits())) == [(1, "output 1 image/png (shown)", 1, "aws-access-key-id")]


def pdf(text: str) -> bytes:
    stream_ = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
               b"<</Length %d>>stream\n%s\nendstream" % (len(stream_), stream_),
               b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]  # fmt: skip
    out = b"%PDF-1.4\n"
    offsets: list[int] = []
    for number, one in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(
        b"%010d 00000 n \n" % at for at in offsets
    )
    return out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)


def test_the_pages_of_a_pdf_are_read():
    assert the(scan(pdf(KEY), "a.pdf")).place.part == "page 1"


def test_a_broken_pdf_is_not_read_and_not_clean():
    assert [one.partly for one in scan(b"%PDF-1.4\n nothing", "a.pdf").not_read] == [False]


def test_a_pdf_that_says_more_than_is_read_is_ended_and_not_clean(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pdf_reader, "_MOST_SAID", 1000)
    found = scan(pdf(f"{KEY} " + "words " * 15_000), "a.pdf")  # its reader waits for somebody to read on
    assert [one.partly for one in found.not_read] == [False]
    assert the(found).place.part == "", "its bytes are looked through all the same"


def test_code_that_speaks_of_pdf_is_code_and_a_broken_pdf_is_read_as_bytes():
    assert (found := scan(f"HEAD = b'%PDF-'\nkey = '{KEY}'\n", "a.py")).not_read == []
    assert the(found).line == 2
    assert [(one.rule, one.line) for one in scan(f"%PDF-1.4\n{KEY}\n", "a.pdf").findings] == [
        ("aws-access-key-id", 0)
    ]


def archive_of(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, content)
    return out.getvalue()


def tar_of(name: str, content: bytes, how: Literal["", "gz", "bz2", "xz"]) -> bytes:
    out = io.BytesIO()
    made: Any = vars(tarfile)["open"](fileobj=out, mode=f"w:{how}")
    member = tarfile.TarInfo(name)
    member.size = len(content)
    made.addfile(member, io.BytesIO(content))
    made.close()
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", archive_of("in/b.py", KEY.encode())),
        *((f"a.tar.{how}", tar_of("in/b.py", KEY.encode(), how)) for how in ("", "gz", "bz2", "xz")),
        ("a.zip", archive_of("c.tar.gz", tar_of("in/b.py", KEY.encode(), "gz"))),
    ],
)
def test_archives_are_read_as_if_they_were_unpacked(name: str, data: bytes):
    found = the(scan(data, name))
    assert found.place.inside.endswith("in/b.py")


def test_a_compressed_file_is_read():
    assert the(scan(gzip.compress(KEY.encode()), "a.py.gz")).rule == "aws-access-key-id"
    document = f"<w:p><w:r><w:t>{KEY[:9]}</w:t></w:r><w:r><w:t>{KEY[9:]}</w:t></w:r></w:p>".encode()
    assert the(scan(archive_of("word/document.xml", document), "a.docx")).masked == "AKIA…PD"


def test_what_cannot_be_unpacked_is_said():
    out = bytearray(archive_of("a.txt", b"x" * 50))
    out[6] |= 1  # the bit that says "encrypted", here and in the directory
    out[out.index(b"PK\x01\x02") + 8] |= 1
    assert [one.reason for one in scan(bytes(out), "a.zip").not_read] == ["is encrypted"]
    assert scan(b"7z\xbc\xaf\x27\x1c0000", "a.7z").not_read[0].reason.startswith("is compressed as 7z")
    assert not scan(gzip.compress(b"x" * 5000)[:-20], "a.gz").not_read[0].partly


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"]
)
def test_text_of_any_encoding_is_read(encoding: str):
    assert the(scan(f"ä = 1\nkey = '{KEY}'\n".encode(encoding), "a.py")).line == 2


def test_bytes_of_an_unknown_kind_are_looked_through_and_named():
    found = scan(b"\0\1\2\3\xff" * 30 + KEY.encode() + b"\0\0\1", "model.bin")
    assert the(found).rule == "aws-access-key-id"
    assert [one.partly for one in found.not_read] == [True]


def test_parquet_is_read_where_pyarrow_is_and_named_where_not():
    found = scan(b"PAR1" + b"\0" * 20 + b"PAR1", "a.parquet")
    assert not found.not_read[0].partly
    if importlib.util.find_spec("pyarrow") is None:
        assert "pyarrow" in found.not_read[0].reason


def test_the_columns_of_parquet_are_read():
    why = "no pyarrow here: install it with `bash scripts/setup.sh tests`"
    pyarrow = pytest.importorskip("pyarrow", reason=why)
    parquet = pytest.importorskip("pyarrow.parquet")
    out = io.BytesIO()
    parquet.write_table(pyarrow.table({"name": ["Jane Doe"], "n": [4]}), out)
    assert the(scan(out.getvalue(), "a.parquet")).rule == "person"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", f"KEY={KEY}"),
        (".netrc", f"machine x login y password {KEY}"),
        ("config", f"users:\n- user:\n    client-key-data: {base64.b64encode(b'-----BEGIN RSA PRIVATE KEY-----').decode()}\n"),
        ("secret.yaml", f"data:\n  key: {base64.b64encode(KEY.encode()).decode()}\n"),
        ("secret.yaml", f"data:\n  password: {base64.b64encode(b'hunter22').decode()}\n"),
        ("query.sql", f"-- {KEY}"),
        ("a.R", f"k <- '{KEY}'"),
        ("page.html", f"<!-- {KEY} -->"),
        ("page.html", f"<script>k = '{KEY}'</script>"),
    ],
)  # fmt: skip
def test_other_files_are_read(name: str, text: str):
    assert scan(text, name).findings


def test_a_table_in_base64_is_read_in_time_that_grows_with_it():
    """Every value in it stands on the same characters; each is found, and once."""
    people = [f"user{number}@firm{number}.com" for number in range(4000)]
    told = "\n".join(f"{number},{one}" for number, one in enumerate([*people, people[0]]))
    encoded = base64.b64encode(told.encode()).decode()
    for name, data in (
        ("a.py", f'table = "{encoded}"'.encode()),
        ("a.ipynb", json.dumps(notebook(code(f"table = '{encoded}'"))).encode()),
    ):
        found = examine(data, name, Look(standard()))
        assert sum(one.rule == "email" for one in found.findings) == len(people), name
