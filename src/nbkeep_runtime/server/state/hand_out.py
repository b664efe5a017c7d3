"""Gives one checkpoint to a kernel over its connection; blocks, for a thread of its own."""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from nbkeep_runtime.server.state.errors import CannotRestore, IsRefused
from nbkeep_runtime.server.state.frames import FrameError, Frames, KernelFailed
from nbkeep_runtime.server.state.slot import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbkeep_runtime.server.state.slot import Reader

log = logging.getLogger("nbkeep.state")

_HASHES = 4096
_READERS, _AHEAD = 2, 3
_WANTS = 4  # how often each chunk may be asked for on average: a kernel that asks for ever is cut off


def hand_out(frames: Frames, reader: Reader, sent: Callable[[int], None]) -> None:
    """Send all that the kernel asks for, and tell how many bytes of memory it fills; returns when it is done.

    Raises `IsRefused` when a byte is not as it was saved (the kernel is told, and drops what it lacks), and
    `CannotRestore` when the kernel goes away.
    """
    try:
        reader.check()
        for role in ("manifest", "stream"):
            for piece in reader.pieces(role):
                frames.send(role, piece)
        frames.send("go")
        _serve(frames, reader, sent)
    except IsRefused as error:
        _tell(frames, str(error))
        raise
    except KernelFailed as error:
        raise CannotRestore(f"The kernel could not restore: {error}") from error
    except FrameError as error:
        raise CannotRestore(str(error)) from error


def _serve(frames: Frames, reader: Reader, sent: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(_READERS, "nbkeep-chunk") as threads:
        _serve_with(_Ahead(reader, threads), frames, reader, sent)


class _Ahead:
    """Reads and verifies the next chunks while one is sent: disk, processor and kernel work at once."""

    def __init__(self, reader: Reader, threads: ThreadPoolExecutor) -> None:
        self._reader = reader
        self._threads = threads
        self._free = [Memory() for _ in range(_AHEAD)]

    def chunks(self, names: list[str]) -> Iterator[tuple[str, memoryview]]:
        """Return chunks in order, each in memory that is used again after it."""
        waiting: deque[tuple[str, Memory, Future[memoryview]]] = deque()
        left = deque(names)
        while left or waiting:
            while left and self._free:
                name, memory = left.popleft(), self._free.pop()
                waiting.append((name, memory, self._threads.submit(self._reader.chunk, name, memory)))
            name, memory, opened = waiting.popleft()
            yield name, opened.result()
            self._free.append(memory)


def _serve_with(ahead: _Ahead, frames: Frames, reader: Reader, sent: Callable[[int], None]) -> None:
    left = _WANTS * len(reader.refs) + _HASHES
    while True:
        frame, _ = frames.receive("want", "done")
        if frame["type"] == "done":
            return
        names = _names(frame, reader)
        left -= len(names)
        if left < 0:
            raise FrameError("The kernel asked for more than it can need.")
        for name, data in ahead.chunks(names):
            frames.send("chunk", data, hash=name)
            sent(len(data))


def _names(frame: dict[str, Any], reader: Reader) -> list[str]:
    """Return what the kernel wants: nothing but chunks of its own checkpoint."""
    names: Any = frame.get("hashes")
    if not isinstance(names, list) or not 0 < len(cast("list[Any]", names)) <= _HASHES:
        raise FrameError("The kernel sent a frame that was not expected.")
    wanted = cast("list[Any]", names)
    if not all(isinstance(name, str) and name in reader.refs for name in wanted):
        raise FrameError("The kernel asked for what is not part of its state.")
    return wanted


def _tell(frames: Frames, reason: str) -> None:
    try:
        frames.send("failed", reason=reason)
    except FrameError as error:
        log.info("A kernel was not told why its restore ended: %s", error)
