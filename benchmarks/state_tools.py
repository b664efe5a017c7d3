"""The tools that `bench_state.py` compares: each saves a kernel's variables and brings them back.

All of them are given the same: what they write is on the disk when `save` returns, and what they read is read
from the disk.
"""

# The kernels lie beside their tests:
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).parents[1] / "tests/runtime/sandbox"))

from jupyter_client.blocking.client import BlockingKernelClient
from state_cells import IMPORTS, NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernels import Kernel

_WITHIN_S = 600


class Tool:
    """One way to keep a kernel's variables, in a folder of its own."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, kernel: Kernel) -> None:
        """Save all variables of a kernel, durably."""
        raise NotImplementedError

    @contextlib.contextmanager
    def second(self, start: Callable[[], Kernel], first: Kernel) -> Iterator[Kernel]:
        """End a kernel and yield what `restore` works on: another one, with the libraries imported."""
        first.__exit__()
        with start() as kernel:
            kernel.run(IMPORTS)
            yield kernel

    def restore(self, kernel: Kernel) -> None:
        """Bring the variables back."""
        raise NotImplementedError

    def close(self) -> None:
        """End what runs beside the kernel."""


class Nbkeep(Tool):
    """Saves and restores by nbkeep's messages; encrypted, verified, by the trusted half's own code."""

    name = "nbkeep, encrypted, verified"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._half = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("state_peer.py"), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _ask(self, kernel: Kernel, kind: str) -> None:
        assert self._half.stdin
        assert self._half.stdout
        self._half.stdin.write(kind + "\n")
        self._half.stdin.flush()
        reply = kernel.ask(
            f"nbkeep_{kind}_request", _WITHIN_S, limit_s=500, **json.loads(self._half.stdout.readline())
        )
        assert reply["status"] == "ok", reply
        if kind == "save":
            assert self._half.stdout.readline() == "kept\n"

    def save(self, kernel: Kernel) -> None:
        """Save; the index names the new state when this returns."""
        self._ask(kernel, "save")

    def restore(self, kernel: Kernel) -> None:
        """Restore; the kernel answers while its large memory is still on the way."""
        self._ask(kernel, "restore")

    def close(self) -> None:
        """End the trusted half."""
        assert self._half.stdin
        self._half.stdin.close()
        self._half.wait()


class OneFile(Tool):
    """Saves with one call of a library, into one file."""

    def __init__(self, folder: Path, library: str) -> None:
        super().__init__(folder)
        self.name = f"{library}, one pass"
        self._path = str(folder / library)
        self._library = library

    def save(self, kernel: Kernel) -> None:
        """Save all variables but those that IPython makes itself."""
        kernel.run(
            f"import {self._library}\nwith open({self._path!r}, 'wb') as _f:\n"
            f"    {self._library}.dump({{n: globals()[n] for n in {NAMES}}}, _f, protocol=5)\n"
            "    _f.flush(); os.fsync(_f.fileno())",
            _WITHIN_S,
        )

    def restore(self, kernel: Kernel) -> None:
        """Load the file into the namespace."""
        kernel.run(
            f"import {self._library}\nwith open({self._path!r}, 'rb') as _f:\n"
            f"    globals().update({self._library}.load(_f))",
            _WITHIN_S,
        )


class Criu(Tool):
    """Saves the whole process by CRIU; the client goes away before and comes back after it."""

    name = "CRIU, whole process"

    def __init__(self, folder: Path, program: str) -> None:
        super().__init__(folder)
        self._program = program
        self._pid = 0

    def save(self, kernel: Kernel) -> None:
        """Dump the process and let it go on; it has no incremental dumps without soft-dirty pages."""
        images = self.folder / "images"
        shutil.rmtree(images, ignore_errors=True)
        images.mkdir()
        self._pid = kernel.process.pid
        kernel.client.stop_channels()
        time.sleep(0.2)  # the connections end in a thread of ZeroMQ's
        self._criu("dump", "--tree", str(self._pid), "--leave-running")
        for path in images.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        _connect(kernel)

    @contextlib.contextmanager
    def second(self, start: Callable[[], Kernel], first: Kernel) -> Iterator[Kernel]:  # noqa: ARG002  it comes back itself
        """End the process; it comes back under the same number, with its sockets."""
        first.client.stop_channels()
        first.process.kill()
        first.process.wait()
        try:
            yield first
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            first.__exit__()

    def restore(self, kernel: Kernel) -> None:
        """Restore the process, and connect to it."""
        self._criu("restore", "--restore-detached")
        _connect(kernel)

    def _criu(self, action: str, *options: str) -> None:
        done = subprocess.run(
            [self._program, action, "--images-dir", self.folder / "images", "--ext-unix-sk", *options],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=_WITHIN_S,
        )  # fmt: skip
        assert not done.returncode, f"criu {action}: " + (done.stderr.strip().splitlines() or ["?"])[0]


def _connect(kernel: Kernel) -> None:
    kernel.client = BlockingKernelClient(connection_file=str(kernel.folder / "k.json"))
    kernel.client.load_connection_file()
    kernel.client.start_channels(hb=False)
    kernel.client.wait_for_ready(60)


def criu() -> tuple[str, str]:
    """Return the CRIU that runs here, and why none does: one of both is empty."""
    hint = "set CRIU to the path of one that was built from newer source (4.2 ran on Linux 6.18)"
    program = os.environ.get("CRIU") or shutil.which("criu")
    if not program:
        return "", f"not installed; {hint}"
    if os.geteuid():
        return "", "not as this user: run the benchmark as root"
    check = subprocess.run([program, "check"], capture_output=True, text=True, check=False)
    if check.returncode:
        said = [line for line in (check.stdout + check.stderr).splitlines() if "exited, status" not in line]
        return "", f"`{program} check`: {said[0] if said else 'it fails'}; {hint}"
    return program, ""
