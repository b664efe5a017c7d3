"""A warm parent: imports once what sessions need; its forks become kernels and servers in sessions' jails.

    parent.py server|kernel CONTROL_FD [MODULE…]

Runs where `parents.py` starts it, standard library only until the imports begin. Nothing of a session ever
enters the parent: for each start it is handed a socket, which it does not read but gives to a fork. That fork
reads the request and takes upon itself, in this order, all that bubblewrap and `launch.py` give to what they
start: cgroups, namespaces, user id, no capability, limits, the filter. A step that fails ends the fork before
any code of a user has run. setns(2), credentials(7), pid_namespaces(7).

Each message on CONTROL_FD carries such a socket. On the socket: one JSON line with descriptors (see
`parents.py`) in, one JSON line out: {"ok": true, "pid": of the process as its jail counts} or {"ok": false,
"error": …}. It runs once a byte comes back, and never when the socket is closed instead.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import resource
import runpy
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbkeep.backends.local import holes, launch

    Become = Callable[[], None]

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [folder for folder in sys.path if folder != _HERE]  # as a session's own process has it


def own_module(folder: str, name: str) -> Any:
    """Return a module of ours, under a name that no module of a user has."""
    known = f"_nbkeep_{name}"
    if known not in sys.modules:
        spec = importlib.util.spec_from_file_location(known, f"{folder}/{name}.py")
        if spec is None or spec.loader is None:
            raise ImportError(f"{folder}/{name}.py cannot be loaded")
        sys.modules[known] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[known])
    return sys.modules[known]


if not TYPE_CHECKING:
    launch = own_module(_HERE, "launch")
    holes = own_module(_HERE, "holes")

_SANDBOX = "/opt/nbkeep/sandbox"
_INIT_SOCKET = "/run/nbkeep/kernels/init.sock"
_LINE_LIMIT = 1 << 20
_MAX_FDS = 64
_CLONE_NEWUSER, _CLONE_VM = 0x10000000, 0x100
_OOM_SCORE_ADJ = "600"
_libc = ctypes.CDLL(None, use_errno=True)
_set_by_imports: dict[str, str] = {}  # some packages speak to each other through the environment


class BrokenRequestError(Exception):
    """The request is not one that a warden makes."""


# What is imported before the first fork

# All that a kernel imports by itself until its first cell has answered.
_KERNEL_MODULES = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "faulthandler",
    "pydoc",
    "sqlite3",
    "tornado.platform.asyncio",
)
_SERVER_MODULE = "nbkeep_runtime.server.__main__"


def import_for_kernels(modules: Sequence[str]) -> list[str]:
    """Import what kernels need and then what the profile asks for; return a sentence for each that failed."""
    for name in ("processes", "kernel", "spare", "rehearsal"):
        own_module(_SANDBOX, name)
    for name in _KERNEL_MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    own_module(_SANDBOX, "kernel").import_all()
    if modules:
        with contextlib.suppress(ImportError):
            importlib.import_module("threadpoolctl")  # for `_set_threads`
    failed: list[str] = []
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  whatever a package raises, the others are imported all the same
            failed.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
        if not has_one_thread():
            raise TwoThreadsError(name)
    own_module(_SANDBOX, "imported").remember()
    return failed


class TwoThreadsError(Exception):
    """A module started a thread, which no fork has: what it holds would be held in the fork for ever."""


def has_one_thread() -> bool:
    """Ask the kernel, which lets only a process of one thread leave memory that it shares (unshare(2))."""
    return _libc.unshare(_CLONE_VM) == 0


def import_for_servers() -> list[str]:
    """Import the trusted half."""
    importlib.import_module(_SERVER_MODULE).import_all()
    return []


# What a fork does


def receive(sock: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return this socket's request and its descriptors; raises `BrokenRequestError` when it is cut off."""
    line, fds = b"", array.array("i")
    while not line.endswith(b"\n"):
        data, ancillary, _, _ = sock.recvmsg(65536, socket.CMSG_SPACE(_MAX_FDS * fds.itemsize))
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(payload)
        line += data
        if not data or len(line) > _LINE_LIMIT:
            raise BrokenRequestError("the request was cut off")
    return json.loads(line), list(fds)


