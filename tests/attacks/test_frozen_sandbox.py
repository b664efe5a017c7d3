"""What is frozen stays frozen: code in the sandbox can neither thaw itself nor act meanwhile."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nbkeep.backends.local.cgroups import find_cgroups
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from sandboxes import Target

pytestmark = pytest.mark.attack

# A crowd that outlives its cell: each writes, wakes all others, has timers, threads and children of its own.
CROWD = """
import os, signal, threading, time
def act():
    os.setsid()
    signal.signal(signal.SIGALRM, lambda *_: written(b"a"))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    threading.Thread(target=lambda: [written(b"t") or time.sleep(0.02) for _ in iter(int, 1)], daemon=True).start()
    end = time.monotonic() + 120
    while time.monotonic() < end:
        written(b"m")
        for pid in others:
            try: os.kill(pid, signal.SIGCONT)
            except OSError: pass
        if os.fork() == 0:
            written(b"c")
            os._exit(0)
        try: os.waitpid(-1, os.WNOHANG)
        except OSError: pass
        time.sleep(0.02)
def written(what): os.write(file, what)
file = os.open("frozen-acts", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
others = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        try: act()
        finally: os._exit(0)
    others.append(pid)
time.sleep(1)
print("on")
"""
REACHES = """
import ctypes, os
reached = []
for top, folders, files in os.walk("/sys"):
    reached += [f"{top}/{name}" for name in files if name.startswith("cgroup.")]
for root in ("/sys/fs/cgroup", "/proc/1/root/sys/fs/cgroup", "/run", "/tmp/cg"):
    for name in ("cgroup.freeze", "cgroup.procs", "unified/cgroup.procs", "nbkeep/cgroup.freeze"):
        try: open(f"{root}/{name}", "w").write("0")
        except OSError: continue
        reached.append(f"{root}/{name}")
os.makedirs("/tmp/cg", exist_ok=True)
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"none", b"/tmp/cg", b"cgroup2", 0, None) == 0: reached.append("mounted")
print(reached)
raise SystemExit(1 if reached else 0)
"""


def test_a_sandbox_reaches_no_freezer(target: Target) -> None:
    target.refused(REACHES)


def test_nothing_acts_and_nobody_inside_wakes_it(target: Target) -> None:
    session_id = target.spec.session_id
    file = target.machine.data_dir / "homes" / target.spec.user / "frozen-acts"
    outcome = target.attack(CROWD)
    assert outcome.code == 0, outcome
    if not target.machine.is_root or find_cgroups().freezer is None:
        with pytest.raises(Refused) as refused:
            target.machine.client.freeze(session_id)
        assert refused.value.code == "not-frozen"
        assert target.is_well()
        return
    freezer = find_cgroups().freezer
    assert freezer is not None
    target.machine.client.freeze(session_id)
    try:
        assert target.machine.status(target.spec).frozen
        size = file.stat().st_size
        assert size > 0
        pids = [int(pid) for pid in (freezer / session_id / "cgroup.procs").read_text().split()]
        assert len(pids) > 5  # all of them are in it, however they were started
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        time.sleep(2)
        assert file.stat().st_size == size
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        # The neighbour is not.
        assert target.machine.run(target.neighbour, "print('well')").output.strip() == "well"
        assert not target.machine.status(target.neighbour).frozen
    finally:
        target.machine.client.thaw(session_id)
    deadline = time.monotonic() + 30
    while file.stat().st_size == size:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert target.is_well()
