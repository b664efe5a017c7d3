"""Big things: a notebook of 100 MB of output and a folder of 100,000 files, against stock Jupyter Server.

Both servers run on this machine in the same run; read the ratios, not the seconds. The session's server is
started as in its tests, beside fakes of hub and office.
"""

# The server and its peers lie beside its tests:
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from socket import AF_UNIX, socket
from typing import TYPE_CHECKING

import psutil

sys.path[0] = str(Path(__file__).parents[1] / "tests/runtime/server")

from server_peers import USER_TOKEN  # noqa: E402
from session_server import PREFIX, RunningServer, eventually  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LINE = "some text of output that is about eighty characters long, for a realistic line\n"
_OUTPUT_BYTES = 100_000_000
_CELLS = 10
_FILES = 100_000


class UnixConnection(HTTPConnection):
    """HTTP over a unix socket, without a client library's own cost."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=300)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket(AF_UNIX)
        self.sock.connect(str(self._path))


@dataclass
class Server:
    """A running server and how to ask it."""

    name: str
    home: Path
    socket: Path
    pid: int
    prefix: str
    token: str

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Return the answer's body."""
        connection = UnixConnection(self.socket)
        connection.request(method, self.prefix + path, body, {"Authorization": f"token {self.token}"})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        assert response.status < 300, (response.status, data[:500])
        return data

    def measure(self, call: Callable[[], object]) -> tuple[float, float, float]:
        """Return (seconds, longest wait of somebody else's request, extra memory in MB at the peak)."""
        waits: list[float] = []
        stop = threading.Event()

        def others() -> None:
            while not stop.is_set():
                begun = time.perf_counter()
                self.ask("GET", "api")
                waits.append(time.perf_counter() - begun)
                time.sleep(0.01)

        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # starts a new peak
        before = psutil.Process(self.pid).memory_info().rss
        thread = threading.Thread(target=others)
        thread.start()
        begun = time.perf_counter()
        call()
        took = time.perf_counter() - begun
        stop.set()
        thread.join()
        status = Path(f"/proc/{self.pid}/status").read_text()
        peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
        return took, max(waits), (peak - before) / 1e6


@contextmanager
def ours() -> Iterator[Server]:
    """Run a session's server."""
    with RunningServer() as running:
        assert running.server is not None
        yield Server("nbkeep", running.home, running.socket, running.server.pid, PREFIX, USER_TOKEN)


@contextmanager
def stock() -> Iterator[Server]:
    """Run Jupyter Server as it comes."""
    root = Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp"))  # short, for the socket's path
    token, path = secrets.token_hex(8), root / "s.sock"
    (root / "home").mkdir()
    command = [
        sys.executable, "-m", "jupyter_server", f"--ServerApp.sock={path}", "--allow-root", "--no-browser",
        f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root / 'home'}",
    ]  # fmt: skip
    env = {"PATH": os.environ["PATH"], "HOME": str(root)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(path.exists, 60)
        yield Server("stock", root / "home", path, process.pid, "/", token)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(root)


def body_of_big_notebook() -> bytes:
    """Return the request that saves the notebook."""
    text = _LINE * (_OUTPUT_BYTES // _CELLS // len(_LINE))
    output = {"output_type": "stream", "name": "stdout", "text": text}
    cells = [
        {"cell_type": "code", "id": f"c{number}", "metadata": {}, "source": "x", "execution_count": 1,
         "outputs": [output]}
        for number in range(_CELLS)
    ]  # fmt: skip
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    model = {"type": "notebook", "format": "json", "content": content}
    return json.dumps(model, separators=(",", ":")).encode()  # as browsers do


def figures(server: Server, body: bytes) -> dict[str, tuple[float, float, float]]:
    """Return what each big thing took."""
    folder = server.home / "many"
    folder.mkdir()
    for number in range(_FILES):
        os.close(os.open(folder / f"{number}.csv", os.O_CREAT | os.O_WRONLY))
    return {
        "save": server.measure(lambda: server.ask("PUT", "api/contents/big.ipynb", body)),
        "open": server.measure(lambda: server.ask("GET", "api/contents/big.ipynb")),
        "folder": server.measure(lambda: server.ask("GET", "api/contents/many")),
    }


def main() -> None:
    """Print the table."""
    body = body_of_big_notebook()
    results: dict[str, dict[str, tuple[float, float, float]]] = {}
    for run in (ours, stock):
        with run() as server:
            results[server.name] = figures(server, body)
    print("big things       nbkeep    stock   ratio   others wait (nbkeep, stock)   extra memory in MB")
    for what, (took, wait, memory) in results["nbkeep"].items():
        stock_took, stock_wait, stock_memory = results["stock"][what]
        print(
            f"  {what:12} {took:8.2f} s {stock_took:6.2f} s  {took / stock_took:5.2f}"
            f"      {wait * 1000:6.0f} ms"
            f" {stock_wait * 1000:6.0f} ms         {memory:5.0f} {stock_memory:5.0f}"
        )


if __name__ == "__main__":
    main()