def confine(request: dict[str, Any], fds: dict[str, int], joins: list[int]) -> None:
    """Become what a process of this jail is, and no more; raises OSError at the first step that fails."""
    for join in joins:
        os.write(join, b"0")  # the writer itself (cgroups(7))
    _enter_jail(request["uid"], fds)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o022)
    if request["kind"] == "kernel":
        if limit := int(request["pids_max"]):
            resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # as children of the sandbox's first process have it
    with os.fdopen(fds["filter"], "rb") as file:
        program = file.read()
    if not program:
        raise BrokenRequestError("the seccomp program is empty")
    launch.apply_filter(program)
    launch.be_dumpable()


def _enter_jail(uid: int | None, fds: dict[str, int]) -> None:
    """Enter the namespaces, take the user's id, give up every capability."""
    if uid is None:
        # An ordinary user's jail: its user namespace was made by this user, and gives power over the others.
        _enter(fds["user"], "user")
    for name in ("cgroup", "ipc", "uts", "net", "pid", "mnt"):
        if name in fds:
            _enter(fds[name], name)
    launch.drop_bounding_set()
    if uid is not None:
        launch.become(uid)
        if "user" in fds:
            _enter(fds["user"], "user")
            launch.drop_bounding_set()
    launch.set_capabilities()


