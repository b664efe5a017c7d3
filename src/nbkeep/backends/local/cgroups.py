"""Limits of memory (swap included), CPU and processes by cgroup v2, v1 or both, as the host has them.

Groups are frozen in the v2 hierarchy alone, which needs no controller for it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path

_CONTROLLERS = ("memory", "pids", "cpu")
_PERIOD_US = 100_000
# Below one hundredth of a CPU the kernel refuses the quota.
_MIN_CPU_MILLIS = 10
_UNLIMITED = 1 << 60


@dataclass(frozen=True)
class Limits:
    """What one half may use."""

    memory_bytes: int
    cpu_millis: int
    pids_max: int


@dataclass(frozen=True)
class MemoryUse:
    """Bytes without reclaimable file cache; None where the kernel does not tell."""

    used_bytes: int | None
    peak_bytes: int | None
    oom_kills: int


@dataclass(frozen=True)
class Cgroups:
    """The folders below which groups are made, by controller. Empty: this host, or this user, has none.

    `freezer`: the folder of the v2 hierarchy, where groups can be frozen.
    """

    parents: dict[str, Path]
    versions: dict[str, int]
    freezer: Path | None = None

    @property
    def memory_kind(self) -> str:
        """`v1`, `v2` or `none`."""
        return f"v{self.versions['memory']}" if "memory" in self.versions else "none"

    def make(self, name: str, limits: Limits) -> list[Path]:
        """Make a group per hierarchy with its limits and return the files that a process joins them by.

        Twice is safe. Raises OSError when a limit cannot be set: nothing must run without it.
        """
        for controller, parent in self.parents.items():
            group = parent / name
            group.mkdir(exist_ok=True)
            group.chmod(0o755)  # the trusted half reads its use here, under a user id of its own
            for file, value in _settings(controller, self.versions[controller], limits):
                _write(group / file, value)
        if self.freezer is not None:
            (self.freezer / name).mkdir(exist_ok=True)
        return self.joins(name)

    def joins(self, name: str) -> list[Path]:
        """Return the files by which a process joins a group, one for each hierarchy."""
        return [folder / name / "cgroup.procs" for folder in self._folders()]

    def _folders(self) -> list[Path]:
        found = [*self.parents.values(), *([self.freezer] if self.freezer is not None else [])]
        return list(dict.fromkeys(found))

    def folder(self, controller: str, name: str) -> Path | None:
        """Return the group's folder of one controller."""
        parent = self.parents.get(controller)
        return None if parent is None else parent / name

    def memory(self, name: str) -> MemoryUse | None:
        """Return a group's memory use, or None without a memory controller or group."""
        group = self.folder("memory", name)
        if group is None or not group.is_dir():
            return None
        v2 = self.versions["memory"] == 2
        used = _number(group / ("memory.current" if v2 else "memory.usage_in_bytes"))
        cache = _field(group / "memory.stat", "inactive_file" if v2 else "total_inactive_file")
        return MemoryUse(
            None if used is None else max(0, used - cache),
            _number(group / ("memory.peak" if v2 else "memory.max_usage_in_bytes")),
            _field(group / ("memory.events" if v2 else "memory.oom_control"), "oom_kill"),
        )

    def remove(self, name: str) -> None:
        """Remove a group whose processes have ended; waits a little for their last traces. Twice is safe."""
        for parent in self._folders():
            deadline = time.monotonic() + 2
            while (parent / name).exists():
                try:
                    (parent / name).rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.01)


