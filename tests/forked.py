"""Kernels of a machine's sandboxes for tests, started either way: by the first process, or from a warm parent."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from jupyter_client.blocking.client import BlockingKernelClient

if TYPE_CHECKING:
    from nbkeep.backends.interface import LaunchSpec
    from sandboxes import Init, Machine

_INSIDE = "/run/nbkeep/kernels"
_PYTHON = "/opt/nbkeep/image/bin/python"
# Starts a script with all that a process inherits from the kernel, and leaves it to the sandbox's first process:
# it may end the kernel, and waits until that has told that the cell has ended.
_AS_A_SCRIPT = """
import os, subprocess, sys
_start = '''
import os, subprocess, sys
out = open(sys.argv[2], "wb")
code = "import time; time.sleep(1)" + chr(10) + sys.argv[1]
done = subprocess.Popen([sys.executable, "-c", code], cwd="/home/user", stdin=subprocess.DEVNULL,
                        stdout=out, stderr=out, start_new_session=True)
print(done.pid)
'''
_done = subprocess.run([sys.executable, "-c", _start, {code!r}, {out!r}], env=os.environ | {env!r},
                       stdout=subprocess.PIPE, check=True)
print(int(_done.stdout))
"""


class Kernel:
    """One running kernel; `pid` is its number inside the sandbox. Use as a context manager.

    A `spare` one waits as the reserve of a session does, until `take`, which entering calls.
    """

    def __init__(self, machine: Machine, spec: LaunchSpec, *, warm: bool = True, spare: bool = False) -> None:
        self.machine, self.spec, self.warm, self.spare = machine, spec, warm, spare
        name = f"k-{secrets.token_hex(6)}"
        self.folder = machine.folder(spec) / "kernels" / name
        self.file = f"{_INSIDE}/{name}/connection.json"

    def __enter__(self) -> Self:
        self.init: Init = self.machine.init(self.spec)
        owner = self.folder.parent.stat()
        self.folder.mkdir(mode=0o700)
        info: dict[str, Any] = {
            "transport": "ipc", "ip": f"{Path(self.file).parent}/s", "key": secrets.token_hex(8),
            "signature_scheme": "hmac-sha256",
            **{f"{name}_port": number for number, name in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)},
        }  # fmt: skip
        (self.folder / "connection.json").write_text(json.dumps(info))
        for path in (self.folder, self.folder / "connection.json"):
            os.chown(path, owner.st_uid, owner.st_gid)
        self.pid = self._fork() if self.warm else self._spawn()
        if self.spare:
            self.take()
        self.client = BlockingKernelClient()
        seen_from_here = info | {"ip": str(self.folder / "s"), "key": info["key"].encode()}
        self.client.load_connection_info(cast("Any", seen_from_here))
        self.client.start_channels()
        self._wait_until_ready()
        return self

    def _wait_until_ready(self) -> None:
        """Wait for an answer; the client takes a second without a heartbeat, on a busy machine, for a death."""
        deadline = time.monotonic() + 60
        while True:
            try:
                self.client.wait_for_ready(timeout=60)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()
        self.init.ask("signal", pid=self.pid, signum=9)
        self.init.close()

    def _spawn(self) -> int:
        told = self.init.ask(
            "spawn",
            argv=[_PYTHON, "/opt/nbkeep/sandbox/kernel.py", "-f", self.file],
            env={},
            cwd="/home/user",
        )
        return int(told["pid"])

    def _fork(self) -> int:
        told = ask_door(self.machine, self.spec, self.file, spare=self.spare)
        assert told.get("ok") is True, told
        return int(told["pid"])

    def take(self, cwd: str = "/home/user", **env: str) -> None:
        """Tell a spare kernel whose it is, as the trusted half does."""
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(30)
            deadline = time.monotonic() + 30
            while talk.connect_ex(str(self.folder / "take")) != 0:
                assert time.monotonic() < deadline, "it does not wait to be taken"
                time.sleep(0.01)
            talk.sendall(json.dumps({"cwd": cwd, "env": env}).encode() + b"\n")
            assert json.loads(talk.makefile().readline()) == {"ok": True}

    def run(self, code: str) -> str:
        """Run a cell and return what it printed; an exception in it fails the test."""
        said: list[str] = []

        def heard(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                said.append(content["text"])
            elif message["msg_type"] == "error":
                said.append("\n".join(content["traceback"]))

        reply = self.client.execute_interactive(code, timeout=300, output_hook=heard, allow_stdin=False)
        assert reply["content"]["status"] == "ok", "".join(said)
        return "".join(said)

    def script(self, code: str, env: dict[str, str]) -> tuple[int, str]:
        """Run a whole script below this kernel; return (exit code or -signal, last part of its output)."""
        name = f".{self.folder.name}"
        pid = int(self.run(_AS_A_SCRIPT.format(code=code, env=env, out=f"/home/user/{name}")))
        ended = self.init.exit_of(pid)
        out = self.machine.home(self.spec) / name
        output = out.read_bytes()[-4096:].decode(errors="replace")
        out.unlink()
        return -ended["signal"] if ended["signal"] else int(ended["code"]), output

    def host_pid(self) -> int:
        """Return the kernel's pid on the host."""
        ours = self.machine.folder(self.spec)
        noted = json.loads((ours / "sandbox.json").read_text())["inner"]["pid"]
        wanted = os.readlink(f"/proc/{noted}/ns/pid")
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "ns/pid") == wanted:
                    numbers = field(entry, "NSpid").split()
                    if int(numbers[-1]) == self.pid:
                        return int(entry.name)
            except OSError:
                continue
        raise AssertionError("the kernel is gone")


def field(process: Path, name: str) -> str:
    """Return one field of /proc/PID/status."""
    lines = (process / "status").read_text().splitlines()
    return next(line.partition(":\t")[2] for line in lines if line.startswith(f"{name}:"))


def ask_door(machine: Machine, spec: LaunchSpec, connection_file: str, **more: Any) -> dict[str, Any]:
    """Ask the session's door for a kernel, as its trusted half does."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(30)
        door.connect(str(machine.folder(spec) / "warm/kernels.sock"))
        asked: dict[str, Any] = {"connection_file": connection_file, "cwd": "/home/user", "env": {}, **more}
        door.sendall(json.dumps(asked).encode() + b"\n")
        return json.loads(door.makefile().readline())


def wait_until_warm(machine: Machine, words: str, within_s: float = 60) -> str:
    """Wait until what the warden says of its parents has this pattern; return it."""
    deadline = time.monotonic() + within_s
    while True:
        told = next(fact.detail for fact in machine.client.host() if fact.id == "warm")
        if re.search(words, told):
            return told
        assert time.monotonic() < deadline, f"{words!r} is not in {told!r}"
        time.sleep(0.1)
