"""The sandbox's first process starts, signals and tells, and is not upset by nonsense."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from nbkeep.backends.interface import LaunchSpec
from sandboxes import Init, Machine, make_machine, why_not


@pytest.fixture(scope="module", params=["root", "ordinary"])
def session(request: pytest.FixtureRequest) -> Iterator[tuple[Machine, LaunchSpec]]:
    if reason := why_not(request.param):
        pytest.skip(reason)
    machine = make_machine(request.param)
    spec = machine.spec()
    machine.client.launch(spec)
    yield machine, spec
    machine.end()


@pytest.fixture
def init(session: tuple[Machine, LaunchSpec]) -> Iterator[Init]:
    machine, spec = session
    made = machine.init(spec)
    yield made
    made.close()


def spawn(init: Init, script: str, **env: str) -> int:
    told = init.ask("spawn", argv=["/bin/sh", "-c", script], env=env, cwd="/home/user")
    assert told["ok"], told
    return told["pid"]


def await_busy(init: Init, pid: int, *, busy: bool) -> None:
    deadline = time.monotonic() + 5
    while init.ask("foreground", pid=pid)["busy"] is not busy:
        assert time.monotonic() < deadline


def test_an_exit_tells_code_peak_and_last_words(init: Init) -> None:
    event = init.exit_of(spawn(init, "echo to the end; exit 7"))
    assert (event["code"], event["signal"], event["output_tail"]) == (7, None, "to the end\n")
    assert event["max_rss_bytes"] > 0


def test_a_signal_reaches_the_whole_group(init: Init) -> None:
    pid = spawn(init, "sleep 100 & wait")
    assert init.ask("signal", pid=pid, signum=15, group=True)["ok"]
    assert init.exit_of(pid)["signal"] == 15
    deadline = time.monotonic() + 5
    # its child is reaped a moment later
    while init.ask("signal", pid=pid, signum=15)["ok"]:
        assert time.monotonic() < deadline
    assert not init.ask("signal", pid=1, signum=9)["ok"]


def test_every_connection_hears_of_an_exit(session: tuple[Machine, LaunchSpec], init: Init) -> None:
    other = session[0].init(session[1])
    other.ask("usage")
    pid = spawn(init, "exit 0")
    assert other.exit_of(pid)["code"] == 0
    other.close()


def test_the_environment_is_the_images_and_what_was_asked_for(init: Init) -> None:
    event = init.exit_of(
        spawn(init, 'echo "$PATH|$HOME|$USER|$NBKEEP_PIDS_MAX|$MINE|$OMP_NUM_THREADS"', MINE="1")
    )
    path, home, user, limit, mine, threads = event["output_tail"].strip().split("|")
    assert path.startswith("/opt/nbkeep/image/bin:")
    assert (home, user, limit, mine, threads) == ("/home/user", "user", "", "1", "2")


def test_a_terminal_is_a_terminal_and_tells_whether_a_job_runs(init: Init) -> None:
    told = init.ask("terminal", argv=["/bin/bash", "--norc"], env={}, cwd="/home/user", rows=33, cols=99)
    assert told["ok"], told
    master = init.fds.pop()
    os.set_blocking(master, False)

    def read_until(text: str) -> None:
        seen, deadline = "", time.monotonic() + 10
        while text not in seen:
            assert time.monotonic() < deadline, seen
            try:
                seen += os.read(master, 4096).decode()
            except BlockingIOError:
                time.sleep(0.01)

    os.write(master, b"stty size; tty\n")
    read_until("33 99")
    await_busy(init, told["pid"], busy=False)
    os.write(master, b"echo st''arted; sleep 50\n")
    read_until("started")
    await_busy(init, told["pid"], busy=True)
    os.close(master)
    assert init.exit_of(told["pid"])["signal"] is not None


def test_usage_lists_processes(init: Init) -> None:
    pid = spawn(init, "sleep 20")
    usage = init.ask("usage")
    assert {1, pid} <= {process["pid"] for process in usage["processes"]}
    assert usage["memory_used_bytes"] > 1 << 20
    init.ask("signal", pid=pid, signum=9)


@pytest.mark.parametrize("request_", [
    {"op": "spawn"}, {"op": "none"}, {"op": "spawn", "argv": ["/nonexistent"], "env": {}, "cwd": "/"},
    {"op": "spawn", "argv": "sh", "env": 5, "cwd": "/"}, {"op": "terminal", "argv": [], "env": {}, "cwd": "/"},
    {"op": "signal", "pid": "x"}, {"op": "foreground", "pid": 99999}, {"op": "__init__"},
])  # fmt: skip
def test_nonsense_is_answered_and_nothing_ends(init: Init, request_: dict[str, object]) -> None:
    arguments = {key: value for key, value in request_.items() if key != "op"}
    told = init.ask(str(request_["op"]), **arguments)
    assert told["ok"] is False
    assert told["error"]
    assert init.ask("usage")["ok"]


def test_a_line_without_end_closes_only_its_connection(
    session: tuple[Machine, LaunchSpec], init: Init
) -> None:
    flood = session[0].init(session[1])
    with pytest.raises((BrokenPipeError, ConnectionResetError, AssertionError)):
        for _ in range(64):
            flood.socket.sendall(b"x" * 65536)
        flood.ask("usage")
    flood.close()
    assert init.ask("usage")["ok"]


def test_a_kernel_starts_in_little_more_than_pythons_own_time(session: tuple[Machine, LaunchSpec]) -> None:
    """Generous, since other work may run beside it; the figure is in the benchmarks."""
    machine, _ = session
    spec = machine.spec(user="john", uid_index=2)
    started = time.monotonic()
    machine.client.launch(spec)
    machine.init(spec).close()
    assert time.monotonic() - started < 5
    machine.client.stop(spec.session_id, 0)


def test_callers_that_leave_while_processes_end_do_not_end_the_sandbox(
    session: tuple[Machine, LaunchSpec], init: Init
) -> None:
    for _ in range(30):
        leaving = session[0].init(session[1])
        leaving.ask("spawn", argv=["/bin/true"], env={}, cwd="/home/user")
        leaving.socket.sendall(b'{"id": 9, "op": "usage"}\n')
        leaving.close()
    assert init.ask("usage")["ok"]
    assert session[0].status(session[1]).alive
