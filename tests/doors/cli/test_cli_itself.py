"""The command line as a program: where it connects, how it fails, how it prints, completes and starts."""

from __future__ import annotations

import importlib.metadata
import json
import os
import pty
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from cli_parts import Nbkeep

from nbkeep.doors.cli import app, connect
from nbkeep.doors.cli.app import run
from nbkeep.doors.cli.client import Api
from nbkeep.doors.cli.connect import find_target, load_credentials, save_credentials
from nbkeep.model.errors import Refused
from nbkeep.people import tokens
from office_parts import OfficeForTests

COMMAND = [sys.executable, "-c", "from nbkeep.doors.cli import main; main()"]


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"{importlib.metadata.version('nbkeep')}\n"


def test_no_command_waits_for_the_version_to_be_looked_up():
    """Forty milliseconds at each start, also of completions."""
    look = "import sys; from nbkeep.doors.cli.app import build_app; build_app(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert "importlib.metadata" not in done.stdout.split()


def test_without_an_nbkeep_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.setenv("NBKEEP_DATA", str(tmp_path / "none"))
    assert run(["user", "list"]) == 1
    assert "nbkeep up" in capsys.readouterr().err


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # httpcore forgets the socket it failed with
def test_an_office_that_does_not_run_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/operator-token").write_text("abc\n")
    monkeypatch.setenv("NBKEEP_DATA", str(tmp_path))
    assert run(["user", "list"]) == 1
    err = capsys.readouterr().err
    assert "does not answer" in err
    assert "nbkeep up" in err


def test_a_token_is_never_sent_unencrypted_over_a_network(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NBKEEP_URL", "http://nbkeep.acme.com")
    monkeypatch.setenv("NBKEEP_TOKEN", "nbk_x")
    with pytest.raises(Refused, match="not encrypted"):
        find_target()
    monkeypatch.setenv("NBKEEP_URL", "http://jane.localhost:8000/portal/")
    assert find_target().url == "http://jane.localhost:8000"


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "https://", "https://user:pw@x", "http://localhost.evil.com", "http://127.0.0.1.evil.com"],
)
def test_addresses_that_are_none_are_refused(url: str):
    with pytest.raises(Refused):
        connect.checked_url(url)


def test_what_was_said_most_explicitly_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/operator-token").write_text("of-the-operator")
    save_credentials("https://saved.acme.com", "nbk_saved")
    assert find_target().token == "nbk_saved"
    monkeypatch.setenv("NBKEEP_DATA", str(tmp_path))
    assert find_target().token == "of-the-operator"
    monkeypatch.setenv("NBKEEP_URL", "https://saved.acme.com")
    assert find_target().token == "nbk_saved"
    monkeypatch.setenv("NBKEEP_TOKEN", "nbk_env")
    assert find_target().token == "nbk_env"


def test_kept_credentials_are_for_their_owner_only(tmp_path: Path):
    file = save_credentials("https://saved.acme.com", "nbk_saved")
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_credentials() == ("https://saved.acme.com", "nbk_saved")
    file.chmod(0o644)
    with pytest.raises(Refused, match="read by others"):
        load_credentials()
    file.chmod(0o600)
    file.write_text("{")
    with pytest.raises(Refused):
        load_credentials()


