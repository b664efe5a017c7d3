"""The trusted half's side of a terminal whose open file it shares with the sandbox.

Code in the sandbox may hold the same open file: it can make it blocking between two of our calls, take what
a poll has announced, or never read what is typed. So no call that could wait is made on the event loop, or
in a pool that others need: each terminal has two threads of its own, which may hang without harm to others.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import fcntl
import os
import queue
import select
import struct
import termios
import threading
import time
from typing import TYPE_CHECKING

from nbkeep_runtime.server.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITE_S = 10.0
_AGAIN_S = 0.02
_MAX_TYPED = 1 << 20  # bytes that wait to be read by what runs in the terminal
_MAX_READ = 1 << 16
_AHEAD = 4  # pieces of output that may wait for the event loop
_MAX_SIDE = 2000


class Master:
    """The master side of a terminal, with the methods that terminado calls on a process. Owns `fd`."""

    delayafterterminate = 0.1

    def __init__(self, sandbox: Sandbox, pid: int, fd: int) -> None:
        self.pid = pid
        self.fd = fd
        self._sandbox = sandbox
        self._is_open = True
        self._closed, self._close = os.pipe()
        self._typed: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._typed_bytes = 0
        self._lock = threading.Lock()
        self._room = threading.Semaphore(_AHEAD)
        self._threads: list[threading.Thread] = []

    @property
    def is_held(self) -> bool:
        """Tell whether a thread of this terminal still runs; after `close` that is the sandbox's doing."""
        return any(thread.is_alive() for thread in self._threads)

    def start(self, show: Callable[[str | None], None]) -> None:
        """Call `show` on the running loop with what appears, and with None once the shell is gone."""
        loop = asyncio.get_running_loop()
        # Descriptors of their own: a number that is closed here could be another file's while a thread waits.
        for work, more in (
            (self._read_all, (os.dup(self.fd), loop, show)),
            (self._write_all, (os.dup(self.fd),)),
        ):
            self._threads.append(threading.Thread(target=work, args=more, daemon=True, name="terminal"))
        for thread in self._threads:
            thread.start()

    def write(self, text: str) -> None:
        """Send keystrokes, soon; what nothing reads for ten seconds is dropped, and what is too much."""
        data = text.encode(errors="replace")
        with self._lock:
            if self._typed_bytes + len(data) > _MAX_TYPED:
                return
            self._typed_bytes += len(data)
        self._typed.put(data)

    def getwinsize(self) -> tuple[int, int]:
        """Return (rows, columns)."""
        rows, cols, _, _ = struct.unpack("HHHH", fcntl.ioctl(self.fd, termios.TIOCGWINSZ, b"\0" * 8))
        return rows, cols

    def setwinsize(self, rows: int, cols: int) -> None:
        """Resize."""
        size = struct.pack("HHHH", *(max(1, min(_MAX_SIDE, int(side))) for side in (rows, cols)), 0, 0)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, size)

    def isalive(self) -> bool:
        """Tell whether the shell runs, as far as is known."""
        return self._is_open and self._sandbox.exit_of(self.pid) is None

    def kill(self, signum: int) -> None:
        """Signal the shell's group, soon."""
        if self.isalive():
            asyncio.get_running_loop().create_task(self._kill(signum))

    async def _kill(self, signum: int) -> None:
        with contextlib.suppress(SandboxError):
            await self._sandbox.signal(self.pid, signum)

    def close(self) -> None:
        """Close the master side, which hangs up what still runs there. Twice is safe."""
        if self._is_open:
            self._is_open = False
            self._typed.put(None)
            os.close(self._close)  # wakes the reader
            os.close(self.fd)
            if not self._threads:
                os.close(self._closed)

    def _read_all(self, fd: int, loop: asyncio.AbstractEventLoop, show: Callable[[str | None], None]) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

        def told(text: str | None) -> None:
            self._room.release()
            if self._is_open:
                show(text)

        poller = select.poll()
        poller.register(fd, select.POLLIN)
        poller.register(self._closed, select.POLLIN)
        try:
            data = b"begin"
            while data and self._is_open:
                poller.poll()
                if not self._is_open:
                    return
                try:
                    data = os.read(fd, _MAX_READ)
                except BlockingIOError:  # somebody in the sandbox took it first
                    time.sleep(_AGAIN_S)
                    continue
                except OSError:  # EIO: no process holds the other side any more
                    data = b""
                while not self._room.acquire(timeout=1.0):
                    if not self._is_open:
                        return
                loop.call_soon_threadsafe(told, decoder.decode(data) if data else None)
        except RuntimeError:
            return  # the loop has ended, and the server with it
        finally:
            os.close(fd)
            os.close(self._closed)

    def _write_all(self, fd: int) -> None:
        try:
            while (data := self._typed.get()) is not None:
                self._write(fd, memoryview(data))
                with self._lock:
                    self._typed_bytes -= len(data)
        except OSError:
            return  # the shell is gone; what is still typed waits within its limit
        finally:
            os.close(fd)

    def _write(self, fd: int, data: memoryview) -> None:
        give_up = time.monotonic() + _WRITE_S
        while data and self._is_open and time.monotonic() < give_up:
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:  # full; a poll calls such a terminal writable
                time.sleep(_AGAIN_S)
            else:
                give_up = time.monotonic() + _WRITE_S
