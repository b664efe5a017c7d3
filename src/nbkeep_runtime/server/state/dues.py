"""How much memory each kernel of a resume is still to be given, so that none takes what is another's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbkeep_runtime.server.state.index import KeptKernel

_KERNEL_BYTES = 48 << 20  # of its own: it may still be starting
_UNSEEN_S = 2.5  # what the sandbox uses is told about once a second: what has just been paid is not in it yet


class Dues:
    """Bytes by kernel; a kernel is paid in its own thread, all else is on the event loop."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._paid: list[tuple[float, str, int]] = []

    def begin(self, kernels: Iterable[KeptKernel]) -> None:
        """Note what all kernels will have, before the first is given anything."""
        self._due = {one.kernel_id: one.checkpoint.memory_bytes for one in kernels if one.checkpoint}

    def owe(self, kernel_id: str, size: int) -> None:
        """Note that a kernel is given its memory from the beginning."""
        self._due[kernel_id] = size

    def paid(self, kernel_id: str, size: int) -> None:
        """Note that a part of it is there: soon the sandbox's use of memory tells of it."""
        self._paid.append((time.monotonic(), kernel_id, size))
        if kernel_id in self._due:
            self._due[kernel_id] = max(0, self._due[kernel_id] - size)

    def end(self, kernel_id: str) -> None:
        """Note that a kernel gets nothing more; twice is safe."""
        self._due.pop(kernel_id, None)

    @property
    def are_open(self) -> bool:
        """Tell whether a kernel is still to be given anything."""
        return bool(self._due)

    def of_others(self, kernel_id: str) -> int:
        """Return what kernels besides this one will still get, or got so lately that it is not seen yet."""
        since_s = time.monotonic() - _UNSEEN_S
        self._paid = [one for one in list(self._paid) if one[0] > since_s]
        unseen = sum(size for _, other, size in list(self._paid) if other != kernel_id)
        due = [size + _KERNEL_BYTES for other, size in list(self._due.items()) if other != kernel_id]
        return unseen + sum(due)
