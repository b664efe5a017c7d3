"""What became of each kernel at the resume, as JupyterLab shows it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep_runtime.server.state.index import KeptKernel, Lost


@dataclass
class ResumedKernel:
    """One kernel: restoring, restored, failed or not-kept."""

    path: str
    name: str
    language: str
    status: str
    reason: str = ""
    kept: int = 0
    lost: list[Lost] = field(default_factory=list["Lost"])

    def as_json(self) -> dict[str, Any]:
        """Return it for the API; which cells made a variable, JupyterLab reads in the notebook itself."""
        return {
            "path": self.path,
            "name": self.name,
            "language": self.language,
            "status": self.status,
            "reason": self.reason,
            "kept": self.kept,
            "lost": [dataclasses.asdict(one) for one in self.lost],
        }


@dataclass
class Resumed:
    """The whole resume."""

    saved_at: str | None
    kernels: list[ResumedKernel] = field(default_factory=list[ResumedKernel])

    def add(self, kernel: KeptKernel) -> ResumedKernel:
        """Add a kernel as it is kept."""
        checkpoint = kernel.checkpoint
        told = ResumedKernel(kernel.path, kernel.kernel_name, kernel.language, "restoring")
        if checkpoint is None:
            told.status, told.reason = "not-kept", kernel.reason
        else:
            told.lost = list(checkpoint.lost)
        self.kernels.append(told)
        return told

    def as_json(self) -> dict[str, Any]:
        """Return it for the API."""
        return {"saved_at": self.saved_at, "kernels": [one.as_json() for one in self.kernels]}


def refused(reason: str, paths: Sequence[str]) -> Resumed:
    """Return what is told when nothing of the kept state could be used."""
    return Resumed(None, [ResumedKernel(path, "", "", "failed", reason) for path in paths or ("",)])
