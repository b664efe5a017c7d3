"""Frozen sessions on a real node: a later warden knows them, they can be ended, and they die as others do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nbkeep.backends.local.cgroups import find_cgroups
from nbkeep.backends.local.halves import find_half
from nbkeep.model.errors import Refused
from sandboxes import Machine, make_machine, why_not

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbkeep.backends.interface import LaunchSpec


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    if (reason := why_not("root")) or find_cgroups().freezer is None:
        pytest.skip(reason or "this host cannot freeze")
    made = make_machine("root")
    yield made
    made.end()


@pytest.fixture
def frozen(machine: Machine) -> Iterator[LaunchSpec]:
    """A frozen session in which a process holds 300 MB."""
    spec = machine.spec()
    machine.client.launch(spec)
    init = machine.init(spec)
    name = f"held-{spec.session_id}"
    code = f"held = bytearray(b'x') * (300 << 20); open('{name}', 'w').close(); import time; time.sleep(600)"
    init.ask("spawn", argv=["/opt/nbkeep/image/bin/python", "-c", code], env={}, cwd="/home/user")
    wait((machine.data_dir / "homes/jane" / name).exists)
    init.close()
    machine.client.freeze(spec.session_id)
    yield spec
    machine.client.stop(spec.session_id, grace_s=0)


def wait(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def group(spec: LaunchSpec) -> Path:
    freezer = find_cgroups().freezer
    assert freezer is not None
    return freezer / spec.session_id


def pids(spec: LaunchSpec) -> list[int]:
    return [int(pid) for pid in (group(spec) / "cgroup.procs").read_text().split()]


def lives(pid: int) -> bool:
    """Tell whether a process has not ended; one whose parent is frozen is not taken note of before the thaw."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


def test_a_later_warden_finds_it_frozen_and_thaws_it(machine: Machine, frozen: LaunchSpec) -> None:
    machine.kill_warden()
    machine.start()
    assert [one.frozen for one in machine.client.sessions() if one.session_id == frozen.session_id] == [True]
    machine.client.freeze(frozen.session_id)
    machine.client.thaw(frozen.session_id)
    machine.client.thaw(frozen.session_id)
    assert not machine.status(frozen).frozen
    assert machine.run(frozen, "print('on')").output.strip() == "on"


def test_it_can_be_stopped_and_is_thawed_to_save(machine: Machine, frozen: LaunchSpec) -> None:
    known = pids(frozen)
    machine.client.ask_to_end(frozen.session_id)  # the trusted half may still save
    assert "frozen 0" in (group(frozen) / "cgroup.events").read_text()
    with pytest.raises(Refused, match="ending"):
        machine.client.freeze(frozen.session_id)
    machine.client.stop(frozen.session_id, grace_s=5)
    assert not any(map(lives, known))
    assert not group(frozen).exists()
    with pytest.raises(Refused):
        machine.client.freeze(frozen.session_id)


@pytest.mark.parametrize("half", ["server", "sandbox"])
def test_when_a_half_dies_nothing_stays_frozen(machine: Machine, frozen: LaunchSpec, half: str) -> None:
    known = pids(frozen)
    found = find_half(machine.folder(frozen), "server" if half == "server" else "sandbox")
    assert found is not None
    assert found.inner is not None
    os.kill(found.inner.pid, signal.SIGKILL)
    assert machine.exit(frozen).half == half
    wait(lambda: not any(map(lives, known)))


def test_want_of_memory_ends_what_is_frozen(machine: Machine, frozen: LaunchSpec) -> None:
    """Something else of the session's group needs the memory: the largest process goes, frozen or not."""
    memory = find_cgroups().folder("memory", frozen.session_id)
    if memory is None:
        pytest.skip("no memory cgroup here")
    largest = max(pids(frozen), key=lambda pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]))
    code = "import sys; sys.stdin.read(1); held = bytearray(b'x') * (260 << 20); print(len(held))"
    eater = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        (memory / "cgroup.procs").write_text(str(eater.pid))
        eater.communicate(b"x", timeout=60)
        wait(lambda: not lives(largest) or eater.returncode != 0)
    finally:
        eater.kill()
        eater.wait()
    assert machine.status(frozen).oom_kills > 0
    assert not lives(largest)
    assert machine.status(frozen).frozen
