"""The arguments of bubblewrap for the two halves of a session: what each sees, and nothing else.

Only values in, list out; no file is touched but to see which system folders this host has.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbkeep
import nbkeep_runtime
from nbkeep.model.errors import Unavailable

from .images import IMAGE_IN_SANDBOX

# What both halves are called inside.
UID = 1000
_LAUNCHER = "/opt/nbkeep/launch.py"
_PARENT = "/opt/nbkeep/parent.py"
_HOLES = "/opt/nbkeep/holes.py"
_FILTER = "/opt/nbkeep/seccomp.bpf"
_SANDBOX = "/opt/nbkeep/sandbox"
# Kernels save their variables with it; images need not have it.
_CLOUDPICKLE = "/opt/nbkeep/lib/cloudpickle"
_HOME = "/home/user"
# Read by nearly every program; nothing here names a secret, a user or another machine.
_ETC = (
    "alternatives",
    "bash.bashrc",
    "fonts",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "profile",
    "services",
    "skel",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "vim",
)  # fmt: skip

# Of /proc: what libraries read at import about the machine.
_MACHINE = ("cpuinfo", "meminfo", "stat", "version", "filesystems", "loadavg", "uptime")
_PARENT_SCRATCH = 64 << 20


@dataclass(frozen=True)
class Jail:
    """What one half needs. `host_uid` is None where bubblewrap runs as an ordinary user."""

    home: Path
    etc: Path
    filter_file: Path
    host_uid: int | None = None
    binds: list[tuple[Path, str]] = field(default_factory=list[tuple[Path, str]])
    read_only: list[tuple[Path, str]] = field(default_factory=list[tuple[Path, str]])
    devices: list[str] = field(default_factory=list[str])
    scratch_bytes: int = 1 << 30

    @property
    def is_root(self) -> bool:
        """Whether root builds the jail and the launcher gives root up inside."""
        return self.host_uid is not None


def our_interpreter() -> str:
    """Return the real path of the interpreter that nbkeep runs on."""
    return os.path.realpath(sys.executable)


def _system() -> list[str]:
    """Read-only system folders: /usr whole, the old names as this host has them, chosen files of /etc."""
    arguments = [*_passable(["/etc", "/etc/ssl"]), "--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        path = Path(name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            arguments += ["--ro-bind", name, name]
    for name in _ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return arguments


def _namespaces(jail: Jail) -> list[str]:
    apart = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if not jail.is_root:
        apart += ["--unshare-user", "--uid", str(UID), "--gid", str(UID)]
    return [*apart, "--hostname", "nbkeep", "--as-pid-1"]


def _bound(jail: Jail) -> list[str]:
    arguments = [*_passable(["/home", "/run", "/run/nbkeep"]), "--bind", str(jail.home), _HOME]
    for source, target in jail.binds:
        arguments += ["--bind", str(source), target]
    for source, target in jail.read_only:
        arguments += ["--ro-bind", str(source), target]
    for device in jail.devices:
        arguments += ["--dev-bind", device, device]
    for name in sorted(entry.name for entry in jail.etc.iterdir()):
        arguments += ["--ro-bind", str(jail.etc / name), f"/etc/{name}"]
    return arguments


def _prefix(prefix: Path) -> list[tuple[Path, str]]:
    """Bind an interpreter at its own path, unless /usr brings it along."""
    return [] if prefix == Path("/usr") or Path("/usr") in prefix.parents else [(prefix, str(prefix))]


def _launched(jail: Jail, *, mapped: bool, command: list[str]) -> list[str]:
    """Return the end of the command line: directly, or through the launcher that gives root up."""
    if jail.host_uid is None and command[0] != "wait":
        return ["--", *command]
    uid = "-" if jail.host_uid is None else str(jail.host_uid)
    launcher = [our_interpreter(), "-I", "-S", _LAUNCHER, uid, str(UID) if mapped else "-", _FILTER]
    return ["--", *launcher, "--", *command]


def _launcher_binds(filter_file: Path) -> list[tuple[Path, str]]:
    own = Path(__file__).with_name("launch.py")
    return [(own, _LAUNCHER), (filter_file, _FILTER), *_prefix(Path(sys.base_prefix))]


def _read_only(pairs: list[tuple[Path, str]]) -> list[str]:
    """Bind each pair once, below folders that everybody may pass: bubblewrap closes those it makes."""
    unique = dict.fromkeys((str(source), target) for source, target in pairs)
    for _, target in unique:
        if Path(target).is_relative_to(_HOME):
            raise Unavailable(
                "home-in-the-way",
                f"{target} cannot be shown to sessions: it lies in {_HOME}, where each of them has its home.",
                f"Install nbkeep, and the Python that it uses, outside {_HOME}.",
            )
    above = {str(parent) for _, target in unique for parent in Path(target).parents} - {"/"}
    binds = [word for source, target in unique for word in ("--ro-bind", source, target)]
    return _passable(sorted(above)) + binds


def _passable(folders: list[str]) -> list[str]:
    return [word for folder in folders for word in ("--perms", "0755", "--dir", folder)]


def _scratch(target: str, size_bytes: int) -> list[str]:
    return ["--perms", "1777", "--size", str(size_bytes), "--tmpfs", target]


def sandbox_command(jail: Jail, image: Path, base_prefix: Path) -> list[str]:
    """Return bubblewrap's arguments and the command of the untrusted half."""
    code = Path(nbkeep_runtime.__file__).parent / "sandbox"
    own = [
        (image / "env", str(IMAGE_IN_SANDBOX)),
        (code, _SANDBOX),
        (_cloudpickle(), _CLOUDPICKLE),
        *_prefix(base_prefix),
        *(_launcher_binds(jail.filter_file) if jail.is_root else []),
    ]
    return [
        *_namespaces(jail),
        *_system(),
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        *_scratch("/dev/shm", jail.scratch_bytes),
        *_scratch("/tmp", jail.scratch_bytes),
        *_read_only(own),  # after /tmp: the installation may lie below it
        *_bound(jail),
        "--remount-ro",
        "/dev",
        "--remount-ro",
        "/",
        "--chdir",
        _HOME,
        *_launched(
            jail,
            mapped=True,
            command=[f"{IMAGE_IN_SANDBOX}/bin/python", "-I", "-S", f"{_SANDBOX}/start.py"],
        ),
    ]


