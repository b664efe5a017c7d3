"""One browser prints document after document: a hostile one tries to reach those after it, and what is around."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pypdf
import pytest

from nbkeep.model.clock import ManualClock
from nbkeep.rendering import job, pdf, warm
from nbkeep.rendering.interface import Order
from render_parts import code, notebook, text

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.attack,
    pytest.mark.skipif(bool(pdf.missing()), reason=pdf.missing() or "all is there"),
]
SECRET = "seven-blue-walnuts"


class Here:
    """A press whose time stands still, and the words of what it prints."""

    def __init__(self, folder: Path, documents: int) -> None:
        self.clock = ManualClock()
        self.press = warm.WarmPress(self.clock, documents=documents)
        self._folder = folder
        (folder / "out").mkdir()

    def says(self, body: str, timeout_s: float = 90) -> str:
        page = self._folder / "page.html"
        page.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{body}</body>")
        assert self.press.make(page, self._folder / "out", timeout_s=timeout_s) == ""
        made = io.BytesIO((self._folder / "out" / "page.pdf").read_bytes())
        return "\n".join(one.extract_text() for one in pypdf.PdfReader(made).pages)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    one = Here(tmp_path, documents=4)
    yield one
    one.press.close()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """A press for tests that leave its browser as it is: one takes seconds to start."""
    one = Here(tmp_path_factory.mktemp("kept"), documents=30)
    yield one
    one.press.close()


def below(pid: int) -> dict[int, str]:
    """Return what runs below a process, with how it was called."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(entry.name)] = f"{parent} {(entry / 'cmdline').read_text()}"
        except OSError:
            continue
    known = {pid}
    while more := {one for one, said in found.items() if int(said.split()[0]) in known} - known:
        known |= more
    return {one: found[one] for one in known if one in found}


def renderers(pid: int) -> set[int]:
    return {one for one, said in below(pid).items() if "--type=renderer" in said}


def is_soon(what: object, wanted: object) -> bool:
    """Wait for what the kernel or the browser ends in its own time."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if callable(what) and what() == wanted:
            return True
        time.sleep(0.05)
    return False


def is_gone(pids: set[int]) -> bool:
    return is_soon(lambda: {one for one in pids if Path(f"/proc/{one}").exists()}, set[int]())


def test_the_next_document_finds_nothing_of_the_one_before(kept: Here) -> None:
    """Neither its words nor a process that showed them; and no file, page of the browser, or script for either."""
    first = kept.says(
        f"<p id=x>{SECRET}</p><script>document.cookie='a={SECRET}';localStorage.a='{SECRET}';window.name='{SECRET}';"
        f"caches.open('a');navigator.serviceWorker.register('/a');open('about:blank','kept').document.write('{SECRET}')"
        "</script><a target=kept href='about:blank'>x</a><meta http-equiv=refresh content='0;url=about:blank'>"
    )
    assert SECRET in first
    browser = kept.press.pid
    assert browser is not None
    places = (
        "file:///proc/self/cmdline", "file:///tmp/profile", "file:///etc/passwd", "about:blank", "chrome://history",
        "chrome://version", "chrome://process-internals", "view-source:about:blank", "filesystem:http://x/", "javascript:name",
        "http://127.0.0.1/", "devtools://devtools/bundled/inspector.html",
    )  # fmt: skip
    frames = "".join(f"<iframe src='{one}' width=600 height=90></iframe>" for one in places)
    script = "<script>document.write('script-'+'ran '+document.cookie+localStorage.a+name)</script>"
    second = kept.says(f"<p>its own words</p>{frames}<object data='file:///etc/passwd'></object>{script}")
    assert kept.press.pid == browser
    assert "its own words" in second
    for never in (SECRET, "script-ran", "root:", "press_room", "Chromium", "Index of"):
        assert never not in second
    third = kept.says("<p>a third</p>")
    assert third.split() == ["a", "third"]


def test_no_process_that_shows_a_document_holds_words_of_one_before(kept: Here) -> None:
    """Also in memory that was given back: a page that takes its renderer over finds nothing there but itself."""
    assert SECRET in kept.says(f"<p>{SECRET}</p>")
    browser = kept.press.pid or 0
    assert is_soon(lambda: [one for one in renderers(browser) if SECRET.encode() in memory(one)], [])
    kept.says("<p>the words of the second</p>")
    assert kept.press.pid == browser
    said = below(browser)
    assert not [one for one in renderers(browser) if SECRET.encode() in memory(one)]
    # And it would have to leave Chromium's own sandbox first, which is on within the jail.
    assert renderers(browser)
    assert not any("--no-sandbox" in one for one in said.values())


def memory(pid: int) -> bytes:
    """Return all that a process can write to."""
    found = bytearray()
    try:
        with Path(f"/proc/{pid}/mem").open("rb", 0) as file:
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
                place, rights, *_rest = line.split()
                begin, end = (int(one, 16) for one in place.split("-"))
                # Chromium reserves gigabytes that it never touches.
                if rights.startswith("rw") and end - begin < 1 << 28:
                    with contextlib.suppress(OSError):
                        file.seek(begin)
                        found += file.read(end - begin)
    except PermissionError:
        pytest.skip("reading the memory of other processes is not allowed here")
    except (FileNotFoundError, ProcessLookupError):
        return b""  # it has ended
    return bytes(found)


def test_a_release_is_printed_by_it(kept: Here, tmp_path: Path) -> None:
    """In clear and redacted, by the same browser."""
    source = tmp_path / "a.ipynb"
    source.write_bytes(notebook(text("# A title"), code("mail = 'ada@lovelace.org'")))
    made = job.make(source, Order("a.ipynb", "pdf"), tmp_path, press=kept.press)
    assert made.problem == ""
    assert made.plain is not None
    assert made.redacted is not None
    words = [
        pypdf.PdfReader(io.BytesIO(one.file.read_bytes())).pages[0].extract_text()
        for one in (made.plain, made.redacted)
    ]
    assert [("A title" in one, "ada@lovelace.org" in one) for one in words] == [(True, True), (True, False)]
    assert kept.press.pid is not None


def test_a_browser_that_hangs_or_dies_is_replaced_and_the_document_printed_all_the_same(
    kept: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is printed by a browser of its own then; the next one that is kept is another."""
    kept.says("<p>warm</p>")
    first = kept.press.pid
    assert first is not None
    everything = set(below(first))
    for one in everything - {first}:
        with_signal(one, signal.SIGSTOP)
    kept.press.page_s = 1
    assert kept.says("<p>stopped</p>").split() == ["stopped"]
    kept.press.page_s = warm.PAGE_S
    assert is_gone(everything)
    assert kept.says("<p>again</p>").split() == ["again"]
    second = kept.press.pid
    assert second not in {None, first}
    os.kill(max(renderers(second or 0)), signal.SIGKILL)
    os.kill(second or 0, signal.SIGKILL)
    asked = note_own_browsers(monkeypatch)
    kept.says("<p>killed</p>")
    assert ["<p>killed</p>" in one for one in asked] == [True]


