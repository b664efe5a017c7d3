"""A server's fork is made ready beside its jail's first program, and runs nothing before that one stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from nbkeep.backends.local import parents
from nbkeep.backends.local.halves import has_built
from nbkeep.backends.local.layout import Layout, make_data_dir, make_dir
from nbkeep.backends.local.parents import Entry, Kind, NoParent, Parents
from nbkeep.backends.local.procs import Process
from sandboxes import why_not

BWRAP = shutil.which("bwrap") or ""
pytestmark = pytest.mark.skipif(bool(why_not("warm")), reason=why_not("warm"))
UID_BASE = 200_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("order")
    for one in (found, *found.parents):
        if one.is_dir() and one.stat().st_uid == os.getuid() and one != Path("/"):
            one.chmod(one.stat().st_mode | 0o011)
    return found


@pytest.fixture(scope="module")
def warm(folder: Path) -> Generator[Parents]:
    layout = Layout(folder / "data")
    make_data_dir(layout.data_dir)
    for one in (layout.sessions, layout.data_dir / "logs"):
        make_dir(one, 0o711)
    found = Parents(layout, UID_BASE, BWRAP)
    try:
        deadline = time.monotonic() + 30
        while not found.want(Kind()):
            assert time.monotonic() < deadline, "no parent gets ready"
            time.sleep(0.05)
        yield found
    finally:
        found.end()


@pytest.fixture
def jail() -> Generator[Process]:
    """The first process of a jail like a session's, which only waits."""
    told, tell = os.pipe()
    built = ["--unshare-all", "--as-pid-1", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    outer = subprocess.Popen(
        [BWRAP, *built, "--info-fd", str(tell), "--", "/bin/sleep", "60"], pass_fds=[tell]
    )
    os.close(tell)
    try:
        said = b""
        while b"}" not in said:
            said += os.read(told, 4096)
        first = Process.of(int(said.split(b'"child-pid":')[1].split(b"\n")[0].strip(b" ,}")))
        assert first is not None
        assert has_built(first, BWRAP)
        yield first
    finally:
        outer.kill()
        outer.wait()
        os.close(told)


@pytest.fixture
def log(folder: Path) -> Path:
    """Where the fork's output goes."""
    found = folder / "said"
    found.write_text("")
    return found


def entry(jail: Process, log: Path) -> Entry:
    """Return what has a fork look for a module that is nowhere: it says so as soon as it runs."""
    request: dict[str, Any] = {
        "kind": "server",
        "module": "nowhere_to_be_found",
        "arguments": [],
        "env": {"PATH": "/usr/bin", "HOME": "/"},
        "cwd": "/",
    }
    return Entry(jail, None, [], request, log)


def test_it_runs_nothing_before_the_first_program_stands(warm: Parents, jail: Process, log: Path) -> None:
    read_end, write_end = os.pipe()
    pids: list[int] = []
    forking = threading.Thread(target=lambda: pids.append(warm.fork(Kind(), entry(jail, log), read_end)))
    forking.start()
    try:
        forking.join(1.5)
        assert forking.is_alive()
        assert log.read_text() == ""
        os.write(write_end, b"1")
        forking.join(10)
        assert pids
        deadline = time.monotonic() + 10
        while "nowhere_to_be_found" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
    finally:
        os.close(write_end)
        forking.join(10)
        os.close(read_end)


@pytest.mark.parametrize("how", ["ended", "silent"])
def test_where_the_first_program_never_stands_nothing_runs_and_nobody_waits_for_ever(
    warm: Parents, jail: Process, log: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parents, "_ANSWER_S", 1.0)
    read_end, write_end = os.pipe()
    if how == "ended":
        os.close(write_end)
    try:
        with pytest.raises(NoParent, match="the jail has ended, or does not get ready"):
            warm.fork(Kind(), entry(jail, log), read_end)
        time.sleep(0.5)
        assert log.read_text() == ""
    finally:
        os.close(read_end)
        if how == "silent":
            os.close(write_end)
