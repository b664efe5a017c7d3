"""Who writes documents tries to get past what examines them while they are saved, or to hurt it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from nbkeep.model.gates import Found, Gate
from nbkeep.scanning.documents.image import NO_OCR
from nbkeep.scanning.scan import is_unread
from nbkeep.scanning.values import NotRead, Place
from nbkeep_runtime.server import atomic
from nbkeep_runtime.server.examining import policy, quarantine
from nbkeep_runtime.server.examining.examiner import Examiner, NotSaved
from nbkeep_runtime.server.examining.reader import Reader
from nbkeep_runtime.server.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbkeep_runtime.server.office import Office

KEY = (
    "AKIA" + "QX7TLMPN" + "2VKRSW4D"
)  # not a key of anybody; in parts, so that no scanner of this file minds
NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Strict:
    """An office by whose policy nothing is saved but what is clean."""

    def __init__(self, decision: Any = "deny") -> None:
        no, yes = {"decision": decision, "scope": "everywhere"}, {"decision": "allow", "scope": "default"}
        said = {"secret": no, "personal": no, "unread": no, "nothing": yes}
        self.view = {"leaving": {"save": said, "download": said}}

    def record(self, kind: str, **_fields: object) -> str:
        return kind


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader(timeout_s=20)
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path, "/home/user")
    yield made
    made.close()


def examined(reader: Reader, path: Path, name: str = "a.ipynb", *, strict: bool = False) -> frozenset[Found]:
    file = os.open(path, os.O_RDONLY)
    try:
        return reader.examine(file, name, strict=strict).found
    finally:
        os.close(file)


def saved(home: Home, reader: Reader, path: str, data: bytes) -> None:
    examiner = Examiner(home, cast("Office", Strict()), reader)

    def before(file: int, folder: int, part: str) -> None:
        examiner.before_replace(path, file, folder, part)

    atomic.write(home, path, lambda file: cast("None", file.write(data)), before)


def test_a_scanner_that_is_killed_or_hangs_never_says_clean(reader: Reader, tmp_path: Path) -> None:
    document = tmp_path / "a.ipynb"
    document.write_text('{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}')
    assert examined(reader, document) == {Found.NOTHING}
    assert reader.pid is not None
    os.kill(reader.pid, signal.SIGSTOP)
    killer = threading.Timer(0.5, os.kill, (reader.pid, signal.SIGKILL))
    killer.start()
    assert examined(reader, document) == {Found.UNREAD}
    assert examined(reader, document) == {Found.NOTHING}  # by a new one
    hasty = Reader(timeout_s=4)
    try:
        examined(hasty, document)
        assert hasty.pid is not None
        os.kill(hasty.pid, signal.SIGSTOP)
        begun = time.monotonic()
        assert examined(hasty, document) == {Found.UNREAD}
        assert time.monotonic() - begun < 20
        assert hasty.pid is None
    finally:
        hasty.close()


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 200_000,
        b'{"cells": [' + b'{"a": ' * 50_000,
        json.dumps({"cells": [{"cell_type": "code", "source": f"k = '{KEY}'"}] * 3}).encode()[:-20],
        b"\xff\xfe" + b"\x00" * 1000,
        b'{"cells": 5, "cells": [{"source": {"source": []}, "outputs": [[[]], 5, null]}]}',
    ],
)
def test_a_document_made_to_hurt_leaves_the_scanner_at_work(
    reader: Reader, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "bad.ipynb").write_bytes(data)
    examined(reader, tmp_path / "bad.ipynb")
    (tmp_path / "good.py").write_text(f"key = '{KEY}'")
    assert examined(reader, tmp_path / "good.py", "good.py") == {Found.SECRET}


def pdf(text: str) -> bytes:
    """A sound one of one page; pypdf finds its objects without a table of them."""
    shown = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET"
    return (
        "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
        "2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n"
        "3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        "/Resources<</Font<</F1 5 0 R>>>>>>\nendobj\n"
        f"4 0 obj\n<</Length {len(shown)}>>stream\n{shown}\nendstream\nendobj\n"
        "5 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>\nendobj\n"
        "trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n0\n%%EOF\n"
    ).encode()


def test_a_scanner_that_may_write_nowhere_reads_a_pdf_all_the_same(reader: Reader, tmp_path: Path) -> None:
    for text, found in (("nothing", Found.NOTHING), (f"key {KEY}", Found.SECRET)):
        (tmp_path / "a.pdf").write_bytes(pdf(text))
        assert examined(reader, tmp_path / "a.pdf", "a.pdf") == {found}


def test_what_is_read_only_in_part_is_no_clean_download(reader: Reader, tmp_path: Path) -> None:
    """As at a release: the picture is broken, so what it shows was never read."""
    broken = tmp_path / "a.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR" + b"\0" * 5)
    assert examined(reader, broken, "a.png") == {Found.NOTHING}, "a save of it goes on"
    assert examined(reader, broken, "a.png", strict=True) == {Found.UNREAD}
    shown_in = [Place(cell=1, part="output 1 image/png"), Place()]
    missed = [is_unread(NotRead("b", place, NO_OCR, partly=True)) for place in shown_in]
    assert missed == [False, True], "a plot is in every notebook"


@pytest.mark.parametrize("name", ["../../etc/passwd\n", "\udc80.py", "a" * 5000, '"}{"name": "x', "\0"])
def test_no_name_gets_a_document_past_the_scanner(reader: Reader, tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_text(f"key = '{KEY}'")
    assert examined(reader, tmp_path / "a", name) in ({Found.SECRET}, {Found.UNREAD})


def test_a_link_in_the_place_of_the_quarantine_leads_nowhere(
    home: Home, reader: Reader, tmp_path: Path
) -> None:
    shown = tmp_path / "shared"
    shown.mkdir()
    (tmp_path / ".nbkeep").mkdir()
    (tmp_path / ".nbkeep/quarantine").symlink_to(shown)
    (tmp_path / "work.py").write_text("x = 1")
    with pytest.raises(NotSaved) as stopped:
        saved(home, reader, "work.py", f"key = '{KEY}'".encode())
    assert list(shown.iterdir()) == []
    copy = tmp_path / stopped.value.blocked.copy
    assert copy.read_text() == f"key = '{KEY}'"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "work.py").read_text() == "x = 1"
    (tmp_path / ".nbkeep/quarantine").unlink()
    (tmp_path / ".nbkeep/quarantine").write_text("a file")
    with pytest.raises(NotSaved) as again:
        saved(home, reader, "work.py", f"key = '{KEY}'  # 2".encode())
    assert (tmp_path / again.value.blocked.copy).read_text().endswith("# 2")


def test_copies_of_one_document_do_not_push_out_those_of_another(home: Home, tmp_path: Path) -> None:
    for at, path in enumerate(["a/x.py", *["b/x.py"] * 9]):
        (tmp_path / "part").unlink(missing_ok=True)
        (tmp_path / "part").write_text(f"{at}")
        with home.folder("") as folder:
            quarantine.keep(home, folder, "part", path, NOW)
    kept = sorted(one.read_text() for one in (tmp_path / ".nbkeep/quarantine").iterdir())
    assert kept == ["0", "5", "6", "7", "8", "9"]


def test_copies_beside_documents_do_not_pile_up_and_take_nothing_else_away(
    home: Home, tmp_path: Path
) -> None:
    """Where the quarantine cannot be used; a folder of the author has files of theirs in it, too."""
    (tmp_path / ".nbkeep").write_text("no folder")
    theirs = [".not-saved-x.py", ".not-saved-list.txt", "x-1a2b-20260101-000000-abcd.py", "x.py"]
    for name in theirs:
        (tmp_path / name).write_text("theirs")
    with home.folder("") as folder:
        for at in range(9):
            (tmp_path / "part").unlink(missing_ok=True)
            (tmp_path / "part").write_text(f"{at}")
            first = quarantine.keep(home, folder, "part", "x.py", NOW)
            again = quarantine.keep(home, folder, "part", "x.py", NOW)
            assert first.path.startswith(".not-saved-x-")
            assert (first.is_new, again.is_new, again.path) == (True, False, first.path)
        for at in range(130):
            (tmp_path / "part").unlink()
            (tmp_path / "part").write_text(f"other {at}")
            assert (tmp_path / quarantine.keep(home, folder, "part", f"{at}.py", NOW).path).exists()
    copies = [one for one in tmp_path.glob(".not-saved-*") if one.name not in theirs]
    assert len(copies) == 100
    assert sum(one.name.startswith(".not-saved-x-") for one in copies) <= 5
    assert [(tmp_path / name).read_text() for name in theirs] == ["theirs"] * 4


def test_a_key_that_is_written_twice_is_told_at_a_save(reader: Reader, tmp_path: Path) -> None:
    cell = '{"cell_type": "code", "metadata": {}, "outputs": [], "source": "a = 1", "source": "b = 2"}'
    (tmp_path / "a").write_text(
        f'{{"cells": [{cell}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}'
    )
    for strict in (False, True):
        with (tmp_path / "a").open("rb") as file:
            told = reader.examine(file.fileno(), "a.ipynb", strict=strict)
        assert told.found == {Found.UNREAD}
        assert [one["reason"] for one in told.unread] == [
            "is ambiguous: a key written twice, and readers disagree about which one counts"
        ]


@pytest.mark.parametrize("said", ["maybe", "", None, 5, ["allow"], {"allow": 1}])
def test_a_word_that_is_no_decision_is_no_leave(said: Any) -> None:
    view = Strict(said).view
    for gate in (Gate.SAVE, Gate.DOWNLOAD):
        assert not policy.judge(view, gate, [Found.SECRET]).is_allowed
    assert not policy.judge(None, Gate.DOWNLOAD, [Found.NOTHING]).is_allowed
    assert not policy.judge({"leaving": {}}, Gate.DOWNLOAD, [Found.NOTHING]).is_allowed
    assert not policy.judge(view, Gate.DOWNLOAD, []).is_allowed


def test_the_scanner_has_no_token_and_opens_no_file_of_the_session(tmp_path: Path) -> None:
    if cast("int", ctypes.CDLL(None).syscall(444, None, 0, 1)) < 1:
        pytest.skip("this kernel has no Landlock")
    (tmp_path / "token").write_text("t")
    code = (
        "import sys; from nbkeep_runtime.server.examining import landlock\n"
        "assert landlock.only_programs()\n"
        "import json.tool\n"  # programs can still be read
        "for mode in 'rw':\n"
        "    try: open(sys.argv[1], mode)\n"
        "    except PermissionError: pass\n"
        "    else: sys.exit(7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, tmp_path / "token"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_environment_of_the_scanner_holds_nothing(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBKEEP_SESSION_TOKEN", "secret-of-the-session")
    (tmp_path / "a.py").write_text("x")
    examined(reader, tmp_path / "a.py")
    assert b"secret-of-the-session" not in Path(f"/proc/{reader.pid}/environ").read_bytes()
