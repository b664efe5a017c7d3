"""A kernel or the trusted half is killed at each step of a restore: nothing is lost, and nothing half is passed off as whole.

Steps are reached, not timed: what runs in the kernel stops there by itself until it is killed or let go.
"""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from session_server import RunningServer, eventually
from state_parts import begin_again, end, folder_of, keeping, kernel_of, runs, settled, summary_of

from sandboxes import images

# Runs in every kernel of this home before it is asked anything, as IPython lets its users do.
STARTUP = """
import os, socket, threading, time
def stop(step):
    if os.path.exists(step):
        with open(f"{step}.{os.getpid()}", "w"): pass
        while os.path.exists(step): time.sleep(0.01)
class Reading(socket.socket):
    def recv_into(self, *given):
        stop("filling" if threading.current_thread().name == "nbkeep-fill" else "reading")
        return super().recv_into(*given)
socket.socket = Reading
"""
CELLS = (
    "import numpy\nclass Stops:\n    def __setstate__(self, state):\n        stop('unpickling'); self.__dict__.update(state)",
    "first = [1, 2]; stops = Stops(); stops.held = first; last = {'first': first}; big = numpy.arange(2 << 20)",
)
LOOKS = "print(first, stops.held is first, last['first'] is first, big.sum() == (1 << 20) * ((2 << 20) - 1))"
WHOLE = "[1, 2] True True True\n"
STEPS = ("reading", "unpickling", "filling")


@pytest.fixture
def suspended() -> Iterator[RunningServer]:
    server = RunningServer(**keeping())
    server.python = str(images() / "base/current/env/bin/python")
    with server:
        folder = server.home / ".ipython/profile_default/startup"
        folder.mkdir(parents=True)
        (folder / "stops.py").write_text(STARTUP)
        server.put_notebook("a.ipynb", "0")
        assert runs(server, server.open_notebook("a.ipynb"), *CELLS, LOOKS) == WHOLE
        end(server)
        yield server


def resumed_until(server: RunningServer, step: str) -> int:
    """Resume, and return the kernel that stands at this step."""
    (server.home / step).touch()
    begin_again(server)
    return eventually(lambda: reached(server.home, step), 60)


def reached(home: Path, step: str) -> int:
    return next((int(path.suffix[1:]) for path in home.glob(f"{step}.*")), 0)


def kept(server: RunningServer) -> dict[Path, bytes]:
    """Return what must not change: the checkpoint's own files."""
    return {one: one.read_bytes() for one in folder_of(server).rglob("*") if one.is_file()}


def is_whole(server: RunningServer) -> None:
    """Suspend, resume and look: everything is there."""
    end(server)
    begin_again(server)
    assert runs(server, kernel_of(server, "a.ipynb"), LOOKS) == WHOLE
    (told,) = settled(server)
    assert (told["status"], told["lost"]) == ("restored", []), told
    assert len([one for one in folder_of(server).iterdir() if one.is_dir()]) == 1  # no stale slot


@pytest.mark.parametrize("step", ["reading", "unpickling"])
def test_a_kernel_that_is_killed_is_given_all_of_it_once_more(suspended: RunningServer, step: str) -> None:
    server = suspended
    before = kept(server)
    pid = resumed_until(server, step)
    (server.home / step).unlink()
    os.kill(pid, signal.SIGKILL)
    # What is run meanwhile waits for the variables, and never sees a part of them.
    assert runs(server, kernel_of(server, "a.ipynb"), LOOKS) == WHOLE, server.log()
    (told,) = settled(server)
    assert (told["status"], told["reason"], told["lost"]) == ("restored", "", [])
    (died,) = eventually(lambda: server.office.of_type("kernel.died"))
    assert "saved variables, which are safe" in died["message"]
    assert before.items() <= kept(server).items()
    is_whole(server)


def test_a_kernel_that_is_killed_before_its_memory_is_filled_is_empty_and_says_so(
    suspended: RunningServer,
) -> None:
    server = suspended
    before = kept(server)
    pid = resumed_until(server, "filling")
    kernel = kernel_of(server, "a.ipynb")
    eventually(
        lambda: server.json("GET", "nbkeep/api/state")["resumed"]["kernels"][0]["status"] == "restored"
    )
    os.kill(pid, signal.SIGKILL)

    def told() -> Any:
        (one,) = server.json("GET", "nbkeep/api/state")["resumed"]["kernels"]
        return one if one["status"] == "failed" else None

    assert "kernel" in eventually(told, 30)["reason"].lower()
    (server.home / "filling").unlink()
    assert before.items() <= kept(server).items()
    # Nobody ran anything in the empty kernel: its earlier state is better than nothing.
    is_whole(server)
    assert kernel_of(server, "a.ipynb") == kernel


@pytest.mark.parametrize("step", STEPS)
def test_a_trusted_half_that_is_killed_loses_nothing(suspended: RunningServer, step: str) -> None:
    server = suspended
    before = kept(server)
    resumed_until(server, step)
    assert server.server is not None
    server.server.kill()
    server.server.wait()
    (server.home / step).unlink()
    assert kept(server) == before
    begin_again(server)
    assert runs(server, kernel_of(server, "a.ipynb"), LOOKS) == WHOLE
    (told,) = settled(server)
    assert (told["status"], told["lost"]) == ("restored", []), told
    is_whole(server)


def test_what_a_kernel_dies_of_each_time_is_left_out_and_named(suspended: RunningServer) -> None:
    """Also two of them; their neighbours come back, and those who held them say what they go without."""
    server = suspended
    begin_again(server)
    kernel = kernel_of(server, "a.ipynb")
    fatal = "import os\nclass Fatal:\n    def __reduce__(self): return (os.kill, (0, 9))"
    runs(server, kernel, fatal, "one = Fatal(); holder = [first, one]; two = Fatal()", "after = last")
    end(server)
    begin_again(server)
    assert runs(server, kernel, LOOKS) == WHOLE, server.log()
    assert runs(server, kernel, "print(after is last, holder[0] is first, 'one' in globals())") == (
        "True True False\n"
    )
    (told,) = settled(server)
    lost = {one["name"]: one["reason"] for one in told["lost"]}
    assert told["status"] == "restored"
    assert {"one", "two"} <= set(lost)
    assert "kernel died when this was loaded" in lost["one"]
    assert summary_of(server)["kernels"][0]["kept"] >= 4