def _settings(controller: str, version: int, limits: Limits) -> list[tuple[str, str]]:
    """Return the files and values of one controller; a leading "?" marks a file that a kernel may lack."""
    quota = str(max(limits.cpu_millis, _MIN_CPU_MILLIS) * _PERIOD_US // 1000)
    if controller == "pids":
        return [("pids.max", str(limits.pids_max))]
    if controller == "cpu":
        if version == 2:
            return [("cpu.max", f"{quota} {_PERIOD_US}")]
        return [("cpu.cfs_period_us", str(_PERIOD_US)), ("cpu.cfs_quota_us", quota)]
    if version == 2:
        return [("memory.max", str(limits.memory_bytes)), ("?memory.swap.max", "0")]
    # memsw counts memory and swap together; a kernel without swap accounting lacks it.
    return [
        ("memory.limit_in_bytes", str(limits.memory_bytes)),
        ("?memory.memsw.limit_in_bytes", str(limits.memory_bytes)),
        ("?memory.swappiness", "0"),
    ]


def _write(file: Path, value: str) -> None:
    if not file.name.startswith("?"):
        file.write_text(value)
        return
    with contextlib.suppress(OSError):
        file.with_name(file.name[1:]).write_text(value)


def _number(file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        value = int(file.read_text())
        return value if value < _UNLIMITED else None
    return None


def _field(file: Path, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def find_cgroups() -> Cgroups:
    """Return where this process may make groups; makes the common parent `nbkeep` there. Twice is safe.

    Root uses the top of each hierarchy, anybody else only a group that was delegated to them.
    """
    parents: dict[str, Path] = {}
    versions: dict[str, int] = {}
    own = _own_groups()
    for mount, version, controllers in _mounts():
        if version == 1:
            for controller in set(controllers) & set(_CONTROLLERS):
                base = mount if os.geteuid() == 0 else mount / own.get(controller, "").lstrip("/")
                parent = _make_parent(base)
                if parent is not None:
                    parents[controller], versions[controller] = parent, 1
    freezer: Path | None = None
    for mount, version, _ in _mounts():
        if version == 2:
            base = mount if os.geteuid() == 0 else mount / own.get("", "").lstrip("/")
            for controller, parent in _delegated(base).items():
                if controller not in parents:
                    parents[controller], versions[controller] = parent, 2
            freezer = freezer or _freezer(base)
    return Cgroups(parents, versions, freezer)


def _freezer(base: Path) -> Path | None:
    """Return the folder for groups that can be frozen: since Linux 5.2 every v2 group but the first can."""
    parent = _make_parent(base)
    return parent if parent is not None and (parent / "cgroup.freeze").exists() else None


def _mounts() -> list[tuple[Path, int, list[str]]]:
    """Return (mount point, version, controllers) of each hierarchy (proc_pid_mountinfo(5))."""
    found: list[tuple[Path, int, list[str]]] = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup":
            found.append((Path(left.split(" ")[4]), 1, options.split(",")))
        elif kind == "cgroup2":
            found.append((Path(left.split(" ")[4]), 2, []))
    return found


def _own_groups() -> dict[str, str]:
    """Return this process's group by v1 controller; "" is the v2 hierarchy."""
    found: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def _make_parent(base: Path) -> Path | None:
    if not os.access(base, os.W_OK):
        return None
    with contextlib.suppress(OSError):
        (base / "nbkeep").mkdir(exist_ok=True)
        return base / "nbkeep"
    return None


def _delegated(base: Path) -> dict[str, Path]:
    """Hand the controllers of a v2 group down to `nbkeep` below it, as far as they are there and may be."""
    try:
        there = set((base / "cgroup.controllers").read_text().split()) & set(_CONTROLLERS)
    except OSError:
        return {}
    parent = _make_parent(base) if there else None
    if parent is None:
        return {}
    found: dict[str, Path] = {}
    for controller in there:
        with contextlib.suppress(OSError):
            _hand_down(base, controller)
            _hand_down(parent, controller)
            found[controller] = parent
    return found


def _hand_down(group: Path, controller: str) -> None:
    control = group / "cgroup.subtree_control"
    if controller in control.read_text().split():
        return
    try:
        control.write_text(f"+{controller}")
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        # cgroups(7): a group that hands controllers down has no processes of its own.
        leaf = group / "nbkeep-platform"
        leaf.mkdir(exist_ok=True)
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(pid)
        control.write_text(f"+{controller}")
