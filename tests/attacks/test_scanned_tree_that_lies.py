"""A home or a repository belongs to somebody who wants the scanner to run, to read or to print something else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from nbkeep.doors.cli import scan as scan_verb
from nbkeep.doors.cli.app import run
from nbkeep.model.errors import Refused
from nbkeep.scanning import files, history
from nbkeep.scanning.values import Limits
from scan_parts import KEY, code, few_rules, notebook, shown, stream


def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str]:
    monkeypatch.setattr(scan_verb, "detector", few_rules)
    code = run(["scan", *args])
    out, err = capsys.readouterr()
    return code, out + err


def test_links_out_of_the_root_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "key.py").write_text(KEY)
    root = tmp_path / "root"
    root.mkdir()
    (root / "file.py").symlink_to(outside / "key.py")
    (root / "folder").symlink_to(outside)
    (root / "round").symlink_to(root)
    os.mkfifo(root / "pipe.py")
    code, out = ran(monkeypatch, capsys, str(root))
    assert (code, out.startswith("Nothing found. 0 files read")) == (0, True)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_put_in_place_after_the_listing_is_not_followed(tmp_path: Path, what: str):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text(KEY)
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub/a.py").write_text("x")
    (entry,) = files.listed([root]).entries
    (root / "sub/a.py").unlink()
    if what == "file":
        (root / "sub/a.py").symlink_to(outside / "a.py")
    else:
        (root / "sub").rmdir()
        (root / "sub").symlink_to(outside)
    assert str(files.read_whole(entry, 2**20)).startswith("cannot be opened")


def test_a_pipe_put_in_place_of_a_file_stops_nothing(tmp_path: Path):
    (tmp_path / "a.py").write_text("x")
    (entry,) = files.listed([tmp_path]).entries
    (tmp_path / "a.py").unlink()
    os.mkfifo(tmp_path / "a.py")
    assert files.read_whole(entry, 2**20) == "is no file any more"


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "a.py"
    file.write_text("x" * 1000)
    (entry,) = files.listed([tmp_path]).entries
    real = os.fstat

    def written_meanwhile(fd: int) -> os.stat_result:
        found = real(fd)
        with file.open("a") as more:
            more.write("y")
        return found

    monkeypatch.setattr(os, "fstat", written_meanwhile)
    assert files.read_whole(entry, 2**20) == "is changed while it is read"


def test_a_file_that_grows_without_end_is_bounded(tmp_path: Path):
    file = tmp_path / "a.log"
    file.write_bytes(b"x" * 2**20)
    (entry,) = files.listed([tmp_path]).entries
    stop = threading.Event()

    def grow() -> None:
        with file.open("ab") as more:
            while not stop.is_set():
                more.write(b"y" * 4096)
                more.flush()
                if more.tell() > 2**24:
                    return

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        found = files.read_whole(entry, 2**21)
    finally:
        stop.set()
        writer.join()
    assert isinstance(found, str) or len(found) <= 2**21


def test_names_and_findings_cannot_steer_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    evil = "a\x1b[2J\x1b]0;owned\x07\n.py"
    (tmp_path / evil).write_text(f"password = \x1b[31;1m{KEY}\x9b2J\u202e\n")
    (tmp_path / "\udcff.py").write_text(KEY)
    (tmp_path / "z\x1b[1m.7z").write_bytes(b"7z\xbc\xaf\x27\x1c0000")
    for form in ((), ("--json",), ("--sarif",)):
        code, out = ran(monkeypatch, capsys, str(tmp_path), *form)
        assert code == 1
        assert all(char.isprintable() or char == "\n" for char in out)
        out.encode()


def git(*args: str, folder: Path, given: str = "") -> str:
    env = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    return subprocess.run(
        ["git", *args], cwd=folder, check=True, capture_output=True, text=True, env=env, input=given
    ).stdout.strip()


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """A repository in which all that git would run touches a file, with an object missing that would be fetched."""
    repository, mark = tmp_path / "repo", tmp_path / "ran"
    repository.mkdir()
    git("init", "-q", "-b", "main", folder=repository)
    (repository / "a.py").write_text(f"k = '{KEY}'\n")
    (repository / ".gitattributes").write_text("* filter=evil diff=evil textconv=evil\n")
    git("add", "-A", folder=repository)
    git("commit", "-qm", "first", folder=repository)
    (repository / "b.py").write_text("x = 1\n")
    git("add", "-A", folder=repository)
    git("commit", "-qm", "second", folder=repository)
    touch = f"touch {mark}"
    for key, value in {
        "core.fsmonitor": touch, "core.pager": touch, "core.sshCommand": touch, "core.askPass": touch, "core.editor": touch,
        "diff.external": touch, "diff.evil.textconv": touch, "diff.evil.command": touch, "filter.evil.smudge": touch,
        "filter.evil.clean": touch, "filter.evil.process": touch, "gpg.program": str(mark) + ".sh", "log.showSignature": "true",
        "credential.helper": f"!{touch}", "uploadpack.packObjectsHook": touch, "alias.rev-list": f"!{touch}",
        "alias.cat-file": f"!{touch}", "core.alternateRefsCommand": touch, "extensions.partialClone": "origin",
        "remote.origin.url": f"ext::sh -c touch% {mark}", "remote.origin.promisor": "true", "protocol.ext.allow": "always",
        "remote.origin.uploadpack": touch, "core.repositoryFormatVersion": "1", "pager.cat-file": touch, "pager.rev-list": touch,
    }.items():  # fmt: skip
        git("config", key, value, folder=repository)
    hooks = repository / ".git/hooks"
    for name in (
        "post-checkout",
        "reference-transaction",
        "pre-auto-gc",
        "post-index-change",
        "fsmonitor-watchman",
    ):
        (hooks / name).write_text(f"#!/bin/sh\n{touch}\n")
        (hooks / name).chmod(0o755)
    return repository, mark


def test_a_hostile_repository_makes_git_run_nothing(
    hostile: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    repository, mark = hostile
    code, out = ran(monkeypatch, capsys, str(repository), "--history")
    assert code == 1
    assert "git history" in out
    assert not mark.exists()


def test_an_object_that_would_have_to_be_fetched_is_not(hostile: tuple[Path, Path]):
    """A promised object is fetched from a "remote" that is a command: the best known way to run code by reading."""
    repository, mark = hostile
    tree = git("rev-parse", "HEAD~1^{tree}", folder=repository)
    (repository / ".git/objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(Exception, match="git cannot read the history"):
        history.kept(repository / ".git", Limits())
    assert not mark.exists()


def test_a_repository_of_another_owner_is_read(hostile: tuple[Path, Path]):
    """An officer reads it; git's refusal ("dubious ownership") is there because of what is switched off here."""
    repository, _ = hostile
    if os.geteuid() == 0:
        for path in (repository, repository / ".git"):
            os.chown(path, 12345, 12345)
    found = history.kept(repository / ".git", Limits()).wanted
    assert {one.path for one in found if one.kind == "blob"} == {"a.py", "b.py", ".gitattributes"}


