"""`nbkeep scan` as a person and a pipeline see it: what it prints, how it ends, what it keeps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from nbkeep.doors.cli.app import run
from nbkeep.scanning import many
from nbkeep.scanning.files import listed
from nbkeep.scanning.interface import Hint, Hit
from nbkeep.scanning.values import Limits
from scan_parts import KEY, FewRules, Scan, code, look, notebook, save, shown, stream

OTHER = "AKIA" + "B3N6VRTYQ2WLXC8E"


def git(*args: str, folder: Path = Path()) -> str:
    home = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b"}  # fmt: skip
    return subprocess.run(
        ["git", *args], cwd=folder, check=True, capture_output=True, text=True, env=home
    ).stdout.strip()


def test_a_clean_folder_ends_with_0_and_says_what_was_read(scanned: Scan):
    Path("a.py").write_text("x = 1\n")
    ran = scanned(".")
    assert ran.code == 0
    assert ran.out.startswith("Nothing found. 1 file read")


def test_findings_are_grouped_by_file_cell_and_line_and_never_show_the_value(scanned: Scan):
    html = f"<table><tr><th>k</th></tr><tr><td>{KEY}</td></tr></table>"
    save(
        Path("train.ipynb"),
        notebook(
            code("import os"), code(["x = 1\n", f"k = '{KEY}'\n"], shown(text__html=html, text__plain=KEY))
        ),
    )
    Path(".env").write_text(f"A=1\nKEY={KEY[:6]}\u200b{KEY[6:]}\n")
    ran = scanned(".")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert lines[0] == ".env"
    assert lines[1].split()[:3] == ["line", "2", "critical"]
    assert "(encoded or split)" in lines[1]
    assert lines[3] == "train.ipynb"
    assert lines[4].startswith("  cell 2, line 2 ")
    assert "AKIA…PD" in lines[4]
    assert lines[5].startswith("  cell 2, output 1 text/html, line 1 (+1) ")
    assert "4 findings in 2 files (4 critical). 2 files read" in ran.out
    assert "What to do:" in ran.out
    for form in ((), ("--json",), ("--sarif",)):
        assert KEY not in (whole := scanned(".", *form)).out + whole.err


def test_something_unread_ends_with_2_unless_it_is_taken_for_clean(scanned: Scan):
    Path("a.7z").write_bytes(b"7z\xbc\xaf\x27\x1c0000")
    ran = scanned(".")
    assert ran.code == 2
    assert "Nothing found in what was read." in ran.out
    assert "a.7z is compressed as 7z" in ran.out
    assert "--allow-unread" in ran.err
    assert scanned(".", "--allow-unread").code == 0
    assert scanned(".", "--json").json["not_read"][0]["path"] == "a.7z"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("nowhere",), "No such file"),
        (("/dev/null",), "neither a file nor a folder"),
        ((".", "--baseline", "none.json"), "--write-baseline"),
        ((".", "--history"), "no git repository"),
        ((".", "--baseline", "a", "--write-baseline", "b"), "two files"),
        ((".", "--only", "aws-acess-key"), "aws-access-key-id"),
        ((".", "--only", "email", "--only", "zzzz"), "There is no rule zzzz"),
        ((".", "--exclude", "*"), "leaves nothing"),
        ((".", "--baseline", "/dev/zero"), "no baseline"),
        ((".", "--baseline", "pipe"), "no baseline"),
        ((".", "--baseline", "deep.json"), "no baseline"),
    ],
)
def test_a_command_that_cannot_work_never_ends_like_a_finding(
    scanned: Scan, args: tuple[str, ...], says: str
):
    Path("a.py").write_text("x = 1\n")
    Path("deep.json").write_text("[" * 200_000)
    os.mkfifo("pipe")
    ran = scanned(*args)
    assert ran.code == 2
    assert says in ran.err
    Path("bad.json").write_text('{"version": 1}')
    assert scanned(".", "--baseline", "bad.json").code == 2
    assert scanned(".", "--json", "--sarif").code == 2


def test_a_baseline_lets_known_findings_pass_and_no_other(scanned: Scan):
    Path("sub").mkdir()
    notes = Path("sub/a.py")
    notes.write_text(f"k = '{KEY}'\n")
    made = scanned(".", "--write-baseline", "known.json")
    assert made.code == 0
    kept = json.loads(Path("known.json").read_text())
    assert [(one["file"], one["rule"], one["line"]) for one in kept["findings"]] == [
        ("sub/a.py", "aws-access-key-id", 1)
    ]
    assert KEY not in Path("known.json").read_text()
    kept["findings"][0]["reason"] = "revoked in May"
    Path("known.json").write_text(json.dumps(kept))

    notes.write_text(f"# moved down\n\nk = '{KEY}'\n")
    ran = scanned(".", "--baseline", "known.json", "--json")
    assert ran.code == 0
    assert [one["allowed"] for one in ran.json["findings"]] == ["revoked in May"]

    notes.write_text(f"k = '{OTHER}'\n")
    assert scanned(".", "--baseline", "known.json", "--json").found == [("sub/a.py", "aws-access-key-id")]
    Path("b.py").write_text(f"k = '{KEY}'\n")
    assert scanned("b.py", "--baseline", "known.json").code == 1, (
        "the same value in another file is another finding"
    )

    notes.write_text(f"k = '{KEY}'\nj = '{OTHER}'\n")
    scanned("sub", "--write-baseline", "known.json")
    assert sorted(one["reason"] for one in json.loads(Path("known.json").read_text())["findings"]) == [
        "",
        "revoked in May",
    ]


def test_a_baseline_tells_nothing_of_a_value(scanned: Scan):
    """Twelve bits under a salt of its own: thousands of telephone numbers have the same."""
    for name in ("one", "two"):
        Path("a.py").write_text(f"k = '{KEY}'\n")
        scanned("a.py", "--write-baseline", f"{name}.json")
    one, two = (json.loads(Path(f"{name}.json").read_text()) for name in ("one", "two"))
    assert one["salt"] != two["salt"]
    assert len(one["findings"][0]["check"]) == 3


def test_a_mark_with_a_reason_on_its_line_allows_one_rule(scanned: Scan):
    Path("a.py").write_text(f"k = '{KEY}'  # nbkeep:allow aws-access-key-id the example of the manual\nj = '{OTHER}'  # nbkeep:allow email no\n"
                            f"i = '{OTHER[:-1]}X'  # nbkeep:allow aws-access-key-id\n")  # fmt: skip
    found = scanned("a.py", "--json")
    assert [(one["line"], one["allowed"]) for one in found.json["findings"]] == [
        (1, "the example of the manual"),
        (2, ""),
        (3, ""),
    ]
    assert len(scanned("a.py", "--json", "--no-marks").found) == 3
    save(Path("a.ipynb"), notebook(code("", stream(f"{KEY} nbkeep:allow aws-access-key-id printed by code"))))
    assert len(scanned("a.ipynb", "--json").found) == 1, "what a program prints allows nothing"
    marked = f"{KEY} nbkeep:allow aws-access-key-id it is only an example"
    save(Path("a.ipynb"), notebook(code("", metadata={"note": marked})))
    assert len(scanned("a.ipynb", "--json").found) == 1, "nobody sees what metadata say"
    Path("a.ipynb").write_text(json.dumps(notebook(code("", stream(marked))))[:-4])
    assert len(scanned("a.ipynb", "--json").found) == 1, "nor what a notebook says that cannot be opened"
    save(Path("a.ipynb"), notebook(code(f"x = 1\n# {marked}")))
    assert scanned("a.ipynb", "--json").found == []


def test_kinds_and_rules_can_be_chosen(scanned: Scan):
    Path("a.py").write_text(f"k = '{KEY}'\nmail = 'jane@acme.com'\n")
    assert [rule for _, rule in scanned(".", "--json").found] == ["aws-access-key-id", "email"]
    assert [rule for _, rule in scanned(".", "--json", "--no-personal").found] == ["aws-access-key-id"]
    assert [rule for _, rule in scanned(".", "--json", "--only", "email").found] == ["email"]


def test_folders_are_left_out_by_pattern_and_gits_own_files_always(scanned: Scan):
    for name in (
        ".venv/a.py",
        "data/x.csv",
        ".git/objects/x",
        ".git/hooks/y",
        ".git/config",
        ".ipynb_checkpoints/a-checkpoint.py",
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"k = '{KEY}'\n")
    found = scanned(".", "--json", "--exclude", ".venv", "--exclude", "data/*.csv").found
    assert [path for path, _ in found] == [".git/config", ".ipynb_checkpoints/a-checkpoint.py"]


def test_sarif_is_what_github_reads(scanned: Scan):
    save(Path("a b.ipynb"), notebook(code("1"), code(f"\nk = '{KEY}'")))
    Path("b.7z").write_bytes(b"7z\xbc\xaf\x27\x1c0000")
    run = scanned(".", "--sarif").json["runs"][0]
    result = run["results"][0]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b.ipynb"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 15
    assert "cell 2, line 2" in result["message"]["text"]
    assert (
        run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "aws-access-key-id"
    )
    assert (
        result["partialFingerprints"]
        == scanned(".", "--sarif").json["runs"][0]["results"][0]["partialFingerprints"]
    )
    assert run["invocations"][0]["executionSuccessful"] is False


def test_many_files_are_read_by_several_processes_with_the_same_result(
    scanned: Scan, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(many, "_FEW_BYTES", 0)
    for at in range(200):
        Path(f"{at:03}.py").write_text(f"k = '{KEY}'\n" if at % 50 == 0 else "x = 1\n")
    alone, several = scanned(".", "--json", "--jobs", "1"), scanned(".", "--json", "--jobs", "3")
    assert sorted(several.found) == alone.found
    assert len(alone.found) == 4
    assert several.json["files"] == 200


class DiesOfOne(FewRules):
    """A detector that a file kills, as a fault in a library would."""

    def find(self, text: str, hint: Hint) -> list[Hit]:
        if "poison" in text:
            os.kill(os.getpid(), 9)
        return super().find(text, hint)


def test_a_file_that_kills_its_reader_is_not_read_and_the_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(many, "_FEW_BYTES", 0)
    for at in range(130):
        (tmp_path / f"{at:03}.py").write_text("x = 1\n" + (f"k = '{KEY}'\n" if at % 40 == 0 else ""))
    (tmp_path / "070.py").write_text("poison")
    result = many.examine_files(
        listed([tmp_path]).entries, replace(look(), detector=DiesOfOne()), 2, lambda _one: None
    )
    assert [(Path(one.path).name, one.reason) for one in result.not_read] == [("070.py", many.ENDED)]
    assert len(result.findings) == 4
    assert result.files == 130


def test_the_history_of_git_is_read_once_with_first_commit_and_path(scanned: Scan):
    git("init", "-q", "-b", "main")
    Path("sub").mkdir()
    Path("sub/a.py").write_text(f"k = '{KEY}'\n")
    git("add", "-A")
    git("commit", "-qm", "first")
    first = git("rev-parse", "HEAD")
    for at in range(3):
        Path("sub/a.py").write_text(f"# {at}\nk = '{KEY}'\n")
        git("commit", "-qam", "again")
    Path("sub/a.py").write_text("k = os.environ['KEY']\n")
    git("commit", "-qam", f"remove it: it was {OTHER}")
    git("checkout", "-q", "-b", "side", first)
    Path("other.txt").write_text(f"{OTHER}\n")
    git("add", "-A")
    git("commit", "-qm", "on a branch")
    side = git("rev-parse", "HEAD")
    git("checkout", "-q", "main")
    git("branch", "-qD", "side")

    assert scanned(".", "--json").code == 0
    ran = scanned(".", "--history", "--json")
    rows = sorted((one["path"], one["commit"], one["line"]) for one in ran.json["findings"])
    assert ran.code == 1
    assert ("sub/a.py", first, 1) in rows
    assert len([row for row in rows if row[0] == "sub/a.py"]) == 1, "one finding, however many versions"
    assert any("message of commit" in row[0] for row in rows)
    assert any("no commit has" in row[0] for row in rows), f"what only {side} had, which no branch has"
    text = scanned("sub", "--history")
    assert f"first in {first[:12]}" in text.out
    assert "every clone" in text.out


def test_it_starts_quickly_and_loads_nothing_of_the_platform():
    look_ = "import sys; from nbkeep.doors.cli.app import run; run(['scan', '--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", look_], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {
        "sqlalchemy",
        "fastapi",
        "httpx",
        "pypdf",
        "yaml",
        "jupyterhub",
        "nbkeep.scanning.scan",
    }


def test_progress_is_for_terminals_only(scanned: Scan, monkeypatch: pytest.MonkeyPatch):
    for at in range(3):
        Path(f"{at}.py").write_text("x")
    monkeypatch.setattr(time, "monotonic", iter(range(1000)).__next__)
    assert scanned(".").err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    ran = scanned(".")
    assert "\r\033[K3 of 3 files read, 0 found\r\033[K" in ran.err


def test_limits_are_named_in_what_is_not_read(tmp_path: Path):
    (tmp_path / "big.txt").write_text("x" * 2**21)
    small = look(limits=Limits(file_bytes=2**20))
    result = many.examine_files(listed([tmp_path]).entries, small, 1, lambda _one: None)
    assert [one.reason for one in result.not_read] == ["is larger than 1 MiB"]


def test_the_built_in_rules_are_the_ones_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save(tmp_path / "a.ipynb", notebook(code(f"client(aws_access_key_id='{KEY[:8]}' + '{KEY[8:]}')")))
    assert run(["scan", str(tmp_path / "a.ipynb"), "--json"]) == 1
    out = capsys.readouterr().out
    assert [(one["rule"], one["cell"], one["line"]) for one in json.loads(out)["findings"]] == [
        ("aws-access-key-id", 1, 1)
    ]
    (tmp_path / "rules.toml").write_text("not = [toml")
    assert run(["scan", str(tmp_path / "a.ipynb"), "--rules", str(tmp_path / "rules.toml")]) == 2
    assert "rules.toml" in capsys.readouterr().err