def _enter(fd: int, name: str) -> None:
    if _libc.setns(fd, _CLONE_NEWUSER if name == "user" else 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns {name}: {os.strerror(number)}")


def fork_into(sock: socket.socket) -> Become | None:
    """Serve one request in a fork of the parent.

    Returns in the new process of the jail with what it is to run; in this one it returns None, to end.
    """
    request, given = receive(sock)
    names: list[str] = request["fds"]
    fds = dict(zip(names, given, strict=False))
    confine(request, fds, given[len(names) :])
    # Forked twice: the first one is in the PID namespace, and its orphan falls to the jail's first process.
    read_end, write_end = os.pipe()
    held, let_go = os.pipe()
    first = os.fork()
    if first == 0:
        second = os.fork()
        if second:
            os.write(write_end, str(second).encode())
            os._exit(0)
        os.close(let_go)
        if not os.read(held, 1):
            os._exit(1)  # nobody waits for it any more, and another may have taken its place
        os.setsid()
        output = fds.get("output")
        kept = {0, 1, 2} if output is None else {0, 1, 2, output}
        _close_all_but(kept)
        return lambda: become(request, output)
    os.close(write_end)
    pid = int(os.read(read_end, 20))
    os.waitpid(first, 0)
    sock.sendall(json.dumps({"ok": True, "pid": pid}).encode() + b"\n")
    os.write(let_go, sock.recv(1))
    return None


def _close_all_but(kept: set[int]) -> None:
    lowest = 0
    for fd in sorted(kept):
        if fd > lowest:  # an empty range closes everything where the kernel has close_range(2)
            os.closerange(lowest, fd)
        lowest = fd + 1
    os.closerange(lowest, os.sysconf("SC_OPEN_MAX"))


def _stand_on(null: int, output: int) -> None:
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for fd in {null, output} - {0, 1, 2}:
        os.close(fd)


def become(request: dict[str, Any], output: int | None) -> None:
    """Be the new kernel or server until its end."""
    env: dict[str, str] = request["env"]
    if request["kind"] == "kernel":
        env = own_module(_SANDBOX, "processes").base_env() | request["limits"] | _set_by_imports | env
        output = _given_to_init()
    _stand_on(os.open("/dev/null", os.O_RDONLY), os.dup(2) if output is None else output)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(request["cwd"] if os.path.isdir(request["cwd"]) else env["HOME"])
    if request["kind"] == "server":
        sys.argv = ["nbkeep_runtime.server", *request["arguments"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        return
    _reseed()
    _set_threads(int(request["limits"].get("OMP_NUM_THREADS", "1")))
    file = request["connection_file"]
    spare = None
    if request["spare"]:
        spare = own_module(_SANDBOX, "spare").Spare(file, own_module(_SANDBOX, "rehearsal").Rehearsal)
    own_module(_SANDBOX, "kernel").main([f"{_SANDBOX}/kernel.py", "-f", file], spare)


def _given_to_init() -> int:
    """Hand the sandbox's first process one end of a pipe, as if it had started this one; return the other."""
    # suppressed: it has been chosen to be killed first already, or /proc is not there
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(_OOM_SCORE_ADJ)
    read_end, write_end = os.pipe()
    with socket.socket(socket.AF_UNIX) as init:
        init.settimeout(5)
        init.connect(_INIT_SOCKET)
        told = json.dumps({"id": 1, "op": "adopt", "pid": os.getpid()}).encode() + b"\n"
        socket.send_fds(init, [told], [read_end])
        init.recv(65536)
    os.close(read_end)
    return write_end


def _reseed() -> None:
    """Give what was seeded at import a seed of its own; `random` does it by itself (os.register_at_fork)."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.default_generator.seed()


def _set_threads(count: int) -> None:
    """Let libraries that were loaded for one thread use the session's CPUs."""
    threadpoolctl: Any = sys.modules.get("threadpoolctl")
    if threadpoolctl is not None and count > 1:
        threadpoolctl.ThreadpoolController().limit(limits=count)
    for name, function in (("pyarrow", "set_cpu_count"), ("torch", "set_num_threads")):
        module = sys.modules.get(name)
        if module is not None:
            getattr(module, function)(count)


# The loop


def serve(control: socket.socket) -> Become | None:
    """Fork for each socket that arrives; returns in a fork, or None when the warden is gone."""
    while True:
        try:
            _, fds, _, _ = socket.recv_fds(control, 16, 1)
        except InterruptedError:
            continue
        if not fds:
            return None
        pid = os.fork()
        if pid == 0:
            control.close()
            return _in_fork(socket.socket(fileno=fds[0]))
        os.close(fds[0])


def _in_fork(sock: socket.socket) -> Become | None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        if (go_on := fork_into(sock)) is not None:
            return go_on
        os._exit(0)
    except (OSError, ValueError, KeyError, TypeError, BrokenRequestError) as error:
        with contextlib.suppress(OSError):
            sock.sendall(json.dumps({"ok": False, "error": repr(error)[:400]}).encode() + b"\n")
        os._exit(1)


def main(argv: Sequence[str]) -> Become | None:
    """Import, say so, and serve."""
    kind, control_fd, *modules = argv
    control = socket.socket(fileno=int(control_fd))
    before = dict(os.environ)
    try:
        failed = import_for_kernels(modules) if kind == "kernel" else import_for_servers()
    except TwoThreadsError as error:
        control.send(json.dumps({"threads": str(error)}).encode())
        return None
    _set_by_imports.update({name: value for name, value in os.environ.items() if before.get(name) != value})
    importlib.invalidate_caches()
    gc.collect()
    holes.fill()
    gc.freeze()  # collections in the forks leave these pages shared
    signal.signal(
        signal.SIGCHLD, signal.SIG_IGN
    )  # nobody waits for forks, which end once they have forked again
    with contextlib.suppress(ConnectionError):  # the warden is gone
        control.send(json.dumps({"pid": os.getpid(), "failed": failed}).encode())
        return serve(control)
    return None


if __name__ == "__main__":
    go_on = main(sys.argv[1:])
    if go_on is not None:
        go_on()