def test_objects_put_in_the_place_of_others_are_not_looked_through_instead(hostile: tuple[Path, Path]):
    repository, _ = hostile
    blob = git("rev-parse", "HEAD:a.py", folder=repository)
    clean = subprocess.run(["git", "hash-object", "-w", "--stdin"], cwd=repository, input="fine\n", text=True, capture_output=True, check=True,
                           env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}).stdout.strip()  # fmt: skip
    git("replace", blob, clean, folder=repository)
    found = history.kept(repository / ".git", Limits()).wanted
    contents = {one.sha: data for one, data in history.contents(repository / ".git", found)}
    assert KEY.encode() in contents[blob]


def names(tmp_path: Path) -> Path:
    """A folder in which what documents call their parts are values, some of them where a name is cut short."""
    root = tmp_path / "named"
    root.mkdir()
    far = "x" * 90 + " " + KEY
    cells = [code(KEY, stream(KEY, name), shown(**{f"{name}": {"a": KEY}}), id=name) for name in (KEY, far)]
    inside = {"cell_type": "markdown", "source": "", "metadata": {},
              "attachments": {name: {"text/plain": KEY} for name in (KEY, far)}}  # fmt: skip
    (root / "a.ipynb").write_text(json.dumps(notebook(*cells, inside)))
    with zipfile.ZipFile(root / "a.zip", "w") as made:
        made.writestr(f"{KEY}/{KEY}.py", KEY)
        made.writestr(f"{KEY}.7z", b"7z\xbc\xaf\x27\x1c0000")
    return root


@pytest.mark.parametrize("form", [(), ("--json",), ("--sarif",)])
def test_values_in_names_are_masked_as_they_are_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: tuple[str, ...]
):
    code_, out = ran(monkeypatch, capsys, str(names(tmp_path)), *form)
    assert code_ == 1
    assert "attachment" in out
    assert KEY[:6] not in out


