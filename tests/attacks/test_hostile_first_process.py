"""Code in the sandbox takes the place of its first process and answers the trusted half as it likes."""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import os
import select
import socket
import threading
import time
import tty
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nbkeep_runtime.server import sandbox as subject
from nbkeep_runtime.server.masters import Master
from nbkeep_runtime.server.sandbox import Exit, Sandbox, SandboxError

pytestmark = pytest.mark.attack
Answer = Callable[[socket.socket, dict[str, Any]], None]


@contextmanager
def impostor(path: Path, answer: Answer) -> Generator[None]:
    """Serve at `path`, each line by `answer`, as planted code would."""

    def serve(connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    answer(connection, json.loads(line))
        except OSError:
            return  # the other side had enough of it

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def say(connection: socket.socket, message: object) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guarantees do not depend on how long the waits are."""
    monkeypatch.setattr(subject, "_ANSWER_S", 1.0)
    monkeypatch.setattr(subject, "_CONNECT_S", 0.5)


NONSENSE: dict[str, bytes] = {
    "no JSON": b"\xff{{{\n" * 1000,
    "no object": b"[]\n" * 1000,
    "no line ends": b"x" * (3 << 20),
    "deep": b"[" * 100_000 + b"\n",
    "wrong types": b'{"id": [], "ok": "yes", "pid": {}}\n{"event": "exit", "pid": "1"}\n',
    "wrong pid": b'{"id": 1, "ok": true, "pid": 1}\n',
    "negative pid": b'{"id": 1, "ok": true, "pid": -1}\n',
    "no answer": b"",
    "refusal without end": b'{"id": 1, "ok": false, "error": "' + b"e" * 900_000 + b'"}\n',
}


@pytest.mark.parametrize("words", NONSENSE)
async def test_nonsense_ends_in_a_short_error_and_the_server_goes_on(short_dir: Path, words: str) -> None:
    def answer(connection: socket.socket, _request: dict[str, Any]) -> None:
        connection.sendall(NONSENSE[words])

    asked = Sandbox(short_dir / "init.sock")
    ticks = 0

    async def live() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.05)
            ticks += 1

    living = asyncio.create_task(live())
    with impostor(short_dir / "init.sock", answer):
        with pytest.raises(SandboxError) as refused:
            await asked.spawn(["true"], {}, "/home/user")
        assert len(str(refused.value)) < 1000
        await asyncio.sleep(0.3)
        assert ticks >= 3  # the loop that serves the user turned meanwhile
        await asked.close()
    living.cancel()


async def test_a_process_dies_once_and_only_if_it_was_started(short_dir: Path) -> None:
    def answer(connection: socket.socket, request: dict[str, Any]) -> None:
        deaths = [{"event": "exit", "pid": pid, "code": 0, "signal": None, "max_rss_bytes": 1}
                  for pid in (7, 7, 7, *range(2, 3000))]  # fmt: skip
        say(connection, {"id": request["id"], "ok": True, "pid": 7})
        for death in deaths:
            say(connection, death)

    asked, told = Sandbox(short_dir / "init.sock"), list[Exit]()
    asked.on_exit(told.append)
    with impostor(short_dir / "init.sock", answer):
        assert await asked.spawn(["true"], {}, "/home/user") == 7
        await asyncio.sleep(0.5)
        await asked.close()
    assert [one.pid for one in told] == [7]
    assert asked.exit_of(7) is not None  # although told before anybody could have asked


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("many", [0, 1, 4, 200])
async def test_descriptors_that_are_no_terminal_are_refused_and_closed(short_dir: Path, many: int) -> None:
    def answer(connection: socket.socket, _request: dict[str, Any]) -> None:
        with (short_dir / "file").open("w") as file:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()]))]
            for _ in range(many):
                connection.sendmsg([b"\n"], rights)
            say(connection, {"id": 1, "ok": True, "pid": 5})

    asked = Sandbox(short_dir / "init.sock")
    with impostor(short_dir / "init.sock", answer):
        before = descriptors()
        with pytest.raises(SandboxError):
            await asked.open_terminal(["bash"], {}, "/home/user", 24, 80)
        await asyncio.sleep(0.3)
        assert descriptors() <= before + 2  # the impostor's own thread may still hold its side


async def test_connections_from_which_nothing_is_read_are_not_kept_open(short_dir: Path) -> None:
    """Each would cost the server a descriptor, and the sandbox can break them as often as it likes."""
    held: list[socket.socket] = []

    def take() -> None:
        for _ in range(5):
            held.append(listener.accept()[0])
            held[-1].sendall(b"no JSON\n")  # which ends it, while most of the request is still to be sent

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_dir / "init.sock"))
        listener.listen()
        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        asked = Sandbox(short_dir / "init.sock")
        before = descriptors()
        for _ in range(5):
            with pytest.raises(SandboxError):
                await asked.spawn(["x" * (4 << 20)], {}, "/home/user")
        await asked.close()
        await asyncio.to_thread(thread.join, 10)
        assert descriptors() <= before + len(held)  # the impostor's own sides
        for one in held:
            one.close()


@pytest.mark.parametrize("flag", ["blocking", "not blocking"])
async def test_a_terminal_that_never_reads_and_takes_back_what_it_shows_harms_itself_alone(
    short_dir: Path, flag: str
) -> None:
    """The open file is shared: each call on it can be made to wait for ever."""
    master, slave = os.openpty()
    tty.setraw(slave)
    is_over = threading.Event()

    def answer(connection: socket.socket, request: dict[str, Any]) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [master]))]
        connection.sendmsg([json.dumps({"id": request["id"], "ok": True, "pid": 5}).encode() + b"\n"], rights)

    def take_back() -> None:
        while not is_over.is_set():
            os.set_blocking(master, flag == "blocking")
            os.write(slave, b"there it was")
            if select.select([master], [], [], 0)[0]:
                os.set_blocking(master, False)
                with contextlib.suppress(BlockingIOError):
                    os.read(master, 1 << 16)

    asked = Sandbox(short_dir / "init.sock")
    with impostor(short_dir / "init.sock", answer):
        pid, fd = await asked.open_terminal(["bash"], {}, "/home/user", 24, 80)
        hostile = Master(asked, pid, fd)
        shown: list[str | None] = []
        hostile.start(shown.append)
        thief = threading.Thread(target=take_back, daemon=True)
        thief.start()
        longest = 0.0
        for _ in range(40):
            before = time.monotonic()
            hostile.write("x" * 50_000)
            hostile.setwinsize(30, 100)
            await asyncio.sleep(0.05)
            longest = max(longest, time.monotonic() - before)
        assert longest < 5  # seconds: the loop that serves the user turned meanwhile
        is_over.set()
        await asyncio.to_thread(thief.join, 10)
        hostile.close()
        assert not hostile.isalive()
        await asked.close()
    os.set_blocking(slave, False)
    for _ in range(600):  # its threads end once something reads and writes there again
        if not hostile.is_held:
            break
        with contextlib.suppress(BlockingIOError):
            os.read(slave, 1 << 16)
        with contextlib.suppress(BlockingIOError):
            os.write(slave, b"x")
        await asyncio.sleep(0.02)
    assert not hostile.is_held
    os.close(slave)
    os.close(master)


async def test_a_link_in_the_place_of_the_socket_is_not_followed(short_dir: Path) -> None:
    """The office's socket lies beside it, in the trusted half: a link must not make the server speak to it."""
    heard: list[object] = []
    (short_dir / "init.sock").symlink_to(short_dir / "office.sock")
    with impostor(short_dir / "office.sock", lambda _, request: heard.append(request)):
        asked = Sandbox(short_dir / "init.sock")
        with pytest.raises(SandboxError):
            await asked.ask("usage")
        with pytest.raises(SandboxError):
            await asked.open_terminal(["bash"], {}, "/home/user", 24, 80)
    assert heard == []
