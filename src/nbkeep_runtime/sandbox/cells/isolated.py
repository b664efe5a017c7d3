"""Runs what looks at users' objects: whatever it raises and however long it takes, the kernel goes on."""

from __future__ import annotations

import ctypes
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class _TimeIsUp(BaseException):
    """Work takes longer than it may; nothing that catches errors catches this."""


def attempt(work: Callable[[], Any]) -> Any:
    """Return what some work returns, or None when it raises."""
    try:
        return work()
    except Exception:  # noqa: BLE001  users' objects raise anything, and no cell may fail for its marks
        return None


def attempt_within(limit_s: float, work: Callable[[], Any]) -> None:
    """Do some work in this thread; leave it when it raises, or between two steps once its time is up."""
    thread = threading.get_ident()
    lock = threading.Lock()
    is_over = was_stopped = False

    def stop() -> None:
        nonlocal was_stopped
        with lock:
            if not is_over:
                was_stopped = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread), ctypes.py_object(_TimeIsUp)
                )

    timer = threading.Timer(limit_s, stop)
    timer.daemon = True
    timer.start()
    try:
        attempt(work)
        with lock:
            is_over = True
        for _ in range(1000 if was_stopped else 0):
            time.sleep(0.001)  # it is on its way, and must not reach anything else
    except _TimeIsUp:
        pass
    finally:
        timer.cancel()
