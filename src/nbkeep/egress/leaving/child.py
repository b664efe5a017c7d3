"""Looks at what strangers wrote, in a jail: a process that reads none of it, and forks one for each document.

A fork that a document has broken into sees no other document, has no network and no file, can neither start
nor reach another process, and is ended after its time. Its answer is taken for hostile. The parent gets
descriptors alone: who reads words is a fork.
But for the organisation's own rules: these it reads itself, once for each change, before it forks again.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbkeep import seccomp
from nbkeep.scanning.detect import standard, with_text
from nbkeep.scanning.scan import Look, examine, is_unread
from nbkeep.scanning.values import Limits

from . import wire
from .unpack import MOST_BYTES, Unpacked

if TYPE_CHECKING:
    from nbkeep.scanning.values import Result

_MEMORY_BYTES = 2 << 30
_NOT_DUMPABLE = 4  # PR_SET_DUMPABLE: no fork may look into another one, or into this
_MOST_TITLES, _MOST_REASONS = 8, 4
_NOT_EXAMINED: dict[str, list[str]] = {
    "kinds": [], "titles": [],
    "reasons": ["could not be examined: the organisation's own rules cannot be read"],
}  # fmt: skip


def main() -> None:
    """Fork for whatever comes, until nobody is there who asks."""
    asked = socket.socket(fileno=int(sys.argv[1]))
    ctypes.CDLL(None).prctl(_NOT_DUMPABLE, 0, 0, 0, 0)
    for which, most in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(which, (most, most))
    look = replace(Look(standard()), limits=Limits(file_bytes=MOST_BYTES, archive_bytes=2 * MOST_BYTES),
                   heed_marks=False)  # fmt: skip
    _warm(look)
    current: Look | None = look
    only_reads = seccomp.for_readers()
    forks: dict[int, float] = {}
    while True:
        is_asked = bool(select.select([asked], [], [], 1.0)[0])
        _reap(forks)
        if not is_asked:
            continue
        message, files, _flags, _address = socket.recv_fds(asked, 1, 2)
        if not message or not files:
            return
        if message == wire.RULES:
            current = _by_rules(files, look)
            continue
        pid = os.fork()
        if not pid:
            asked.close()
            _serve(files, current, only_reads)
        for file in files:
            os.close(file)
        forks[pid] = time.monotonic() + wire.MOST_S


def _by_rules(files: list[int], look: Look) -> Look | None:
    """Return a look by the rules in a file, None where they cannot be read: then nothing can be examined."""
    found = None
    with suppress(Exception):  # whatever it is, there is no detector of these rules
        found = replace(look, detector=with_text(_read(files[0]).decode()))
        _warm(found)
    for file in files:
        os.close(file)
    return found


def _warm(look: Look) -> None:
    """Have forks share what a first look makes."""
    examine(b"warm = 1", "warm.txt", look)
    gc.collect()
    gc.freeze()


def _reap(forks: dict[int, float]) -> None:
    for pid, until_s in list(forks.items()):
        if time.monotonic() > until_s:
            os.kill(pid, signal.SIGKILL)
        if os.waitpid(pid, os.WNOHANG)[0]:
            del forks[pid]


def _serve(files: list[int], look: Look | None, only_reads: bytes) -> None:
    """Answer one question, and end this process.

    Before it reads what a stranger sent it gives up to start processes and to touch others.
    """
    status = 1
    with suppress(Exception):  # whatever it is, there is no answer: it was not read
        resource.setrlimit(resource.RLIMIT_CPU, (int(wire.MOST_S), int(wire.MOST_S)))
        with suppress(OSError):
            os.nice(5)
        seccomp.take(only_reads)
        with socket.socket(fileno=files[0]) as answering:
            order: dict[str, Any] = json.loads(wire.received(answering))
            _end_with(answering)
            data = _read(files[1]) if len(files) > 1 else b""
            found = _looked(order, data, look) if look is not None else _NOT_EXAMINED
            answer = wire.framed(json.dumps(found).encode())
            fcntl.fcntl(answering, fcntl.F_SETFL, 0)
            answering.sendall(answer)
        status = 0
    os._exit(status)


def _end_with(answering: socket.socket) -> None:
    """End this process (SIGIO) when nobody waits for its answer any more: its time was up."""
    fcntl.fcntl(answering, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(answering, fcntl.F_SETFL, os.O_ASYNC)
    with suppress(BlockingIOError):
        if not answering.recv(1, socket.MSG_DONTWAIT):
            os._exit(1)  # it had gone before


def _read(file: int) -> bytes:
    pieces: list[bytes] = []
    at = 0
    while piece := os.pread(file, 8 << 20, at):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


def _looked(order: dict[str, Any], data: bytes, look: Look) -> dict[str, list[str]]:
    headers = tuple((str(name).lower(), str(value)) for name, value in order["headers"])
    results: list[Result] = []
    reasons: list[str] = []
    if data:
        body = Unpacked(data, str(order["name"]) or "body", headers)
        results += [examine(one, name, look) for name, one in body.documents()]
        reasons += body.unread
    if words := str(order["words"]):
        results.append(examine(words.encode("utf-8", "replace"), "request.txt", look))
    found = [one for result in results for one in result.findings if not one.allowed]
    missed = [one for result in results for one in result.not_read if is_unread(one)]
    reasons += [one.reason for one in missed]
    return {
        "kinds": sorted({one.kind for one in found}),
        "titles": list(dict.fromkeys(one.title for one in found))[:_MOST_TITLES],
        "reasons": list(dict.fromkeys(reasons))[:_MOST_REASONS],
    }


if __name__ == "__main__":
    main()
