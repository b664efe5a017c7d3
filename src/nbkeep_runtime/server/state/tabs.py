"""Which kernels and tabs there are now, and how they come back."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server.kernelspecs import KERNEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep_runtime.server.kernels import SessionKernels
    from nbkeep_runtime.server.notebook_sessions import NotebookSessions
    from nbkeep_runtime.server.state.index import KeptKernel, KeptTab

KERNELS = 100  # of a session that is kept
_PATH_LENGTH = 1024


@dataclass(frozen=True)
class LiveKernel:
    """A kernel that a notebook or console belongs to."""

    kernel_id: str
    path: str
    kernel_name: str
    language: str
    can_save: bool


class Tabs:
    """Jupyter Server's sessions and kernels, as far as this room needs them; on the event loop."""

    def __init__(self, sessions: NotebookSessions, kernels: SessionKernels) -> None:
        self._sessions = sessions
        self._kernels = kernels

    def kernel(self, kernel_id: str) -> Any:
        """Return the kernel's manager, or None when it is gone."""
        return self._kernels.get_kernel(kernel_id) if kernel_id in self._kernels else None

    def tabs(self) -> list[KeptTab]:
        """Return the tabs whose kernels run, the latest ones if there are very many."""
        rows = [row for row in self._sessions.rows() if row.kernel_id in self._kernels]
        return [row for row in rows if len(row.path) <= _PATH_LENGTH][-4 * KERNELS :]

    def kernels(self) -> list[LiveKernel]:
        """Return the kernels of those tabs, each once, with its first path."""
        first: dict[str, KeptTab] = {}
        for tab in self.tabs():
            first.setdefault(tab.kernel_id, tab)
        return [self._live(tab) for tab in list(first.values())[-KERNELS:]]

    def _live(self, tab: KeptTab) -> LiveKernel:
        kernel: Any = self._kernels.get_kernel(tab.kernel_id)
        spec: Any = kernel.kernel_spec
        argv: list[str] = list(spec.argv) if spec else []
        language = str(spec.language) if spec else ""
        return LiveKernel(tab.kernel_id, tab.path, str(kernel.kernel_name), language, KERNEL in argv)

    def is_idle(self, kernel_id: str) -> bool:
        """Tell whether a kernel waits for a cell."""
        return getattr(self.kernel(kernel_id), "execution_state", None) == "idle"

    async def bring_back(self, kernel: KeptKernel, tabs: Sequence[KeptTab]) -> Any:
        """Start a kernel under its old id with its tabs; return its manager, or raise what a start raises."""
        await self._sessions.bring_back(kernel.kernel_id, kernel.kernel_name, kernel.path, tabs)
        return self._kernels.get_kernel(kernel.kernel_id)
