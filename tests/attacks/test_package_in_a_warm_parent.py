"""A malicious package that a warm parent imports, with a parent's powers, gets no hold of the host."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from forked import Kernel, wait_until_warm
from nbkeep.backends.interface import Warm
from sandboxes import Machine, images, make_machine, why_not

pytestmark = [pytest.mark.attack, pytest.mark.skipif(bool(why_not("warm")), reason=why_not("warm"))]

_EVIL = """
import ctypes, os, socket
said = {}
_libc = ctypes.CDLL(None, use_errno=True)
def _try(name, act):
    try:
        said[name] = repr(act())
    except BaseException as error:
        said[name] = f"refused: {error!r}"
def _call(name, *arguments):
    if _libc.syscall(NUMBERS[name], *arguments) != 0:
        raise OSError(ctypes.get_errno(), name)
NUMBERS = {numbers!r}
_try("become root", lambda: os.setresuid(0, 0, 0))
_try("become root by setuid", lambda: os.setuid(0))
_try("become root's group", lambda: os.setresgid(0, 0, 0))
_try("become a user of the host", lambda: os.setreuid(1, 1))
_try("kill a process of root", lambda: os.kill({victim}, 9))
_try("trace a process of root", lambda: _call("ptrace", 16, {victim}, 0, 0))
_try("mount", lambda: _call("mount", b"none", b"/tmp", b"tmpfs", 0, 0))
_try("move into another root", lambda: os.chroot("/tmp"))
_try("open by handle", lambda: _call("open_by_handle_at", 0, 0, 0))
_try("make a user namespace", lambda: _call("unshare", 0x10000000))
_try("load a kernel module", lambda: _call("init_module", 0, 0, b""))
_try("use bpf", lambda: _call("bpf", 0, 0, 0))
_try("make a device", lambda: os.mknod("/tmp/disk", 0o060666, os.makedev(8, 0)))
_try("read shadow", lambda: open("/etc/shadow").read())
_try("list the data directory", lambda: os.listdir({data_dir!r}))
_try("see processes", lambda: os.listdir("/proc/1"))
_try("reach the host's loopback", lambda: socket.create_connection(("127.0.0.1", {port}), 2))
_try("change its image", lambda: open(__file__, "a"))
fds = []
for _fd in range(3, 256):
    try:
        fds.append(os.fstat(_fd).st_mode & 0o170000)
    except OSError:
        pass
"""


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def machine(victim: subprocess.Popen[bytes]) -> Iterator[Machine]:
    found = make_machine("root")
    try:
        (found.data_dir / "images").unlink()
        built = found.data_dir / "images/evil/0123456789abcdef"
        built.parent.mkdir(parents=True)
        subprocess.run(["cp", "-rl", images() / "base/current/.", built], check=True)
        (found.data_dir / "images/evil/current").symlink_to(built.name)
        yield found
    finally:
        found.end()
        assert victim.poll() is None, "a process of root was ended"


def test_an_evil_package_has_no_hold_of_the_host(machine: Machine, victim: subprocess.Popen[bytes]) -> None:
    from nbkeep.backends.local.seccomp import denied

    site = next((machine.data_dir / "images/evil/current/env/lib").glob("python3*")) / "site-packages"
    with socket.create_server(("127.0.0.1", 0)) as door:
        values = {
            "numbers": denied("x86_64"),
            "victim": victim.pid,
            "data_dir": str(machine.data_dir),
            "port": door.getsockname()[1],
        }
        text = _EVIL
        for name, value in values.items():
            text = text.replace(f"{{{name}!r}}", repr(value)).replace(f"{{{name}}}", repr(value))
        (site / "evil.py").write_text(text)
        machine.client.keep_warm([Warm("evil", ["evil"])])
        wait_until_warm(machine, r"kernels of evil with evil: \d+ MiB")
    spec = machine.spec(image="evil", preimport=["evil"])
    machine.client.launch(spec)
    with Kernel(machine, spec, warm=True) as kernel:
        told = json.loads(kernel.run("import evil, json; print(json.dumps([evil.said, evil.fds]))"))
    said, fds = told
    assert [name for name, answer in said.items() if not answer.startswith("refused: ")] == []
    assert len(said) == 18
    assert fds == [0o140000]  # the socket on which it is told to fork, and nothing more
    assert not (machine.data_dir / "disk").exists()
    machine.client.stop(spec.session_id, 0)
    shutil.rmtree(Path(machine.data_dir / "images"))
    (machine.data_dir / "images").symlink_to(images())
