"""Attack: neither a killed server, an unreachable office nor a hostile sandbox makes a record disappear."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from session_server import Browser, RunningServer, eventually

from nbkeep_runtime.server import limits
from nbkeep_runtime.server.office import Spool
from nbkeep_runtime.server.sandbox import Sandbox, SandboxError


async def test_a_record_outlives_the_server_that_made_it() -> None:
    """The office is away, the server is killed: the next one delivers what was recorded."""
    with RunningServer() as server:
        server.put_notebook("a.ipynb", "0")
        async with Browser(server, server.open_notebook("a.ipynb")) as browser:
            await browser.run("0")
            server.office.is_down = True
            await browser.run("'before the kill'")
            assert server.server is not None
            server.server.kill()
            server.server.wait()
        before = len(server.office.of_type("execution.started"))
        server.office.is_down = False
        await asyncio.to_thread(server.start_server)
        await asyncio.to_thread(eventually, lambda: len(server.office.of_type("execution.started")) > before)


async def test_what_cannot_be_recorded_is_not_run() -> None:
    with RunningServer() as server:
        server.put_notebook("a.ipynb", "0")
        async with Browser(server, server.open_notebook("a.ipynb")) as browser:
            await browser.run("0")
            assert server.server is not None
            spool = server.root / "server/events.jsonl"
            limit = spool.stat().st_size
            resource.prlimit(server.server.pid, resource.RLIMIT_FSIZE, (limit, limit))
            told = await browser.run("open('ran', 'w')")
        assert "could not be recorded" in told
        assert not (server.home / "ran").exists()


def test_the_spool_takes_up_where_a_crash_left_it(short_dir: Path) -> None:
    spool = Spool(short_dir)
    for number in range(5):
        spool.add({"id": str(number)})
    events, mark = spool.next()
    assert [event["id"] for event in events] == list("01234")
    spool.delivered(mark)
    spool.add({"id": "5"})
    spool.close()
    with (short_dir / "events.jsonl").open("ab") as file:
        file.write(b'{"id": "cut')
    again = Spool(short_dir)
    again.add({"id": "6"})
    assert [event["id"] for event in again.next()[0]] == ["5", "6"]
    again.close()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


Answer = Callable[[socket.socket, dict], None]


@pytest.fixture
def hostile(short_dir: Path) -> Iterator[Callable[[Answer], Sandbox]]:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short_dir / "init.sock"))
    listener.listen()
    threads: list[threading.Thread] = []

    def serve(answer: Answer) -> Sandbox:
        def talk() -> None:
            try:
                connection, _ = listener.accept()
                with connection:
                    answer(connection, json.loads(connection.recv(65536)))
            except OSError:
                return

        threads.append(threading.Thread(target=talk))
        threads[-1].start()
        return Sandbox(short_dir / "init.sock")

    yield serve
    listener.close()
    for thread in threads:
        thread.join(10)


@pytest.mark.parametrize(
    "reply",
    [b"\n", b"[]\n", b'{"id": 1}\n', b'{"id": 1, "ok": true}\n', b'{"id": 1, "ok": true, "pid": "12"}\n',
     b'{"id": 1, "ok": true, "pid": -1}\n', b'{"id": 1, "ok": true, "pid": 1}\n', b"x" * (3 << 20), b""],
)  # fmt: skip
async def test_hostile_answers_are_errors_and_no_more(hostile, reply: bytes, monkeypatch) -> None:
    monkeypatch.setattr("nbkeep_runtime.server.sandbox._ANSWER_S", 1.0)
    sandbox = hostile(lambda connection, _request: connection.sendall(reply))
    with pytest.raises(SandboxError):
        await sandbox.spawn(["x"], {}, "/home/user")
    await sandbox.close()


async def test_a_terminal_that_is_none_is_refused_and_its_descriptors_are_closed(hostile) -> None:
    def give_files(connection: socket.socket, _request: dict) -> None:
        fds = [os.open("/dev/null", os.O_RDWR) for _ in range(3)]
        socket.send_fds(connection, [b'{"id": 1, "ok": true, "pid": 12}\n'], fds)
        for fd in fds:
            os.close(fd)

    sandbox = hostile(give_files)
    before = open_descriptors()
    with pytest.raises(SandboxError, match="more than a terminal"):
        await sandbox.open_terminal(["bash"], {}, "/home/user", 24, 80)
    await asyncio.to_thread(
        eventually, lambda: open_descriptors() <= before, 5
    )  # the other side closes its own, too


async def test_a_link_in_place_of_the_socket_is_not_followed(short_dir: Path, monkeypatch) -> None:
    """The sandbox owns the folder: it could point the name to the office's or the hub's socket."""
    monkeypatch.setattr("nbkeep_runtime.server.sandbox._CONNECT_S", 0.2)
    real = socket.socket(socket.AF_UNIX)
    real.bind(str(short_dir / "office.sock"))
    real.listen()
    (short_dir / "init.sock").symlink_to("office.sock")
    with pytest.raises(SandboxError):
        await Sandbox(short_dir / "init.sock").ask("usage")
    real.close()


@pytest.mark.parametrize("kind", ["v1", "v2", "usage", "none"])
def test_memory_is_read_from_whatever_the_host_has(short_dir: Path, kind: str) -> None:
    (short_dir / "memory").mkdir()
    files = {
        "v1": {"memory/memory.usage_in_bytes": "900", "memory/memory.stat": "total_inactive_file 100\n",
               "memory/memory.max_usage_in_bytes": "950", "memory/memory.oom_control": "oom_kill_disable 0\noom_kill 2\n"},
        "v2": {"memory/memory.current": "900", "memory/memory.stat": "anon 1\ninactive_file 100\n",
               "memory/memory.peak": "950", "memory/memory.events": "low 0\noom_kill 2\n"},
        "usage": {"usage.json": '{"memory_used_bytes": 800, "memory_peak_bytes": 950, "oom_kills": 2}'},
        "none": {},
    }[kind]  # fmt: skip
    if kind != "none":
        files["limits.json"] = '{"memory_limit_bytes": 1000}'
    for name, text in files.items():
        (short_dir / name).write_text(text)
    expected = None if kind == "none" else limits.MemoryUse(800, 1000, 950, 2)
    assert limits.read(short_dir) == expected
