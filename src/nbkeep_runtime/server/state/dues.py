"""How much memory each kernel of a resume is still to be given, so that none takes what is another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbkeep_runtime.server.state.index import KeptKernel


class Dues:
    """Bytes by kernel; a kernel is paid in its own thread, all else is on the event loop."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}

    def begin(self, kernels: Iterable[KeptKernel]) -> None:
        """Note what all kernels will have, before the first is given anything."""
        self._due = {one.kernel_id: one.checkpoint.memory_bytes for one in kernels if one.checkpoint}

    def owe(self, kernel_id: str, size: int) -> None:
        """Note that a kernel is given its memory from the beginning."""
        self._due[kernel_id] = size

    def paid(self, kernel_id: str, size: int) -> None:
        """Note that a part of it is there: from now on the sandbox's use of memory tells of it."""
        if kernel_id in self._due:
            self._due[kernel_id] = max(0, self._due[kernel_id] - size)

    def end(self, kernel_id: str) -> None:
        """Note that a kernel gets nothing more; twice is safe."""
        self._due.pop(kernel_id, None)

    def of_others(self, kernel_id: str) -> int:
        """Return what kernels besides this one will still get."""
        return sum(size for other, size in list(self._due.items()) if other != kernel_id)