def note_own_browsers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have browsers for one document alone not started, and return the list of pages they are to print."""
    asked: list[str] = []

    def make(page: Path, out: Path, *, timeout_s: float) -> str:
        assert timeout_s > 0
        asked.append(page.read_text())
        blank = pypdf.PdfWriter()
        blank.add_blank_page(100, 100)
        blank.write(out / "page.pdf")
        return ""

    monkeypatch.setattr(pdf, "make", make)
    return asked


def with_signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def test_a_browser_prints_so_many_documents_and_lives_so_long(here: Here) -> None:
    seen: list[int | None] = []
    for number in range(3):
        here.says(f"<p>{number}</p>")
        seen.append(here.press.pid)
    assert len(set(seen)) == 1
    here.says("<p>the fourth, and last</p>")
    assert here.press.pid is None
    assert is_gone({seen[0] or 0})
    here.says("<p>the next</p>")
    old = here.press.pid
    here.clock.advance(seconds=warm.IDLE_S - 1)
    here.press.round()
    assert here.press.pid == old
    here.clock.advance(seconds=2)
    here.press.round()
    assert is_gone({old or 0})


def test_nothing_is_left_running_after_the_office(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does anything start then; a PDF that is asked for still comes, of a browser of its own."""
    here.says("<p>x</p>")
    there = set(below(here.press.pid or 0))
    assert len(there) > 2
    here.press.close()
    assert is_gone(there)
    here.press.begin()
    asked = note_own_browsers(monkeypatch)
    here.says("<p>late</p>")
    assert ["<p>late</p>" in one for one in asked] == [True]
    assert here.press.pid is None


_OFFICE = """
import sys, time
from pathlib import Path
from nbkeep.model.clock import SystemClock
from nbkeep.rendering.warm import WarmPress
press = WarmPress(SystemClock())
press.make(Path(sys.argv[1]), Path(sys.argv[2]), timeout_s=90)
print(press.pid, flush=True)
time.sleep(600)
"""


def test_nothing_is_left_running_after_an_office_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<!DOCTYPE html><p>x</p>")
    office = subprocess.Popen(
        [sys.executable, "-c", _OFFICE, str(tmp_path / "a.html"), str(tmp_path)], stdout=subprocess.PIPE
    )
    assert office.stdout is not None
    with office.stdout as said:
        there = set(below(int(said.readline())))
    assert len(there) > 2
    office.kill()
    office.wait()
    assert is_gone(there)
