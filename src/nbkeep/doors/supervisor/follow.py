"""Start, watch and end the supervisor from another process: what `nbkeep up` and `nbkeep down` do."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from nbkeep.model.errors import Refused, Unavailable

from .process import noted
from .state import read_state, running_supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.settings import Settings

    from .state import SupervisorState

READY_S = 120.0
_ENDED_S = 60.0
_LOOK_S = 0.1
_ORDER = ("hub", "proxy", "gateway", "office", "warden")


def start_supervisor(settings: Settings) -> subprocess.Popen[bytes]:
    """Start a supervisor that outlives this process. One that loses a race against another ends at once."""
    log = settings.logs_dir / "supervisor.log"
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "nbkeep.doors.supervisor", "--data-dir", str(settings.data_dir)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, cwd=settings.data_dir, umask=0o077,
        )  # fmt: skip


def wait_until_ready(
    settings: Settings,
    tell: Callable[[SupervisorState], None],
    started: subprocess.Popen[bytes] | None = None,
) -> None:
    """Call `tell` with the state until all services are ready.

    Raises `Unavailable` when they are not in time, or the supervisor ended.
    """
    state = None
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        state = running_supervisor(settings)
        if state is not None:
            tell(state)
            if state.is_ready:
                return
        elif started is not None and started.poll() not in {None, 3}:
            raise Unavailable("not-started", "The supervisor ended at once.", "See `nbkeep logs supervisor`.")
        time.sleep(_LOOK_S)
    late = [one.name for one in state.services if one.state != "ready"] if state else ["supervisor"]
    raise Unavailable("not-ready", f"Not ready after {READY_S:.0f} s: {', '.join(late)}.",
                      f"See `nbkeep logs {late[0]}`; what runs goes on trying.")  # fmt: skip


def end_platform(settings: Settings) -> bool:
    """End supervisor and services, also those that a killed supervisor left; return whether anything ran."""
    ran = False
    state = running_supervisor(settings)
    if state is not None:
        ran = True
        state.process.send(signal.SIGTERM)
        if not _wait_for(lambda: not state.process.is_alive):
            state.process.send(signal.SIGKILL)
    for name in _ORDER:
        process = noted(settings.run_dir / "pids" / name)
        if process is None:
            continue
        ran = True
        process.send(signal.SIGTERM)
        if not _wait_for(lambda process=process: not process.is_alive):
            process.send(signal.SIGKILL)
    return ran


def leftovers(settings: Settings) -> bool:
    """Tell whether services run that a killed supervisor left."""
    return any(noted(settings.run_dir / "pids" / name) for name in _ORDER)


def check_port(settings: Settings) -> None:
    """Raise `Refused` when another program listens where the proxy is to; says which, if it can be seen."""
    if noted(settings.run_dir / "pids/proxy"):
        return  # our own, left by a killed supervisor
    host, _, port = settings.listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
            probe.listen(1)
        except OSError as error:
            who = _who_listens(int(port))
            raise Refused("port-taken", f"nbkeep cannot listen on {settings.listen}: {error.strerror}{who}.",
                          "Choose another: `nbkeep up --port 8080`.", status=409) from error  # fmt: skip


def last_state(settings: Settings) -> SupervisorState | None:
    """Return what the last supervisor told, alive or not."""
    return read_state(settings)


def _who_listens(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                if connection.pid:
                    return f" (by {psutil.Process(connection.pid).name()}, process {connection.pid})"
                return " (by a program of another user)"
    return ""


def _wait_for(done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _ENDED_S
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S / 2)
    return True
