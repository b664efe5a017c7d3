"""The whole way of a document: looked through, made anew, redacted, looked through again, by a child in a jail."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from nbkeep.model.gates import FORMATS
from nbkeep.rendering import job, pdf
from nbkeep.rendering.interface import Made, Order
from render_parts import code, needs_a_jail, notebook, stream, text
from scan_parts import KEY

if TYPE_CHECKING:
    from pathlib import Path


def make(tmp_path: Path, data: bytes, form: str, name: str = "report.ipynb") -> Made:
    source = tmp_path / "source"
    source.write_bytes(data)
    into = tmp_path / "into"
    into.mkdir(exist_ok=True)
    return job.make(source, Order(f"work/{name}", form), into)


@needs_a_jail
@pytest.mark.parametrize("form", ["html", "ipynb", "script"])
def test_a_key_is_found_and_is_not_in_the_redacted_version(form: str, tmp_path: Path) -> None:
    key = KEY
    made = make(
        tmp_path,
        notebook(text("# Report"), code(f"client = connect('{key}')", stream(f"using {key}\n"))),
        form,
    )
    assert made.problem == ""
    assert {(one.kind, one.place.cell) for one in made.findings} == {("secret", 2)}
    assert made.plain is not None
    assert made.redacted is not None
    assert key.encode() in made.plain.file.read_bytes()
    assert key.encode() not in made.redacted.file.read_bytes()
    assert b"connect" in made.redacted.file.read_bytes()
    assert made.preview is not None
    assert key.encode() not in made.preview.file.read_bytes()
    for page in (made.plain, made.redacted, made.preview):
        data = page.file.read_bytes()
        assert (page.size_bytes, page.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert made.plain.name == {"html": "report.html", "ipynb": "report.ipynb", "script": "report.py"}[form]


@needs_a_jail
def test_what_is_no_notebook_leaves_as_it_is_or_as_a_page(tmp_path: Path) -> None:
    data = b"a,b\n1,2\n"
    made = make(tmp_path, data, "original", "table.csv")
    assert made.plain is not None
    assert (made.plain.name, made.plain.media_type, made.plain.file.read_bytes()) == (
        "table.csv",
        "application/octet-stream",
        data,
    )
    made = make(tmp_path, b"# Title\n<script>x</script>\n", "html", "read.md")
    assert made.plain is not None
    assert b"Title</h1>" in made.plain.file.read_bytes()
    assert b"<script" not in made.plain.file.read_bytes()
    assert "no notebook" in make(tmp_path, data, "slides", "table.csv").problem


@pytest.mark.parametrize("form", FORMATS)
def test_without_bubblewrap_no_document_is_opened_and_it_is_said_what_to_install(
    form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nbkeep.rendering.jail.find", lambda: None)
    made = make(tmp_path, notebook(code("a = 1")), form)
    assert "apt-get install bubblewrap" in made.problem
    assert made.plain is None
    assert list((tmp_path / "into").iterdir()) == []


def test_without_a_browser_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nbkeep.rendering.browser.find", lambda: None)
    monkeypatch.setattr("nbkeep.rendering.jail.find", lambda: "/usr/bin/bwrap")
    assert make(tmp_path, notebook(code("a = 1")), "pdf").problem == pdf.NO_BROWSER


def test_a_file_that_is_not_there_or_is_a_link_is_a_problem(tmp_path: Path) -> None:
    assert job.make(tmp_path / "no", Order("no", "original"), tmp_path).problem
    (tmp_path / "link").symlink_to("/etc/passwd")
    made = job.make(tmp_path / "link", Order("link", "original"), tmp_path)
    assert made.problem
    assert made.plain is None
