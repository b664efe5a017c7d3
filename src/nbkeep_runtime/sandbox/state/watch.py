"""Interrupts, as Ctrl-C does, what takes too long in the user's own code."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

_LOOK_S = 0.2
_AGAIN_S = 2.0
_LEAST_S = 1.0


class TookTooLong(Exception):
    """Something was interrupted because its time was over."""


class Watch:
    """A thread that looks at a clock while another one works. `with watch.limit(s):` may be nested.

    `all_s`: seconds for all blocks that `half` limits.
    """

    def __init__(self, all_s: float = 0.0) -> None:
        self._until = time.monotonic() + all_s
        self._lock = threading.Lock()
        self._deadlines: list[tuple[float, int]] = []
        self._fired = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="nbkeep-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; twice is safe."""
        self._end.set()

    def limit(self, seconds: float) -> Limit:
        """Return a block of code's limit; beyond it, the block ends with `TookTooLong`."""
        return Limit(self, seconds)

    def half(self) -> Limit:
        """Return the limit of half of the time that is left, so that no block can use all of it."""
        return self.limit(max((self._until - time.monotonic()) / 2, _LEAST_S))

    def enter(self, seconds: float) -> None:
        """Begin to watch the calling thread."""
        with self._lock:
            self._deadlines.append((time.monotonic() + seconds, threading.get_ident()))

    def leave(self) -> bool:
        """End what was begun last; return whether it was interrupted."""
        with self._lock:
            deadline, _ = self._deadlines.pop()
            was_interrupted = bool(self._fired) and deadline < time.monotonic()
            if was_interrupted:
                self._fired = 0.0
        if was_interrupted:
            # The interrupt may be on its way still: here it harms nobody.
            with contextlib.suppress(KeyboardInterrupt):
                time.sleep(_LOOK_S)
        return was_interrupted

    def _look(self) -> None:
        while not self._end.wait(_LOOK_S):
            with self._lock:
                now = time.monotonic()
                over = [ident for deadline, ident in self._deadlines if deadline < now]
                if over and now - self._fired > _AGAIN_S:
                    self._fired = now
                    _interrupt(over[-1])


class Limit:
    """The limit of a block of code: `with` it."""

    def __init__(self, watch: Watch, seconds: float) -> None:
        self._watch = watch
        self._seconds = seconds

    def __enter__(self) -> None:
        self._watch.enter(self._seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch.leave() and isinstance(error, (KeyboardInterrupt, type(None))):
            raise TookTooLong("it took too long.") from None


def _interrupt(ident: int) -> None:
    """Raise KeyboardInterrupt in a thread; in the main one also in the middle of a system call."""
    if ident == threading.main_thread().ident:
        signal.pthread_kill(ident, signal.SIGINT)
        return
    set_exception: Any = ctypes.pythonapi.PyThreadState_SetAsyncExc
    set_exception(ctypes.c_ulong(ident), ctypes.py_object(KeyboardInterrupt))