def trap(root: Path, what: str) -> None:
    """Make the repository below a folder lead elsewhere, or wait."""
    kept = root / ".git"
    if what == "link":
        kept.rename(root.parent / "elsewhere")
        kept.symlink_to(root.parent / "elsewhere")
    elif what == "gitdir":
        kept.rename(root.parent / "elsewhere")
        kept.write_text(f"gitdir: {root.parent / 'elsewhere'}\n")
    elif what == "pipe":
        os.mkfifo(kept / "packed-refs")
    elif what == "pipe-of-a-ref":
        os.mkfifo(kept / "refs/heads/x")
    elif what == "link-within":
        (kept / "refs/heads/x").symlink_to("/dev/zero")
    elif what == "alternates":
        (kept / "objects/info/alternates").write_text("/elsewhere\n")
    elif what == "commondir":
        (kept / "commondir").write_text("/elsewhere\n")
    elif what == "broken":
        (kept / "HEAD").write_text("nothing")
    elif what == "empty":
        shutil.rmtree(kept)
        kept.mkdir()


@pytest.mark.parametrize(
    "what",
    ["link", "gitdir", "pipe", "pipe-of-a-ref", "link-within", "alternates", "commondir", "broken", "empty"],
)
def test_a_history_that_leads_elsewhere_or_waits_is_not_read_and_loses_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
):
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.py").write_text(f"k = '{KEY}'\n")
    git("init", "-q", folder=root)
    trap(root, what)
    code_, out = ran(monkeypatch, capsys, str(root), "--history", "--json")
    found = json.loads(out)
    assert code_ == 1
    assert [(Path(one["path"]).name, one["rule"]) for one in found["findings"]] == [
        ("a.py", "aws-access-key-id")
    ]
    assert ["history that was not read" in one["reason"] for one in found["not_read"]] == [True]
    (root / "a.py").unlink()
    assert ran(monkeypatch, capsys, str(root), "--history")[0] == 2, "not clean, for its history is not known"


def test_links_that_people_put_beside_a_history_stop_nothing(hostile: tuple[Path, Path]):
    repository, _ = hostile
    (repository / ".git/hooks/pre-commit").symlink_to(repository / "a.py")
    assert history.kept(repository / ".git", Limits()).wanted


def test_a_few_trees_that_stand_for_millions_of_files_are_read_in_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    git("init", "-q", folder=tmp_path)
    key = git("hash-object", "-w", "--stdin", folder=tmp_path, given=f"k = '{KEY}'\n")
    row, kind = f"100644 blob {key}", "tree"
    for _ in range(5):
        made = git("mktree", folder=tmp_path, given="".join(f"{row}\t{name}\n" for name in "abcdefghij"))
        row = f"040000 {kind} {made}"
    first = git("commit-tree", "-m", "x", row.split()[2], folder=tmp_path)
    late = git("hash-object", "-w", "--stdin", folder=tmp_path, given=f"k = '{KEY[::-1]}' + '{KEY}'\n")
    last = git("mktree", folder=tmp_path, given=f"100644 blob {late}\tlate\n")
    git(
        "update-ref",
        "refs/heads/main",
        git("commit-tree", "-m", "y", "-p", first, last, folder=tmp_path),
        folder=tmp_path,
    )
    monkeypatch.setattr(history, "MOST_CHANGES", 1000)
    looked: list[bytes] = []
    tokens = history.tokens

    def counted(out: IO[bytes]) -> Iterator[bytes]:
        for one in tokens(out):
            looked.append(one)
            yield one

    monkeypatch.setattr(history, "tokens", counted)
    listed = history.kept(tmp_path / ".git", Limits())
    assert listed.cut
    assert len(looked) < 3000
    assert {key, late} <= {one.sha for one in listed.wanted}, "what they hold is read all the same"
    code_, out = ran(monkeypatch, capsys, str(tmp_path), "--history", "--json")
    assert code_ == 1
    assert [one["partly"] for one in json.loads(out)["not_read"]] == [True]


def test_a_history_that_never_answers_is_given_up(
    hostile: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    """A pipe that was put in place after the look at the folder; git waits for somebody to write."""
    repository, _ = hostile
    monkeypatch.setattr(history, "_refuse_traps", bool)
    listed = history.kept(repository / ".git", Limits())
    monkeypatch.setattr(history, "_LONGEST_S", 0.3)
    (repository / ".git/config").unlink()
    os.mkfifo(repository / ".git/config")
    with pytest.raises(Refused, match="does not answer"):
        history.kept(repository / ".git", Limits())
    with pytest.raises(Refused, match="cannot give it out"):
        list(history.contents(repository / ".git", listed.wanted))
