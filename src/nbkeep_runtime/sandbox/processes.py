"""Start, list and signal processes of this sandbox."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pwd
import signal
import struct
import sys
import termios

TYPE_CHECKING = False  # as type checkers know it; importing typing costs each sandbox 6 ms
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from typing import Any

# The first process must outlive what runs out of memory: children are chosen before it (proc(5)).
_OOM_SCORE_ADJ = "600"
_PR_SET_DUMPABLE = 4
_IMAGE = "/opt/nbkeep/image"
HOME = "/home/user"
# Threads of OpenBLAS (numpy, scipy) look for more work for 2 to the power of this cycles, then sleep: after
# 0.1 ms, and not after the 27 (26) by which each would use up the session's share of CPU at every call.
_BLAS_SPINS = "18"
# The way out (relay.py), also for sessions that may reach nothing: they are told so instead of waiting.
# Programs read these names in large letters, in small ones, or both.
_PROXY = "http://127.0.0.1:3128"
_PROXIES = {
    name: value
    for large, value in (
        ("HTTP_PROXY", _PROXY),
        ("HTTPS_PROXY", _PROXY),
        ("ALL_PROXY", _PROXY),
        ("NO_PROXY", "localhost,127.0.0.1,::1"),
    )
    for name in (large, large.lower())
}
# Whom programs trust: the system's roots, and the session's own authority, by which secrets are added.
_TRUSTED = "/run/nbkeep/gateway/ca-bundle.pem"
_TRUST: dict[str, str] = dict.fromkeys(
    ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO",
     "PIP_CERT", "AWS_CA_BUNDLE"), _TRUSTED
)  # fmt: skip


def base_env() -> dict[str, str]:
    """Return what every process's environment starts from; only limits of this sandbox are inherited."""
    env = {
        "PATH": _IMAGE
        + "/bin:"
        + HOME
        + "/.local/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games",
        "HOME": HOME,
        "USER": "user",
        "LOGNAME": "user",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "VIRTUAL_ENV": _IMAGE,
        "TMPDIR": "/tmp",  # noqa: S108  the sandbox's own
        "XDG_CACHE_HOME": HOME + "/.cache",
        # Matplotlib's backend for notebooks is set by ipykernel; without a display nothing else can work.
        "MPLCONFIGDIR": HOME + "/.config/matplotlib",
        "OPENBLAS_THREAD_TIMEOUT": _BLAS_SPINS,
    }
    env.update(_PROXIES)
    if os.path.exists(_TRUSTED):
        env.update(_TRUST)
    for name in ("TZ", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_MAX_THREADS",
                 "POLARS_MAX_THREADS", "PYTHON_CPU_COUNT"):  # fmt: skip
        if name in os.environ:
            env[name] = os.environ[name]
    return env


def spawn(argv: list[str], env: dict[str, str], cwd: str, output: int) -> int:
    """Start a process that leads a session of its own, its output into `output`; return its pid."""
    return _started(argv, env, cwd, None, output)


def spawn_on_terminal(
    argv: list[str], env: dict[str, str], cwd: str, rows: int, cols: int
) -> tuple[int, int]:
    """Start a process on a new terminal; return (pid, descriptor of the terminal's master side)."""
    master, slave = os.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        # One thread, no locks: safe.
        pid = _started(argv, env, cwd, slave, slave, lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    return pid, master


def _started(
    argv: list[str],
    env: dict[str, str],
    cwd: str,
    stdin: int | None,
    output: int,
    before: Callable[[], object] | None = None,
) -> int:
    import subprocess  # noqa: PLC0415  half a MiB and 5 ms of each sandbox, which most never need

    process = subprocess.Popen(
        argv,
        env=dict(base_env(), **env),
        cwd=_existing(cwd),
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=before,
    )
    return _left_to_reaper(process)


def _left_to_reaper(process: subprocess.Popen[bytes]) -> int:
    """Return the pid; the main loop waits for all children, so `Popen` must not."""
    process.returncode = 0
    # suppressed: it has ended already, and with it the need
    with contextlib.suppress(OSError), open(f"/proc/{process.pid}/oom_score_adj", "w") as file:
        file.write(_OOM_SCORE_ADJ)
    return process.pid


def _existing(cwd: str) -> str:
    """Return the folder, or the home: a deleted folder must not keep a kernel from starting."""
    return cwd if os.path.isdir(cwd) else HOME


def send(pid: int, signum: int, group: bool) -> None:  # noqa: FBT001  as the protocol has it
    """Send a signal to a process or its group; a process that is gone raises ProcessLookupError."""
    if pid <= 1:
        raise ValueError("only started processes can be signalled")
    if group:
        os.killpg(pid, signum)
    else:
        os.kill(pid, signum)


def is_busy(pid: int) -> bool:
    """Tell whether another process group than the shell's own has the shell's terminal."""
    fields = _stat(pid)
    return int(fields[5]) not in (-1, int(fields[2]))


def _stat(pid: int) -> list[bytes]:
    """Return the fields of proc_pid_stat(5) from the third on; the name before them may hold anything."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def usage() -> dict[str, Any]:
    """Return {memory_used_bytes, processes: [{pid, rss_bytes, name}]}, largest first."""
    page = os.sysconf("SC_PAGE_SIZE")
    found: list[dict[str, Any]] = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/" + name + "/comm", "rb") as file:
                title = file.read().decode(errors="replace").strip()
            rss = int(_stat(int(name))[21]) * page
        except (OSError, ValueError, IndexError):
            continue
        found.append({"pid": int(name), "rss_bytes": rss, "name": title})
    found.sort(key=lambda process: -process["rss_bytes"])
    return {"memory_used_bytes": sum(p["rss_bytes"] for p in found), "processes": found[:200]}


def reap() -> Iterator[tuple[int, int | None, int | None, int]]:
    """Yield (pid, code or None, signal or None, max_rss_bytes) of every child that has ended."""
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        peak = used.ru_maxrss * 1024
        if os.WIFSIGNALED(status):
            yield pid, None, os.WTERMSIG(status), peak
        else:
            yield pid, os.WEXITSTATUS(status), None, peak


def check_user() -> None:
    """Say on the log what would make shells and getpass fail oddly later."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        sys.stderr.write(f"nbkeep: passwd has no name for uid {os.getuid()}\n")


def hide() -> None:
    """Close /proc/1 to the user's code: its descriptors reach the session's log on the host (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def ignore_terminal_signals() -> None:
    """Keep the first process alive when it has no terminal and somebody hangs up."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
