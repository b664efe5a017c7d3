"""A document that has taken over the process that examines it starts processes, without end or to stay behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from nbkeep.egress.leaving.interface import Document
from nbkeep.egress.leaving.scanner import JailedScanner
from nbkeep.rendering import jail

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.attack

# What would examine a document does this instead, in the very process and jail of an examiner.
_TAKEN_OVER = """
import ctypes, errno, os, signal, socket, subprocess, sys, threading
from nbkeep.egress.leaving import child

libc = ctypes.CDLL(None, use_errno=True)

def thread():
    threading.Thread(target=print).start()

def bare(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")

TRIED = {tried}

def hostile(order, data, look):
    said = []
    for name in order["words"].split():
        try:
            TRIED[name]()
        except (OSError, RuntimeError) as error:
            is_refused = getattr(error, "errno", errno.EPERM) == errno.EPERM
            said.append(f"{{name}}: {{'refused' if is_refused else error}}")
        else:
            said.append(f"{{name}}: done")
    return {{"kinds": [], "titles": said, "reasons": []}}

child._looked = hostile
sys.argv = ["child", "{file}"]
child.main()
"""
_TRIED = {
    "fork": "os.fork",
    "thread": "thread",
    "program": "lambda: os.execv('/bin/true', ['true'])",
    "spawn": "lambda: subprocess.run(['/bin/true'])",
    "socket": "lambda: socket.socket(socket.AF_UNIX)",
    "parent": "lambda: os.kill(os.getppid(), signal.SIGKILL)",
    "first": "lambda: os.kill(1, signal.SIGKILL)",
    "all": "lambda: os.kill(-1, signal.SIGKILL)",
    "trace": "lambda: bare({ptrace}, 16, os.getppid(), 0, 0)",
    "limits": "lambda: bare({prlimit}, os.getppid(), 7, 0, 0)",
}
_BY_NUMBER = {"x86_64": {"ptrace": 101, "prlimit": 302}, "aarch64": {"ptrace": 117, "prlimit": 261}}


_stay = jail.stay


class _Program(int):
    """A descriptor that is written as a program: `timeit` runs what it is called with, in the examiner's jail."""

    def __str__(self) -> str:
        numbers = _BY_NUMBER[os.uname().machine]
        tried = ", ".join(f"{name!r}: {code.format(**numbers)}" for name, code in _TRIED.items())
        return _TAKEN_OVER.format(tried=f"{{{tried}}}", file=int(self))


def _taken_over(module: str, file: int) -> subprocess.Popen[bytes]:
    del module
    return _stay("timeit", _Program(file))


async def test_nothing_that_starts_or_reaches_another_process_is_let_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jail, "stay", _taken_over)
    scanner = JailedScanner()
    try:
        for name in _TRIED:
            found = await scanner.look(Document(None, words=name))
            assert found.titles == (f"{name}: refused",)
    finally:
        scanner.close()