def test_somebody_with_a_token_sees_their_own_and_no_more(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The account is one of `nbkeep login`; only the way to the office is that of this machine."""
    jane = served.user("jane")
    with served.store.write() as tx:
        _, token = tokens.create_token(
            tx, served.clock, jane, "cli", ["sessions", "self", "profiles:read"], 3600
        )
    file = served.settings.data_dir / "secrets/operator-token"

    def hers(_token: str, _source: str) -> str:
        return token

    monkeypatch.setattr(connect, "checked_token", hers)
    assert nbkeep("whoami", "--json").json["name"] == "jane"
    assert "jane" in nbkeep("whoami").out
    assert nbkeep("user", "list").code == 1
    assert nbkeep("session", "list").code == 0
    made = nbkeep("token", "create", "--name", "x", "--scope", "self", "--expires-in", "1d")
    assert made.out.startswith("nbk_")
    assert made.out.count("\n") == 1
    listed = nbkeep("token", "list", "--json").json
    assert {one["name"] for one in listed} == {"cli", "x"}
    assert nbkeep("token", "revoke", listed[0]["id"], "--yes").code == 0
    assert file.exists()


def test_login_keeps_a_token_that_works_and_logout_forgets_it(
    served: OfficeForTests,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
):
    jane = served.user("jane")
    with served.store.write() as tx:
        _, token = tokens.create_token(tx, served.clock, jane, "cli", ["self"], 3600)
    file = tmp_path / "token"
    file.write_text(token + "\n")
    socket = served.settings.office_socket

    # A way over the socket stands in for the network; the account and the office are real.
    def over_the_socket(target: connect.Target) -> Api:
        return connect.office_at(connect.Target("http://localhost", target.token, socket))

    monkeypatch.setattr("nbkeep.doors.cli.login.office_at", over_the_socket)
    assert run(["login", "https://nbkeep.acme.com", "--token-file", str(file)]) == 0
    assert load_credentials() == ("https://nbkeep.acme.com", token)
    file.write_text("nbk_wrong")
    assert run(["login", "https://nbkeep.acme.com", "--token-file", str(file)]) == 1
    assert load_credentials() == ("https://nbkeep.acme.com", token)
    assert run(["logout"]) == 0
    assert run(["logout"]) == 0
    assert load_credentials() is None
    assert token not in "".join(capsys.readouterr())


def test_a_fault_of_ours_leaves_a_file_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    def broken(verb: str) -> None:
        raise RuntimeError(f"boom at {verb}")

    monkeypatch.setattr(app, "_command", broken)
    assert run(["user", "list"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    (fault,) = (tmp_path / "state/nbkeep").glob("fault-*.log")
    assert str(fault) in err
    assert "boom" in fault.read_text()
    assert fault.stat().st_mode & 0o077 == 0


def test_tables_fit_80_columns_on_a_terminal_and_are_whole_when_piped(nbkeep: Nbkeep, served: OfficeForTests):
    for number in range(3):
        nbkeep(
            "user",
            "invite",
            "--email",
            f"somebody.with.a.very.long.name.{number}@department.of.acme.example.com",
        )
    assert "department.of.acme.example.com" in nbkeep("user", "list").out
    for verb in (
        ["user", "list"],
        ["profile", "list"],
        ["flavor", "list"],
        ["audit", "tail"],
        ["volume", "list"],
    ):
        shown = _on_terminal([*COMMAND, *verb], columns=80)
        assert max(map(len, shown.replace("\033[1m", "").replace("\033[0m", "").splitlines())) <= 80, shown


def test_help_comes_quickly_and_fits():
    """Measured in processor time, which a busy machine stretches less than the clock on the wall."""
    best, shown = 9.0, ""
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [*COMMAND, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "COLUMNS": "80"},
        )
        shown = done.stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert best < 0.5
    assert max(map(len, shown.splitlines())) <= 80
    for verb in app.VERBS:
        assert f"  {verb.replace('_', '-')} " in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_verbs_and_names(nbkeep: Nbkeep, served: OfficeForTests, shell: str):
    served.user("jane")
    assert "profile" in _complete(shell, "nbkeep pro", 1)
    assert "notebook-gpu-a100" in _complete(shell, "nbkeep profile show notebook-g", 3)
    assert "jane" in _complete(shell, "nbkeep user show j", 3)
    assert "--idle-stop" in _complete(shell, "nbkeep profile set x --idl", 4)


def test_completion_is_silent_when_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("NBKEEP_DATA", str(tmp_path))
    assert _complete("bash", "nbkeep user show j", 3) == ""


def test_doctor_works_before_anything_was_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.setenv("NBKEEP_DATA", "/tmp/nbk-never-made")
    code = run(["doctor", "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert code == int(any(fact["status"] == "missing" for fact in facts))
    assert {"seccomp", "bubblewrap", "cgroups", "services"} <= {fact["id"] for fact in facts}
    assert not Path("/tmp/nbk-never-made").exists()
    assert all(fact["remedy"] for fact in facts if fact["status"] in {"weaker", "missing"})


def _complete(shell: str, line: str, word: int) -> str:
    env = {**os.environ, "_NBKEEP_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(word),
           "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}  # fmt: skip
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False, env=env)
    assert "Traceback" not in done.stderr
    return done.stdout.strip()


def _on_terminal(command: list[str], columns: int) -> str:
    """Run a command with its output on a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, env={**os.environ, "COLUMNS": str(columns)}
    )
    os.close(theirs)
    out = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        out += part
        if not part:
            break
    process.wait()
    os.close(ours)
    return out.decode().replace("\r\n", "\n")
