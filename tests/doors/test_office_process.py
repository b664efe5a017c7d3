"""The office as a process: alone, killed, started again."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from nbkeep.audit.verify import verify_journal
from nbkeep.model.actor import OPERATOR
from nbkeep.settings import Settings
from nbkeep.store.database import Store

SECRETS = (
    "operator-token", "hub-token", "office-hub-token", "cookie-secret", "warden-token", "gateway-token",
)  # fmt: skip
POLICIES = "/internal/v1/gateway/policies"


@pytest.fixture
def data_dir(short_dir: Path) -> Path:
    (short_dir / "secrets").mkdir()
    for name in SECRETS:
        (short_dir / "secrets" / name).write_text(f"{name}-0123456789abcdef")
    return short_dir


def start(data_dir: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nbkeep.doors.office", "--data-dir", str(data_dir)]
    with (data_dir / "office.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def ask(data_dir: Path, path: str, who: str = "operator") -> httpx.Response:
    transport = httpx.HTTPTransport(uds=str(data_dir / "run/office/office.sock"))
    headers = {"Authorization": f"Bearer {who}-token-0123456789abcdef"}
    with httpx.Client(transport=transport, base_url="http://office", headers=headers, timeout=60) as client:
        return client.get(path)


def wait_until_it_answers(process: subprocess.Popen[bytes], data_dir: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, (data_dir / "office.log").read_text()
        with socket.socket(socket.AF_UNIX) as knock:
            try:
                knock.connect(str(data_dir / "run/office/office.sock"))
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.1)
                continue
        assert ask(data_dir, "/healthz").status_code == 200
        return
    raise AssertionError((data_dir / "office.log").read_text())


@contextmanager
def running(data_dir: Path) -> Generator[subprocess.Popen[bytes]]:
    process = start(data_dir)
    try:
        wait_until_it_answers(process, data_dir)
        yield process
    finally:
        process.kill()
        process.wait(10)


def test_it_answers_and_ends_gently_when_told_to(data_dir: Path) -> None:
    with running(data_dir) as office:
        assert ask(data_dir, "/api/v1/me").json()["name"] == "operator"
        path = data_dir / "run/office/office.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o711
        office.send_signal(signal.SIGTERM)
        assert office.wait(20) in {0, -signal.SIGTERM}
    assert "Traceback" not in (data_dir / "office.log").read_text()


def test_who_waits_for_a_change_is_answered_and_keeps_nobody_waiting(data_dir: Path) -> None:
    """A gateway asks all the time, each time for up to 20 s: `nbkeep down` would take long because of it."""
    with running(data_dir) as office, ThreadPoolExecutor(1) as pool:
        known = ask(data_dir, POLICIES, "gateway").json()["tag"]
        waits = pool.submit(ask, data_dir, f"{POLICIES}?known={known}", "gateway")
        time.sleep(2)
        assert not waits.done()
        office.send_signal(signal.SIGTERM)
        # Before its grace is over: who waits then is cut, and has no answer.
        assert waits.result(20).json()["tag"] == known
        assert office.wait(20) in {0, -signal.SIGTERM}
    assert "Traceback" not in (data_dir / "office.log").read_text()


def test_killed_and_started_again_it_goes_on_with_an_intact_journal(data_dir: Path) -> None:
    for _ in range(2):
        with running(data_dir) as office:
            os.kill(office.pid, signal.SIGKILL)
            office.wait(10)
    store = Store(Settings(data_dir=data_dir).store_url)
    report = verify_journal(store, OPERATOR)
    store.close()
    assert report.ok
    assert report.seq >= 2


def test_a_second_office_in_the_same_directory_is_refused(data_dir: Path) -> None:
    with running(data_dir):
        second = subprocess.run(
            [sys.executable, "-m", "nbkeep.doors.office", "--data-dir", str(data_dir)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert second.returncode == 1
        assert "runs already" in second.stderr
        assert "Traceback" not in second.stderr
        assert ask(data_dir, "/healthz").status_code == 200


def test_an_office_of_another_directory_on_the_same_database_is_refused(data_dir: Path) -> None:
    other = data_dir / "other"
    other.mkdir()
    (other / "secrets").symlink_to(data_dir / "secrets")
    database = Settings(data_dir=data_dir).store_url
    with running(data_dir):
        second = subprocess.run(
            [sys.executable, "-m", "nbkeep.doors.office", "--data-dir", str(other)],
            capture_output=True, text=True, check=False, timeout=60,
            env=os.environ | {"NBKEEP_DATABASE_URL": database},
        )  # fmt: skip
        assert second.returncode == 1, second.stderr
        assert (
            f"Another office works on this database: nbkeep office of {socket.gethostname()}" in second.stderr
        )
        assert str(data_dir) in second.stderr
        assert "Traceback" not in second.stderr
        assert ask(data_dir, "/healthz").status_code == 200
