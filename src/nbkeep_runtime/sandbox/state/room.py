"""Bounds the memory that a save or a restore may take: an object that eats it fails alone.

It has a MemoryError. Else the host would end a process of the sandbox, and not necessarily the one that ate.
"""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

_MARGIN_BYTES = 32 << 20  # for what grows meanwhile without being asked: the kernel's messages, page tables
_LEAST_BYTES = 64 << 20  # stacks of threads count, although they are never touched as a whole
_DATA_FIELD = 5  # of /proc/self/statm, see proc(5)


class Room:
    """While it is entered, this process may take that many bytes more; None: as many as it can get."""

    def __init__(self, free_bytes: float | None) -> None:
        self._free_bytes = free_bytes
        self._before: tuple[int, int] | None = None

    def __enter__(self) -> None:
        if self._free_bytes is None:
            return
        more = max(int(self._free_bytes) - _MARGIN_BYTES, _LEAST_BYTES)
        try:
            before = resource.getrlimit(resource.RLIMIT_DATA)
            most = _data_bytes() + more
            if before[0] != resource.RLIM_INFINITY:
                most = min(most, before[0])
            resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
        except (OSError, ValueError):
            return  # no /proc: then the sandbox's own limit is the only one
        self._before = before

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            resource.setrlimit(resource.RLIMIT_DATA, self._before)
            self._before = None


def _data_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        fields: Any = file.read().split()
    return int(fields[_DATA_FIELD]) * os.sysconf("SC_PAGE_SIZE")
