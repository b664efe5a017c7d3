"""Keeps a browser ready for PDFs, for some documents and minutes, where `pdf.py` starts one for each.

It runs in a jail without network, files or environment, and finds there the same for each document
(`press_room.py`). Invariant: a browser that was slow, ended, or said anything but one PDF prints nothing
more; the document at hand has one of its own then.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import jail, pdf
from .press_room import ANSWERED, ASKED

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.model.clock import Clock

DOCUMENTS, LIFE_S, IDLE_S, PAGE_S = 30, 900.0, 180.0, 60.0
_LARGEST_PAGE, _LARGEST_PDF = 16 << 20, 128 << 20  # larger ones are printed each by a browser of its own
_WAIT_S = 5.0  # for the document before: a browser of its own takes some three
_START_S = 60.0
_END_S, _POLL_S = 5.0, 0.25
_CHUNK = 1 << 20
_log = logging.getLogger("nbkeep.rendering")


@dataclass(frozen=True)
class _Page:
    data: bytes = field(repr=False)
    until: float
    answer: queue.SimpleQueue[bytes] = field(default_factory=queue.SimpleQueue[bytes])


class _Worker(threading.Thread):
    """Starts one browser, hands it pages, and ends it.

    A thread for all of its life: the kernel kills what runs in the jail when the thread that started it is
    gone (PR_SET_PDEATHSIG, which is bubblewrap's `--die-with-parent`), so it outlives no office, however that
    ends.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(name="nbkeep-press", daemon=True)
        self.asked: queue.SimpleQueue[_Page | None] = queue.SimpleQueue()
        self.printed = 0
        self.began_s = self.used_s = clock.monotonic_s()
        self.pid: int | None = None
        self.is_over = False
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()

    def run(self) -> None:
        """Print what is asked for until one is not printed, or nothing more is wanted."""
        try:
            with jail.begin("nbkeep.rendering.press_room") as (connection, pid):
                with self._lock:
                    if self.is_over:
                        return
                    self._connection, self.pid = connection, pid
                _received(connection, time.monotonic() + _START_S, most=0)
                while (page := self.asked.get()) is not None:
                    page.answer.put(_printed(connection, page))
        except (OSError, ValueError) as error:
            if not self.is_over:
                _log.warning("The browser that is kept for PDFs is given up: %s", type(error).__name__)
        finally:
            self.is_over, self.pid = True, None

    def end(self) -> None:
        """Have this thread kill the browser and all with it. Twice is once."""
        with self._lock:
            self.is_over = True
            if self._connection is not None:
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)  # wakes who waits for an answer
        self.asked.put(None)


class WarmPress:
    """At most one browser, one document at a time. May be used by several threads."""

    def __init__(
        self, clock: Clock, *, documents: int = DOCUMENTS, life_s: float = LIFE_S, idle_s: float = IDLE_S
    ) -> None:
        """Bounds of one browser: `documents`, `life_s`, and `idle_s`, which is how long it waits for one."""
        self._clock = clock
        self._documents, self._life_s, self._idle_s = documents, life_s, idle_s
        self._turn = threading.Lock()
        self._worker: _Worker | None = None
        self._lock = threading.Lock()
        self._is_closed = False
        self.page_s = PAGE_S
        """How long a page may take here, at most half of its time: the rest is for a browser of its own."""

    @property
    def pid(self) -> int | None:
        """The jail's process, for tests; None while there is none."""
        worker = self._worker
        return worker.pid if worker is not None else None

    def begin(self) -> None:
        """Start a browser unless one is ready; returns at once. For when a PDF will be needed soon."""
        self._ready()

    def make(self, page: Path, out: Path, *, timeout_s: float) -> str:
        """Print a page as `pdf.make` does, which does it where the browser that is kept does not."""
        until = time.monotonic() + timeout_s
        if page.stat().st_size <= _LARGEST_PAGE and self._turn.acquire(timeout=min(_WAIT_S, timeout_s)):
            try:
                made = self._made(page.read_bytes(), until)
            finally:
                self._turn.release()
            if made is not None:
                (out / "page.pdf").write_bytes(made)
                return ""
        return pdf.make(page, out, timeout_s=max(until - time.monotonic(), 1))

    def round(self) -> None:
        """End a browser that is old, or was not used for long. Called again and again; returns at once."""
        if self._turn.acquire(blocking=False):
            try:
                if (worker := self._worker) is not None and self._is_spent(worker):
                    self._give_up(worker)
            finally:
                self._turn.release()

    def close(self) -> None:
        """End the browser, and start no other. What it prints just now is printed by one of its own."""
        with self._lock:
            self._is_closed, worker = True, self._worker
        if worker is not None:
            self._give_up(worker)
            worker.join(_END_S)

    def _ready(self) -> _Worker | None:
        with self._lock:
            if self._is_closed or pdf.missing():
                return None
            if self._worker is None or self._worker.is_over:
                self._worker = _Worker(self._clock)
                self._worker.start()
            return self._worker

    def _made(self, data: bytes, until: float) -> bytes | None:
        worker = self._worker
        if worker is not None and self._is_spent(worker):
            self._give_up(worker)
        worker = self._ready()
        if worker is None:
            return None
        now = time.monotonic()
        asked = _Page(data, min((now + until) / 2, now + self.page_s))
        worker.asked.put(asked)
        made: bytes | None = None
        while made is None and worker.is_alive() and time.monotonic() < asked.until + _POLL_S:
            with contextlib.suppress(queue.Empty):
                made = asked.answer.get(timeout=_POLL_S)
        worker.printed += 1
        worker.used_s = self._clock.monotonic_s()
        if made is None or worker.printed >= self._documents:
            self._give_up(worker)
        return made

    def _is_spent(self, worker: _Worker) -> bool:
        now_s = self._clock.monotonic_s()
        is_old = now_s - worker.began_s >= self._life_s or now_s - worker.used_s >= self._idle_s
        return worker.is_over or is_old

    def _give_up(self, worker: _Worker) -> None:
        worker.end()
        with self._lock:
            if self._worker is worker:
                self._worker = None


def _printed(connection: socket.socket, page: _Page) -> bytes:
    """Return a PDF. Raises OSError or ValueError where anything else comes, or too late."""
    left_s = page.until - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    if _is_said(connection):  # nobody asked
        raise ValueError("it speaks by itself")
    connection.settimeout(left_s)
    connection.sendall(ASKED.pack(len(page.data), int(left_s) + 1) + page.data)
    made = _received(connection, page.until, most=_LARGEST_PDF)
    if not made.startswith(b"%PDF-"):
        raise ValueError("no PDF")
    return made


def _is_said(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    return True  # also where it has ended


def _received(connection: socket.socket, until: float, *, most: int) -> bytes:
    try:
        (size,) = ANSWERED.unpack(_bytes(connection, ANSWERED.size, until))
    except struct.error as error:
        raise ValueError("no answer") from error
    if size > most:
        raise ValueError("too much")
    return _bytes(connection, size, until)


def _bytes(connection: socket.socket, size: int, until: float) -> bytes:
    data = bytearray()
    while len(data) < size:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        piece = connection.recv(min(_CHUNK, size - len(data)))
        if not piece:
            raise ValueError("it ended")
        data += piece
    return bytes(data)
