"""Jails that are built before their launch: no session until then, and nobody's when it does not come."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from forked import wait_until_warm
from nbkeep.backends.interface import LaunchSpec, Warm
from nbkeep.backends.local import prepared
from nbkeep.backends.local.backend import LocalBackend
from sandboxes import SECRET, Machine, make_machine, why_not

pytestmark = pytest.mark.skipif(bool(why_not("warm")), reason=why_not("warm"))


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = make_machine("warm")
    wait_until_warm(made, r"the server: \d+ MiB")  # without, nothing is prepared
    yield made
    made.end()


def until(found: Callable[[], bool], what: str, within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not found():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def bare(spec: LaunchSpec) -> LaunchSpec:
    """Return what is known of a launch before its secrets are."""
    return replace(spec, server_env={})


def firsts(machine: Machine, spec: LaunchSpec) -> dict[str, int]:
    """Return the first processes of both jails, as far as they are there."""
    found: dict[str, int] = {}
    for half in ("server", "sandbox"):
        try:
            noted = json.loads((machine.folder(spec) / f"{half}.json").read_text())
        except (OSError, ValueError):
            continue
        if noted["inner"]:
            found[half] = int(noted["inner"]["pid"])
    return found


def prepare(machine: Machine, spec: LaunchSpec) -> dict[str, int]:
    machine.client.prepare(bare(spec))
    until(lambda: len(firsts(machine, spec)) == 2, "both jails")
    return firsts(machine, spec)


def test_what_is_prepared_is_no_session_and_becomes_it_by_its_launch(machine: Machine) -> None:
    spec = machine.spec()
    built = prepare(machine, spec)
    assert machine.client.status(spec.session_id) is None
    assert spec.session_id not in {one.session_id for one in machine.client.sessions()}
    assert machine.client.launch(spec).warm
    assert firsts(machine, spec) == built, "they were built anew"
    assert machine.status(spec).alive
    assert machine.run(spec, "print(6 * 7)").output.strip() == "42"
    assert machine.client.launch(spec).server_url  # twice is safe
    assert firsts(machine, spec) == built
    machine.client.stop(spec.session_id, grace_s=0)
    assert not machine.folder(spec).exists()


def test_no_secret_comes_before_the_launch(machine: Machine) -> None:
    spec = machine.spec()
    machine.client.prepare(spec)  # with its environment, as nobody should
    time.sleep(1)
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                found = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            except OSError:
                continue
            assert SECRET.encode() not in found or spec.session_id.encode() not in found, process
    machine.client.launch(spec)
    assert machine.status(spec).alive
    machine.client.stop(spec.session_id, grace_s=0)


def test_a_launch_of_something_else_builds_anew_with_its_own_limits(machine: Machine) -> None:
    spec = machine.spec()
    built = prepare(machine, spec)
    other = replace(spec, memory_bytes=600 << 20)
    machine.client.launch(other)
    assert not set(firsts(machine, other).values()) & set(built.values())
    told = json.loads((machine.folder(other) / "limits/limits.json").read_text())
    assert told["memory_limit_bytes"] == other.memory_bytes
    until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in built.values()), "the end of the first jails"
    )
    machine.client.stop(other.session_id, grace_s=0)


@pytest.mark.parametrize("half", ["server", "sandbox"])
def test_a_jail_that_was_killed_meanwhile_is_in_no_launchs_way(machine: Machine, half: str) -> None:
    spec = machine.spec()
    os.kill(prepare(machine, spec)[half], signal.SIGKILL)
    time.sleep(0.2)
    machine.client.launch(spec)
    if half == "server":
        assert machine.status(spec).alive
    else:
        # As one that is killed a moment after its launch: it is told, and nothing of it stays.
        assert machine.exit(spec).half == "sandbox"
    machine.client.stop(spec.session_id, grace_s=0)
    assert not machine.folder(spec).exists()


def test_a_stop_leaves_nothing_of_it(machine: Machine) -> None:
    spec = machine.spec()
    built = prepare(machine, spec)
    machine.client.stop(spec.session_id, grace_s=5)
    assert not machine.folder(spec).exists()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in built.values()), "the end of both jails")


def test_a_place_in_quarantine_is_made_with_its_launch(machine: Machine) -> None:
    spec = machine.spec(quarantine=True)
    machine.client.prepare(bare(spec))
    time.sleep(0.5)
    assert not machine.folder(spec).exists()  # what is given to its home may come until the launch


def test_what_a_killed_warden_has_prepared_is_taken_down_or_launched_anew(machine: Machine) -> None:
    lost, wanted = machine.spec(), machine.spec()
    built = [pid for spec in (lost, wanted) for pid in prepare(machine, spec).values()]
    machine.kill_warden()
    machine.start()
    assert machine.client.status(lost.session_id) is None
    machine.client.launch(wanted)
    assert machine.status(wanted).alive
    assert not set(firsts(machine, wanted).values()) & set(built)
    until(lambda: not machine.folder(lost).exists(), "the end of what nobody launched")
    machine.client.stop(wanted.session_id, grace_s=0)
    machine.client.keep_warm([Warm("base")])
    for parent in ("the server", "kernels of base"):
        wait_until_warm(machine, rf"{parent}: \d+ MiB")


def test_what_is_not_launched_in_time_is_taken_down(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp"))  # short: sockets lie in it
    place.chmod(0o711)
    (place / "images").symlink_to((machine.data_dir / "images").resolve())
    monkeypatch.setattr(prepared, "_KEPT_S", 1.0)
    backend = LocalBackend(place, server_module="timeit")
    spec = machine.spec()
    folder = place / "run/s" / spec.session_id
    try:
        until(lambda: bool(backend.tick() or backend.host()) and "MiB" in told(place), "a warm parent")
        backend.prepare(bare(spec))
        until(folder.exists, "its folder")
        backend.tick()
        assert folder.exists()
        time.sleep(1.1)
        backend.tick()
        assert not folder.exists()
        backend.prepare(bare(spec))
        until(folder.exists, "its folder")
    finally:
        backend.end()
    assert not folder.exists()  # nor does it outlive the warden
    backend.delete_volume(spec.user)
    shutil.rmtree(place)


def told(data_dir: Path) -> str:
    file = data_dir / "run/parents/told.json"
    return file.read_text() if file.exists() else ""
