"""`nbkeep leftovers`: copies that tools left behind are found and, when asked, deleted; nothing else ever is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nbkeep.doors.cli import scan as scan_verb
from nbkeep.doors.cli.app import run
from scan_parts import KEY, Ran, code, few_rules, notebook, save, stream

OTHER = "AKIA" + "Z5RNTW2MLQ7J4XDP"
Look = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a notebook out of which a key was taken, and what tools left behind of it."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(scan_verb, "detector", few_rules)
    save(folder / "orders.ipynb", notebook(code("k = read_secret()")))
    leaky = notebook(code(f"k = '{KEY}'", stream(KEY)))
    for name in (".ipynb_checkpoints/orders-checkpoint.ipynb", ".local/share/Trash/files/orders.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save(folder / name, leaky)
    for name in (".nbkeep/quarantine/orders-1a2b.ipynb", ".not-saved-orders.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save(folder / name, leaky)
    (folder / "orders.html").write_text(f"<html><p>{KEY}</p></html>")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "cached.txt").write_text(KEY)
    (folder / "orders.ipynb~").write_text(json.dumps(leaky))
    return folder


@pytest.fixture
def look(home: Path, capsys: pytest.CaptureFixture[str]) -> Look:
    """Run `nbkeep leftovers` in that folder."""

    def call(*args: str) -> Ran:
        capsys.readouterr()
        code = run(["leftovers", ".", *args])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call


LEFT = {
    ".ipynb_checkpoints/orders-checkpoint.ipynb": "checkpoint", ".local/share/Trash/files/orders.ipynb": "trash",
    "orders.html": "export", "__pycache__/cached.txt": "cache", "orders.ipynb~": "backup",
    ".nbkeep/quarantine/orders-1a2b.ipynb": "quarantine", ".not-saved-orders.ipynb": "quarantine",
}  # fmt: skip


def test_what_tools_left_behind_is_told_by_kind_and_nothing_is_deleted(home: Path, look: Look):
    ran = look("--json")
    assert ran.code == 1
    assert {one["path"]: one["kind"] for one in ran.json["leftovers"]} == LEFT
    of = {one["path"]: one["of"] for one in ran.json["leftovers"]}
    assert of["orders.html"] == of[".ipynb_checkpoints/orders-checkpoint.ipynb"] == "orders.ipynb"
    words = look()
    assert "old export of orders.ipynb" in words.out
    assert "7 files may go: add --clean" in words.err
    assert "Rotate this secret: AWS access key AKIA…PD" in words.err, "an export is made to be given away"
    assert KEY not in words.out + words.err + ran.out
    assert all((home / name).exists() for name in LEFT)


def test_they_are_deleted_when_asked_and_the_notebook_stays(home: Path, look: Look):
    ran = look("--clean", "--yes")
    assert ran.code == 0
    assert "7 files deleted" in ran.err
    assert [name for name in LEFT if (home / name).exists()] == []
    assert (home / "orders.ipynb").exists()
    again = look()
    assert again.code == 0
    assert "Nothing is left behind" in again.err


def test_nothing_is_deleted_without_a_yes(home: Path, look: Look):
    ran = look("--clean")
    assert ran.code == 2
    assert "Add --yes" in ran.err
    assert all((home / name).exists() for name in LEFT)


def test_what_is_still_in_a_file_that_is_worked_with_is_not_deleted(home: Path, look: Look):
    save(home / "other.ipynb", notebook(code(f"k = '{KEY}'")))
    (home / "__pycache__" / "more.txt").write_text(OTHER)
    ran = look("--clean", "--yes")
    assert ran.code == 1
    assert all((home / name).exists() for name in LEFT)
    assert not (home / "__pycache__" / "more.txt").exists()
    assert "still in a file that is worked with" in ran.out
    assert "remove it there first" in ran.err


def test_sources_beside_a_notebook_and_pages_without_one_are_no_leftovers(home: Path, look: Look):
    for name in ("orders.py", "orders.md", "report.html"):
        (home / name).write_text(f"k = '{OTHER}'\n")
    look("--clean", "--yes")
    assert all((home / name).exists() for name in ("orders.py", "orders.md", "report.html"))


def test_git_is_told_never_changed_and_rotation_offered(home: Path, look: Look):
    def git(*args: str) -> str:
        return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *args], cwd=home,
                              check=True, capture_output=True, text=True).stdout  # fmt: skip

    git("init", "-q")
    (home / "train.py").write_text(f"k = '{OTHER}'\n")
    git("add", "train.py")
    git("commit", "-qm", "one")
    (home / "train.py").write_text("k = read_secret()\n")
    git("commit", "-qam", "two")
    before = git("log", "--format=%H")
    ran = look("--history", "--clean", "--yes")
    assert ran.code == 1, "git still has it"
    assert "train.py: in git's history" in ran.out
    assert "Git's history stays as it is" in ran.err
    assert ran.err.count("Rotate this secret") == 2
    assert git("log", "--format=%H") == before
    assert "k = read_secret()" in (home / "train.py").read_text()


def test_a_link_in_place_of_a_folder_leads_to_no_deletion(home: Path, look: Look, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    save(outside / "orders-checkpoint.ipynb", notebook(code(f"k = '{OTHER}'")))
    (home / "sub").mkdir()
    (home / "sub" / ".ipynb_checkpoints").symlink_to(outside)
    look("--clean", "--yes")
    assert (outside / "orders-checkpoint.ipynb").exists()


def test_a_folder_swapped_for_a_link_after_the_look_is_not_followed(tmp_path: Path):
    from nbkeep.scanning import files

    (tmp_path / "root" / "sub").mkdir(parents=True)
    (tmp_path / "root" / "sub" / "a").write_text("x")
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a").write_text("x")
    entry = files.listed([tmp_path / "root"]).entries[0]
    (tmp_path / "root" / "sub").rename(tmp_path / "moved")
    (tmp_path / "root" / "sub").symlink_to(tmp_path / "far")
    assert files.remove(entry)
    assert (tmp_path / "far" / "a").exists()
    assert files.remove(files.Entry(str(tmp_path / "moved"), "gone", 0)) == "", "twice is safe"
