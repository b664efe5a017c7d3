"""When a jail may be entered: not before bubblewrap has built it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from nbkeep.backends.local.halves import has_built
from nbkeep.backends.local.procs import Process
from sandboxes import why_not

BWRAP = shutil.which("bwrap") or ""
pytestmark = pytest.mark.skipif(bool(why_not("plain")), reason=why_not("plain"))


@contextmanager
def held_back() -> Generator[tuple[Process, int]]:
    """Give the first process of a jail that is not built before a byte is written."""
    read_end, write_end = os.pipe()
    jail = ["--unshare-pid", "--as-pid-1", "--ro-bind", "/", "/", "--block-fd", str(read_end)]
    told, tell = os.pipe()
    outer = subprocess.Popen(
        [BWRAP, *jail, "--info-fd", str(tell), "--", "/bin/sleep", "60"], pass_fds=[read_end, tell]
    )
    os.close(tell)
    os.close(read_end)
    try:
        said = b""
        while b"}" not in said:
            said += os.read(told, 4096)
        pid = int(said.split(b'"child-pid":')[1].split(b"\n")[0].strip(b" ,}"))
        first = Process.of(pid)
        assert first is not None
        yield first, write_end
    finally:
        outer.kill()
        outer.wait()
        os.close(write_end)
        os.close(told)


def test_a_jail_that_is_being_built_is_not_entered_yet() -> None:
    with held_back() as (first, release):
        found: list[bool] = []
        looking = threading.Thread(target=lambda: found.append(has_built(first, BWRAP)))
        looking.start()
        looking.join(0.3)
        assert found == []
        os.write(release, b"1")
        looking.join(10)
        assert found == [True]
        first.send(signal.SIGKILL)


def test_a_jail_that_has_ended_is_not_entered() -> None:
    with held_back() as (first, _release):
        first.send(signal.SIGKILL)
        assert has_built(first, BWRAP) is False