def _cloudpickle() -> Path:
    """Return nbkeep's own copy of the package, without importing it."""
    found = importlib.util.find_spec("cloudpickle")
    if found is None or found.origin is None:
        raise Unavailable("cloudpickle-missing", "nbkeep's packages are incomplete: no cloudpickle.",
                          "Install nbkeep again.")  # fmt: skip
    return Path(found.origin).parent


def server_command(jail: Jail, arguments: list[str], module: str, waits: int | None = None) -> list[str]:
    """Return bubblewrap's arguments and the command of the trusted half, which has no /proc.

    `waits`: nothing is run but what waits for a warm parent's fork, and tells this descriptor that it does.
    """
    # -I: neither the working folder nor the home can add code.
    command = [sys.executable, "-I", "-m", module, *arguments] if waits is None else ["wait", str(waits)]
    return [
        *_namespaces(jail),
        *_system(),
        "--dev", "/dev",
        *_scratch("/dev/shm", jail.scratch_bytes),
        *_scratch("/tmp", jail.scratch_bytes),
        # after /tmp: the installation may lie below it
        *_read_only([*_own_code(), *_launcher_binds(jail.filter_file)]),
        *_passable(["/run", "/run/nbkeep"]),
        "--perms", "1777", "--tmpfs", "/run/nbkeep/private",
        *_bound(jail),
        "--remount-ro", "/dev",
        "--remount-ro", "/",
        "--chdir", "/run/nbkeep/private",
        *_launched(jail, mapped=False, command=command),
    ]  # fmt: skip


def parent_command(image: Path | None, prefix: Path | None, filter_file: Path, uid: int) -> list[str]:
    """Return bubblewrap's arguments and the beginning of the command of root's warm parent.

    It keeps the host's PID namespace, from which sessions' are reached, and so has no /proc; what libraries
    read there about the machine is bound one by one.
    """
    code = Path(nbkeep_runtime.__file__).parent / "sandbox"
    own = [
        (Path(__file__).with_name("parent.py"), _PARENT),
        (Path(__file__).with_name("holes.py"), _HOLES),
        *_launcher_binds(filter_file),
    ]
    if image is None or prefix is None:
        own += _own_code()
        command = [sys.executable, "-I", _PARENT]
    else:
        own += [(image / "env", str(IMAGE_IN_SANDBOX)), (code, _SANDBOX), *_prefix(prefix)]
        # Not -I: a kernel hands its interpreter's options on to processes that it starts.
        command = [f"{IMAGE_IN_SANDBOX}/bin/python", _PARENT]
    return [
        "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
        *_system(),
        "--dev", "/dev",
        *_passable(["/proc", "/home", "/run", "/run/nbkeep"]),
        *(word for name in _MACHINE for word in ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")),
        *_scratch("/tmp", _PARENT_SCRATCH),
        *_scratch(_HOME, _PARENT_SCRATCH),
        *_scratch("/run/nbkeep/private", _PARENT_SCRATCH),
        *_read_only(own),
        "--remount-ro", "/dev",
        "--remount-ro", "/",
        "--chdir", "/tmp",
        "--", our_interpreter(), "-I", "-S", _LAUNCHER, str(uid), "parent", _FILTER, "--", *command,
    ]  # fmt: skip


def _own_code() -> list[tuple[Path, str]]:
    """Return nbkeep's environment, the interpreter below it, and its source where that lies elsewhere."""
    prefix = Path(sys.prefix)
    found = [(prefix, str(prefix)), *_prefix(Path(sys.base_prefix))]
    for package in (nbkeep, nbkeep_runtime):
        source = Path(str(package.__file__)).parent.parent
        if prefix not in source.parents:
            found.append((source, str(source)))
    return found
