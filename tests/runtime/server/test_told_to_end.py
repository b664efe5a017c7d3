"""The trusted half ends when it is told to, whatever it does at that moment."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path

import httpx
from session_server import RunningServer, eventually


def fill(pipe: Path) -> None:
    """Leave no room in a pipe."""
    descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"." * 4096)
    os.close(descriptor)


def read_all(descriptor: int) -> None:
    while os.read(descriptor, 65536):
        pass


def test_while_it_writes_to_its_log() -> None:
    server = RunningServer()
    log = server.root / "server.log"
    os.mkfifo(log)
    reading = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    with server:
        assert server.server is not None
        waits_in = Path(f"/proc/{server.server.pid}/wchan")
        fill(log)

        def ask() -> None:
            with contextlib.suppress(httpx.HTTPError):
                server.request("GET", "nbkeep/api/there-is-no-such-thing")  # which is a line in the log

        asking = threading.Thread(target=ask)
        asking.start()
        eventually(lambda: "pipe_write" in waits_in.read_text(), 60)
        server.server.send_signal(signal.SIGTERM)
        drain = threading.Thread(target=read_all, args=(reading,))
        drain.start()
        assert server.server.wait(60) == 0
        asking.join()
    drain.join()
    os.close(reading)
