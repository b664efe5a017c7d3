"""Real machines for tests: a warden as root or as an ordinary user, and a way to run code in its sandboxes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forked import Kernel, wait_until_warm
from nbkeep.backends.interface import Exit, LaunchSpec, Status, Warm
from nbkeep.backends.local.images import build_image
from nbkeep.backends.warden_client import WardenClient
from nbkeep.model.ids import new_id

TOKEN = "token-of-the-warden"
SECRET = "secret-of-the-server-0451"
NOBODY = 65534
# A trusted half that only waits: `python -I -m timeit` runs the code of its last argument.
WAITS = ["-n1", "-r1", "import time; time.sleep(3600)"]


def images() -> Path:
    """Return a folder with the image `base`; built at first use and kept between runs."""
    kept = Path(tempfile.gettempdir()) / f"nbkeep-test-images-{os.geteuid()}"
    kept.mkdir(mode=0o755, exist_ok=True)
    build_image(kept, "base")
    return kept / "images"


def command_as(uid: int, data_dir: Path, *arguments: str) -> list[str]:
    """Return a command that root runs as an ordinary user, who owns a data directory."""
    # Somebody else cannot pass root's closed home, where the interpreter may lie: a mount namespace opens it.
    prefix = sys.base_prefix
    script = f"""
        mount --make-rprivate /
        case {prefix} in /root/*)
            mkdir -p {data_dir}/.prefix && mount --bind {prefix} {data_dir}/.prefix
            mount -t tmpfs -o mode=755 none /root && mkdir -p {prefix}
            mount --move {data_dir}/.prefix {prefix} ;;
        esac
        exec setpriv --reuid {uid} --regid {uid} --clear-groups --bounding-set=-all --inh-caps=-all "$@"
    """
    return ["unshare", "--mount", "/bin/sh", "-ec", textwrap.dedent(script), "sh", *arguments]


@dataclass
class Outcome:
    """How code in a sandbox ended, and the last part of what it wrote."""

    code: int | None
    signal: int | None
    output: str


class Init:
    """One connection to a sandbox's first process, from the host."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self._lines = b""
        self._events: list[dict[str, Any]] = []
        self._id = 0
        self.fds: list[int] = []

    def close(self) -> None:
        self.socket.close()

    def _next(self) -> dict[str, Any]:
        while b"\n" not in self._lines:
            data, fds, _, _ = socket.recv_fds(self.socket, 65536, 4)
            self.fds += fds
            assert data, "the sandbox closed the connection"
            self._lines += data
        line, _, self._lines = self._lines.partition(b"\n")
        return json.loads(line)

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        self._id += 1
        self.socket.sendall(json.dumps({"id": self._id, "op": op, **arguments}).encode() + b"\n")
        while True:
            told = self._next()
            if told.get("id") == self._id:
                return told
            self._events.append(told)

    def exit_of(self, pid: int) -> dict[str, Any]:
        while True:
            for event in self._events:
                if event.get("event") == "exit" and event["pid"] == pid:
                    self._events.remove(event)
                    return event
            self._events.append(self._next())


@dataclass
class Machine:
    """A data directory with a warden, run as root or as somebody else."""

    kind: str
    data_dir: Path
    client: WardenClient = field(init=False)
    warden: subprocess.Popen[bytes] = field(init=False)

    @property
    def is_root(self) -> bool:
        return self.kind in {"root", "warm"}

    def command(self, *arguments: str) -> list[str]:
        """Return a command that runs as this machine's user."""
        if self.is_root or os.geteuid() != 0:
            return list(arguments)
        return command_as(NOBODY, self.data_dir, *arguments)

    def start(self, module: str = "timeit") -> None:
        log = (self.data_dir / "warden.out").open("ab")
        self.warden = subprocess.Popen(
            self.command(sys.executable, "-m", "nbkeep.backends.local.warden",
                         "--data-dir", str(self.data_dir), "--server-module", module),
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent"},
            stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        path = self.data_dir / "run/warden/warden.sock"
        deadline = time.monotonic() + 60
        while not self._answers(path):
            said = (self.data_dir / "warden.out").read_text()
            assert self.warden.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        self.client = WardenClient(path, TOKEN)

    @staticmethod
    def _answers(path: Path) -> bool:
        # by hand: a client that is refused leaves its socket open
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(path)) == 0

    def kill_warden(self) -> None:
        self.client.close()
        self.warden.kill()
        self.warden.wait()

    def spec(self, **changes: Any) -> LaunchSpec:
        given: dict[str, Any] = {
            "session_id": new_id("ses", datetime.now(UTC)), "user": "jane", "uid_index": 1, "image": "base",
            "cpu_millis": 2000, "memory_bytes": 512 << 20, "pids_max": 100, "home_size_bytes": 320 << 20,
            "scratch_bytes": 64 << 20, "server_env": {"JUPYTERHUB_API_TOKEN": SECRET}, "server_args": WAITS,
        }  # fmt: skip
        return LaunchSpec(**(given | changes))

    def status(self, spec: LaunchSpec) -> Status:
        """Return how a session is; it must be known."""
        found = self.client.status(spec.session_id)
        assert found is not None
        return found

    def exit(self, spec: LaunchSpec, within_s: float = 10) -> Exit:
        """Wait for a session's end by itself and return why it ended."""
        deadline = time.monotonic() + within_s
        while (found := self.status(spec)).exit is None:
            assert time.monotonic() < deadline, "it does not end"
            time.sleep(0.02)
        assert found.exit is not None
        assert not found.alive
        return found.exit

    def folder(self, spec: LaunchSpec) -> Path:
        return self.data_dir / "run/s" / spec.session_id

    def home(self, spec: LaunchSpec) -> Path:
        return self.folder(spec) / "home" if spec.quarantine else self.data_dir / "homes" / spec.user

    def init(self, spec: LaunchSpec) -> Init:
        path = self.folder(spec) / "kernels/init.sock"
        deadline = time.monotonic() + 20
        while not path.exists():
            assert time.monotonic() < deadline, self.log(spec) + str(self.client.status(spec.session_id))
            time.sleep(0.005)
        return Init(path)

    def log(self, spec: LaunchSpec) -> str:
        return (self.data_dir / "logs/sessions" / f"{spec.session_id}.log").read_text(errors="replace")

    def run(self, spec: LaunchSpec, code: str, **env: str) -> Outcome:
        """Run Python code in the sandbox as a kernel would be and return how it ended.

        A `warm` machine's kernels are forks of a warm parent that waited in reserve, as most kernels of a
        session are, and the code runs below one.
        """
        if self.kind == "warm":
            with Kernel(self, spec, spare=True) as kernel:
                how, output = kernel.script(textwrap.dedent(code), env)
            return Outcome(None if how < 0 else how, -how if how < 0 else None, output)
        init = self.init(spec)
        try:
            argv = ["/opt/nbkeep/image/bin/python", "-c", textwrap.dedent(code)]
            told = init.ask("spawn", argv=argv, env=env, cwd="/home/user")
            assert told["ok"], told
            ended = init.exit_of(told["pid"])
            return Outcome(ended["code"], ended["signal"], ended["output_tail"])
        finally:
            init.close()

    def end(self) -> None:
        for one in self.client.sessions():
            self.client.stop(one.session_id, grace_s=0)
        for image in (self.data_dir / "homes").glob("*.xfs"):
            self.client.delete_volume(image.stem)
        self.client.close()
        self.warden.terminate()
        self.warden.wait(10)
        shutil.rmtree(self.data_dir)


@dataclass
class Target:
    """A machine with two sessions: the attacker's and a neighbour's."""

    machine: Machine
    spec: LaunchSpec
    neighbour: LaunchSpec

    def attack(self, code: str, **env: str) -> Outcome:
        """Run Python code in the attacker's sandbox."""
        return self.machine.run(self.spec, code, **env)

    def refused(self, code: str) -> str:
        """Run code that ends with exit code 0 only when the attack was refused; return its output."""
        outcome = self.attack(code)
        assert outcome.code == 0, outcome
        return outcome.output

    def is_well(self) -> bool:
        """Whether both sessions still run."""
        found = [self.machine.client.status(one.session_id) for one in (self.spec, self.neighbour)]
        return all(status is not None and status.alive for status in found)


def make_machine(kind: str) -> Machine:
    """Return a machine whose warden runs; the caller ends it."""
    data_dir = Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp"))
    (data_dir / "secrets").mkdir(mode=0o700)
    (data_dir / "secrets/warden-token").write_text(TOKEN)
    (data_dir / "images").symlink_to(images())
    if kind == "ordinary" and os.geteuid() == 0:
        for path in (data_dir, data_dir / "secrets", data_dir / "secrets/warden-token"):
            os.chown(path, NOBODY, NOBODY)
    machine = Machine(kind, data_dir)
    machine.start()
    if kind == "warm":
        try:
            machine.client.keep_warm([Warm("base")])
            wait_until_warm(machine, r"kernels of base: \d+ MiB")
        except BaseException:
            machine.end()
            raise
    return machine


def why_not(kind: str) -> str:
    """Return why a machine of this kind cannot be had here, or ""."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed: apt-get install bubblewrap"
    if kind in {"root", "warm"} and os.geteuid() != 0:
        return "needs to run as root"
    return ""
