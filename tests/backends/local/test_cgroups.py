"""Limits reach the kernel's files, on each version of cgroups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbkeep.backends.local.cgroups import Cgroups, Limits, find_cgroups

LIMITS = Limits(memory_bytes=256 << 20, cpu_millis=1500, pids_max=77)


@pytest.mark.root
def test_limits_are_those_that_were_asked_for() -> None:
    cgroups = find_cgroups()
    if len(cgroups.parents) != 3 or os.geteuid() != 0:
        pytest.skip("no writable memory, cpu and pids cgroups here: run as root or delegate a group")
    name = f"test-{os.getpid()}"
    try:
        joins = cgroups.make(name, LIMITS)
        assert cgroups.make(name, LIMITS) == joins
        assert all(file.name == "cgroup.procs" and file.exists() for file in joins)
        assert (cgroups.parents["pids"] / name / "pids.max").read_text().strip() == "77"
        use = cgroups.memory(name)
        assert use is not None
        assert use.oom_kills == 0
    finally:
        cgroups.remove(name)
    assert cgroups.memory(name) is None
    cgroups.remove(name)


def test_version_2_is_given_its_own_files_and_one_place_to_join(tmp_path: Path) -> None:
    cgroups = Cgroups(
        dict.fromkeys(("memory", "pids", "cpu"), tmp_path), dict.fromkeys(("memory", "pids", "cpu"), 2)
    )
    group = tmp_path / "ses"
    group.mkdir()
    (group / "memory.swap.max").touch()
    assert cgroups.make("ses", LIMITS) == [group / "cgroup.procs"]
    assert {file.name: file.read_text() for file in group.iterdir()} == {
        "memory.max": str(256 << 20), "memory.swap.max": "0", "cpu.max": "150000 100000", "pids.max": "77",
    }  # fmt: skip
    (group / "memory.current").write_text("5000\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 1000\n")
    (group / "memory.peak").write_text("9000\n")
    (group / "memory.events").write_text("oom 3\noom_kill 2\n")
    use = cgroups.memory("ses")
    assert use is not None
    assert (use.used_bytes, use.peak_bytes, use.oom_kills) == (4000, 9000, 2)


def test_without_cgroups_there_is_nothing_to_join() -> None:
    none = Cgroups({}, {})
    assert none.make("ses", LIMITS) == []
    assert none.memory("ses") is None
    assert none.memory_kind == "none"
